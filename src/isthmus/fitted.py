"""What a fitted model offers to whatever measures, judges, shows or keeps it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .blocks import BLOCK_ROWS, block_rows, fewest_rows, values_at_once
from .data.conditions import asked_of
from .device import plain_modes
from .distributions import draw
from .errors import CompositionError, DataError
from .history import History
from .likelihood import Likelihood
from .model import Model
from .placing import AnyPlace
from .rows import check_rows, condition_rows
from .source import Source
from .tensors import as_tensor, result_dtype
from .typing import ArrayLike

__all__ = ["Fitted"]


class Fitted:
    """A fitted estimator's rows, blocks, codes, units and abilities.

    Everything outside the estimators depends on this alone, so that a user's own system is measured, diagnosed, saved
    and reported like those of isthmus.

    Parameters
    ----------
    estimator : fitted.

    >>> from sklearn.datasets import load_iris
    >>> from isthmus import VAE
    >>> X = load_iris().data
    >>> fitted = Fitted(VAE(2, max_epochs=1, random_state=0).fit(X))
    >>> fitted.encode(X).shape, fitted.units(X).shape, "density" in fitted.abilities
    ((150, 2), (150, 4), True)
    """

    def __init__(self, estimator: Any) -> None:
        check_is_fitted(estimator, "model_")
        self.estimator = estimator

    @property
    def model(self) -> Model:
        """The module of the composition."""
        model: Model = self.estimator.model_
        return model

    @property
    def history(self) -> History:
        """One row an epoch."""
        history: History = self.estimator.history_
        return history

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        shape: tuple[int, ...] = self.estimator.shape_
        return shape

    @property
    def latent_dim(self) -> int:
        """The width of the code."""
        return int(self.estimator.latent_dim_)

    @property
    def likelihood(self) -> Likelihood | None:
        """The likelihood p(x|z), the part."""
        likelihood: Likelihood | None = self.estimator.likelihood_
        return likelihood

    @property
    def abilities(self) -> frozenset[str]:
        """What the system can: ``codes``, ``reconstructions``, ``scores``, ``density``, ``samples``, ``judgements``.

        The scores of a system with a ``density`` are bounds on log p(x); with a ``likelihood`` they are log p(x).
        """
        abilities: frozenset[str] = type(self.estimator).abilities()
        return abilities

    def rows(self, X: ArrayLike, *, to_learn: bool = False) -> np.ndarray:
        """Return rows as a numeric array (N, *shape), in their own dtype; an entry that is not observed is NaN.

        A model that was fitted on rows without gaps takes the training mean for what it encodes of one, and warns.

        Parameters
        ----------
        X : (N, *shape), or a table like that of the fit.
        to_learn : whether a fit goes on with them, which takes at least one value.

        Raises
        ------
        DataError : samples have another shape than in the fit, values that are no finite numbers, or nothing to learn.
        """
        if type(X) is np.ndarray and X.dtype.kind == "f" and X.dtype.itemsize in (4, 8) and self._needs_no_more(X):
            return X
        shape = tuple(getattr(X, "shape", ()))[1:]
        if len(shape) > 1 or len(self.shape) > 1:
            shape = shape or np.shape(X)[1:]
            if shape != self.shape:
                name = type(self.estimator).__name__
                raise DataError(f"X has samples of shape {shape}, {name} was fitted on {self.shape}")
        rows = check_rows(self.estimator, X, reset=False)
        if to_learn and rows.dtype.kind == "f" and np.isnan(rows).all():
            raise DataError("there is no value at all in X: every entry is a gap, and a fit needs some to go on with")
        unmet = not self.model.gaps and not self.model.scaling.reads_gaps
        gaps = rows.dtype.kind == "f" and unmet and np.isnan(rows.reshape(len(rows), -1)).any(axis=1)
        if np.any(gaps):
            warnings.warn(
                f"{np.sum(gaps)} of {len(rows)} rows have gaps and {type(self.estimator).__name__} was fitted on rows "
                "without: it takes the training mean for what it encodes there; fit it on rows with gaps to do better",
                stacklevel=3,
            )
        return rows

    def entry(self, column: int | str) -> int:
        """Return the number of an entry of the flattened rows, by that number or by its column's name."""
        names, n = list(getattr(self.estimator, "feature_names_in_", ())), math.prod(self.shape)
        if column in names:
            return names.index(column)
        if isinstance(column, int | np.integer) and 0 <= column < n:
            return int(column)
        raise DataError(f"there is no column {column!r}; columns are {', '.join(map(str, names)) or f'0 to {n - 1}'}")

    def holding(self, values: Mapping[Any, Any], n: int) -> np.ndarray:
        """Return n rows as numbers that hold a value for each of some entries, by number or name, and NaN elsewhere."""
        rows, schema = np.full((n, math.prod(self.shape)), np.nan), self.estimator.schema_
        for name, value in values.items():
            entry = self.entry(name)
            rows[:, entry] = float(value) if schema is None else schema.number(entry, value)
        return rows.reshape(n, *self.shape)

    def _needs_no_more(self, X: np.ndarray) -> bool:
        """Return whether an array needs no further checks, which would take longer than the score of a single row."""
        named = hasattr(self.estimator, "feature_names_in_")
        return not named and len(X) > 0 and X.shape[1:] == self.shape and bool(np.isfinite(X).all())

    def conditions(self, condition: Any, rows: int, X: Any = None) -> np.ndarray | None:
        """Return the condition of every row as numbers, (N, c), or None where the model has none.

        A single condition stands for all rows; where none is given, that of `Estimator.under` does, or the columns of
        the fit's condition in a table X. The numbers that a corruption returns may be left out: they are zero for a row
        that is not corrupted.
        """
        width, learnt = self.model.condition_width, self.estimator.condition_
        if self.model.fixed is None:
            condition = asked_of(X, condition, learnt)
            if condition is None and learnt is not None:
                raise DataError(
                    f"this model was fitted with the condition {', '.join(map(repr, learnt.names))}: give rows that "
                    f"have these columns, or condition={{{learnt.names[0]!r}: ...}}"
                )
        own = width - self.model.corruption_width
        numbers: Any = np.zeros((rows, 0)) if condition is None and own == 0 < width else condition
        if condition is None and self.model.fixed is not None:
            numbers = np.broadcast_to(self.model.fixed.cpu().numpy(), (rows, width))
        if condition is not None and width:
            numbers = np.asarray(self.estimator.numbers_of(condition))
            if numbers.ndim < 2:
                numbers = numbers.reshape(-1, 1) if 1 in (own, width) else numbers.reshape(1, -1)
            if len(numbers) == 1:
                numbers = np.broadcast_to(numbers, (rows, *numbers.shape[1:]))
        if self.model.corruption_width and numbers is not None and numbers.shape[1] == own:
            numbers = np.concatenate([numbers, np.zeros((len(numbers), self.model.corruption_width))], axis=1)
        return condition_rows(numbers, rows, width)

    def told(self, X: Any, condition: Any, rows: int) -> Any:
        """Return the condition of rows X as a model of arrays takes it: in numbers, if it was learnt from a table."""
        return condition if self.estimator.condition_ is None else self.conditions(condition, rows, X)

    def codes(self, H: ArrayLike) -> np.ndarray:
        """Return codes as an array (N, d).

        Raises
        ------
        DataError : they have another width.
        """
        h = np.asarray(H.detach().cpu() if isinstance(H, Tensor) else H)
        if h.ndim != 2 or h.shape[1] != self.latent_dim:
            raise DataError(f"codes must be (N, {self.latent_dim}), got {h.shape}")
        return h

    def block_rows(self, draws: int = 1) -> int:
        """Return how many rows go through at once: whatever their number, so that a row has its own bits."""
        return block_rows(self.model.device, math.prod(self.shape), draws)

    def map(
        self,
        X: np.ndarray,
        f: Callable[[Tensor, Tensor | None], Tensor],
        *,
        condition: np.ndarray | None = None,
        dtype: np.dtype[Any] | None = None,
        draws: int = 1,
        alone: str = "",
    ) -> np.ndarray:
        """Return ``f(rows, conditions)`` of all rows, a block at a time on the model's device, without gradients.

        Parameters
        ----------
        X : rows or codes, (N, ...).
        f : maps a block of rows and their conditions, or None, to a tensor with one row each.
        condition : (N, c) or None.
        dtype : the result is in float64 if this is or holds integers as long, in float32 otherwise; None is that of X.
        draws : how many values f makes of each value, which decides on the size of a block.
        alone : a name for an f that takes every row by itself and draws nothing, so that few rows may go through in a
            smaller block; "" is any other.
        """
        gaps = np.isnan(X.reshape(len(X), -1)).any(axis=1) if X.dtype.kind == "f" else np.zeros(len(X), dtype=bool)
        if gaps.any():
            alone = ""
            if not gaps.all():  # a row's bits do not depend on whether its neighbours have gaps
                both = [(rows, None if condition is None else condition[rows]) for rows in (~gaps, gaps)]
                parts = [self.map(X[rows], f, condition=c, dtype=dtype, draws=draws) for rows, c in both]
                merged = np.empty((len(X), *parts[0].shape[1:]), dtype=parts[0].dtype)
                merged[~gaps], merged[gaps] = parts
                return merged
        device, dtype_of_weights, plain = self.model.device, self.model.dtype, False
        size, results = block_rows(device, math.prod(self.shape), draws), []
        with plain_modes(), torch.no_grad():
            if alone and len(X) < size == BLOCK_ROWS and device.type == "cpu":
                called = (alone, X.shape[1:], X.dtype.str, None if condition is None else condition.shape[1:])
                size, plain = fewest_rows(self.model, called, len(X), f, partial(self._example, X, condition))
            with nullcontext() if plain else AnyPlace():
                for start in range(0, len(X), size):
                    x = _block(X, start, size, device)
                    c = None if condition is None else _block(condition, start, size, device).to(dtype_of_weights)
                    results.append(f(x, c)[: len(X) - start].cpu().numpy())
        out = np.concatenate(results)
        return out.astype(result_dtype(X.dtype if dtype is None else dtype), copy=False)

    def _example(self, X: np.ndarray, condition: np.ndarray | None) -> tuple[Tensor, Tensor | None]:
        """Return a full block of random rows of the kind of X, and the condition of its first row for each."""
        x = torch.rand(BLOCK_ROWS, *X.shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        if X.shape[-len(self.shape) :] == self.shape:
            x = self.model.scaling.example(x)
        c = None if condition is None else torch.as_tensor(condition[:1]).to(self.model.dtype).expand(BLOCK_ROWS, -1)
        return x.to(as_tensor(X[:1], x.device).dtype), c

    def scores(
        self,
        X: ArrayLike,
        f: Callable[[Tensor, Tensor | None], Tensor],
        condition: ArrayLike | None = None,
        *,
        draws: int = 1,
    ) -> np.ndarray:
        """Return log-densities, f of each row, (N,); −∞ for a row outside what the likelihood has a density for.

        Parameters
        ----------
        X, condition : rows in the data's units, and their condition.
        f, draws : as in `map`; f takes every row by itself.
        """
        rows, outside = self.rows(X), None
        if self.likelihood is not None:
            rows, outside = self.likelihood.within(rows, self.model.scaling)
        given = self.conditions(condition, len(rows), X)
        found = self.map(rows, f, condition=given, draws=draws, alone=getattr(f, "__qualname__", ""))
        if outside is not None:
            found[outside] = -np.inf
        return found

    def encode(self, X: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return the codes (N, d) of rows: the posterior's mean, without corruption or draws."""
        rows = self.rows(X)
        return self.map(
            rows,
            self.code,
            condition=self.conditions(condition, len(rows), X),
            alone="encode",
        )

    def code(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the posterior's mean for a block of rows in the data's units; an entry that is NaN is not observed."""
        z: Tensor = self.model.encode(self.model.scaled(x), condition, self.model.observed(x)).mean
        return z

    def decoded(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return x̂ in the data's units for a block of codes."""
        model = self.model
        x_hat: Tensor = model.scaling.inverse(model.decode(z.to(model.dtype), condition).mean)
        return x_hat

    def drawn(self, z: Tensor, condition: Tensor | None = None, *, source: Source) -> Tensor:
        """Return x ~ p(x|z) in the data's units for a block of codes."""
        model = self.model
        x: Tensor = model.scaling.drawn(draw(model.decode(z.to(model.dtype), condition), source), source)
        return x

    def decode(self, H: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return x̂ for codes (N, d), in the data's own shape and units."""
        h = self.codes(H)
        given = self.conditions(condition, len(h))
        return self.map(h, self.decoded, condition=given, dtype=self.estimator.dtype_, alone="decode")

    def reconstruct(self, X: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return x̂ of the shape of X, in the data's units."""
        rows = self.rows(X)
        return self.map(
            rows,
            lambda x, c: self.decoded(self.code(x, c), c),
            condition=self.conditions(condition, len(rows), X),
            dtype=self.estimator.dtype_,
            alone="reconstruct",
        )

    def units(self, X: np.ndarray) -> np.ndarray:
        """Return rows in the data's units as flat rows in the model's, (N, n), float64."""
        x = torch.as_tensor(np.asarray(X, dtype=np.float64))
        scaling = self.model.scaling
        wide: Tensor = scaling(x.to(scaling.shift), torch.float64)
        return wide.cpu().numpy().reshape(len(X), -1)

    def scaled_blocks(self, X: ArrayLike, draws: int) -> Iterator[Tensor]:
        """Yield rows in the model's units, in blocks whose reconstructions from `draws` codes each have a bounded size.

        Raises
        ------
        DataError : rows do not fit the model, or hold values that the likelihood has no density for.
        """
        rows = self.rows(X)
        if self.likelihood is not None:
            rows = self.likelihood.checked(rows, self.model.scaling)
        size = max(1, min(BLOCK_ROWS, values_at_once(self.model.device) // (draws * math.prod(self.shape))))
        for start in range(0, len(rows), size):
            yield self.model.scaled(as_tensor(rows[start : start + size], self.model.device))

    def in_data_units(self, log_p: np.ndarray, X: ArrayLike) -> np.ndarray:
        """Return the log-densities of rows, (N,), of the model's units, as those of the data's."""
        x = as_tensor(self.rows(X), self.model.device)
        found: np.ndarray = self.model.scaling.in_data_units(torch.as_tensor(log_p, device=x.device), x).cpu().numpy()
        return found

    def need_density(self, what: str) -> None:
        """Raise `CompositionError` unless there are a prior and a posterior with a density, which `what` needs."""
        if not self.model.has_density or self.model.prior is None:
            raise CompositionError(
                f"{what} needs a prior and a posterior with a density; {type(self.estimator).__name__} has not"
            )


def _block(a: np.ndarray, start: int, size: int, device: torch.device) -> Tensor:
    """Return a block of rows on the device, filled up with zeros."""
    block = as_tensor(a[start : start + size], device)
    return torch.cat([block, block.new_zeros(size - len(block), *block.shape[1:])])
