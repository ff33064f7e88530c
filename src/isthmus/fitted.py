"""What a fitted model offers to whatever measures, judges, shows or keeps it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .errors import CompositionError, DataError
from .history import History
from .likelihood import Likelihood
from .model import Model
from .placing import AnyPlace
from .rows import check_rows, condition_rows
from .tensors import as_tensor, observed_in

__all__ = ["BLOCK_ROWS", "Fitted", "values_at_once"]

BLOCK_ROWS = 256
"""Rows go through a fitted model in blocks of exactly this size, the last one filled up, so that a row's result does
not depend, to the bit, on how many others came with it."""

GPU_BLOCK_VALUES = 2**22
"""Values that a GPU is given at once: enough to keep it busy."""


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
        """What the system can: ``codes``, ``reconstructions``, ``scores``, ``density``, ``samples``, ``judgements``."""
        abilities: frozenset[str] = type(self.estimator).abilities()
        return abilities

    def rows(self, X: Any) -> np.ndarray:
        """Return rows as a numeric array (N, *shape), in their own dtype; an entry that is not observed is NaN.

        A model that was fitted on rows without gaps takes the training mean for what it encodes of one, and warns.

        Raises
        ------
        DataError : samples have another shape than in the fit, or values that are no finite numbers.
        """
        shape = tuple(getattr(X, "shape", ()))[1:]
        if len(shape) > 1 or len(self.shape) > 1:
            shape = shape or np.shape(X)[1:]
            if shape != self.shape:
                name = type(self.estimator).__name__
                raise DataError(f"X has samples of shape {shape}, {name} was fitted on {self.shape}")
        rows = check_rows(self.estimator, X, reset=False)
        gaps = rows.dtype.kind == "f" and not self.model.gaps and np.isnan(rows.reshape(len(rows), -1)).any(axis=1)
        if np.any(gaps):
            warnings.warn(
                f"{np.sum(gaps)} of {len(rows)} rows have gaps and {type(self.estimator).__name__} was fitted on rows "
                "without: it takes the training mean for what it encodes there; fit it on rows with gaps to do better",
                stacklevel=3,
            )
        return rows

    def conditions(self, condition: Any, rows: int) -> np.ndarray | None:
        """Return the condition of every row as numbers, (N, c), or None where the model has none.

        A single condition stands for all rows; where none is given, that of `Estimator.under` does. The numbers that
        a corruption returns may be left out: they are zero for a row that is not corrupted.
        """
        width = self.model.condition_width
        own = width - self.model.corruption_width
        numbers = np.zeros((rows, 0)) if condition is None and own == 0 < width else condition
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

    def codes(self, H: Any) -> np.ndarray:
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
        if self.model.device.type == "cpu":
            return BLOCK_ROWS
        fitting: int = GPU_BLOCK_VALUES // (draws * math.prod(self.shape))
        return max(BLOCK_ROWS, min(32 * BLOCK_ROWS, 1 << max(0, fitting.bit_length() - 1)))

    def map(
        self,
        X: np.ndarray,
        f: Callable[[Tensor, Tensor | None], Tensor],
        *,
        condition: np.ndarray | None = None,
        dtype: np.dtype[Any] | None = None,
        draws: int = 1,
    ) -> np.ndarray:
        """Return ``f(rows, conditions)`` of all rows, a block at a time on the model's device, without gradients.

        Parameters
        ----------
        X : rows or codes, (N, ...).
        f : maps a block of rows and their conditions, or None, to a tensor with one row each.
        condition : (N, c) or None.
        dtype : the result is in float64 if this is, in float32 otherwise; None is the dtype of X.
        draws : how many values f makes of each value, which decides on the size of a GPU's block.
        """
        gaps = np.isnan(X.reshape(len(X), -1)).any(axis=1) if X.dtype.kind == "f" else np.zeros(len(X), dtype=bool)
        if gaps.any() and not gaps.all():  # a row's bits do not depend on whether its neighbours have gaps
            kept = [(rows, None if condition is None else condition[rows]) for rows in (~gaps, gaps)]
            parts = [self.map(X[rows], f, condition=c, dtype=dtype, draws=draws) for rows, c in kept]
            merged = np.empty((len(X), *parts[0].shape[1:]), dtype=parts[0].dtype)
            merged[~gaps], merged[gaps] = parts
            return merged
        size, results = self.block_rows(draws), []
        with torch.no_grad(), AnyPlace():
            for start in range(0, len(X), size):
                x = self._block(X, start, size)
                c = None if condition is None else self._block(condition, start, size).to(self.model.dtype)
                results.append(f(x, c)[: len(X) - start].cpu().numpy())
        out = np.concatenate(results)
        dtype = X.dtype if dtype is None else dtype
        wide = dtype.kind == "f" and dtype.itemsize == 8  # in whatever byte order
        return out.astype(np.float64 if wide else np.float32, copy=False)

    def _block(self, a: np.ndarray, start: int, size: int) -> Tensor:
        block = as_tensor(a[start : start + size], self.model.device)
        return torch.cat([block, block.new_zeros(size - len(block), *block.shape[1:])])

    def encode(self, X: Any, condition: Any = None) -> np.ndarray:
        """Return the codes (N, d) of rows: the posterior's mean, without corruption or draws."""
        rows = self.rows(X)
        return self.map(
            rows,
            self.code,
            condition=self.conditions(condition, len(rows)),
        )

    def code(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the posterior's mean for a block of rows in the data's units; an entry that is NaN is not observed."""
        z: Tensor = self.model.encode(self.model.scaled(x), condition, observed_in(x)).mean
        return z

    def decoded(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return x̂ in the data's units for a block of codes."""
        model = self.model
        x_hat: Tensor = model.scaling.inverse(model.decode(z.to(model.dtype), condition).mean)
        return x_hat

    def decode(self, H: Any, condition: Any = None) -> np.ndarray:
        """Return x̂ for codes (N, d), in the data's own shape and units."""
        h = self.codes(H)
        given = self.conditions(condition, len(h))
        return self.map(h, self.decoded, condition=given, dtype=self.estimator.dtype_)

    def reconstruct(self, X: Any, condition: Any = None) -> np.ndarray:
        """Return x̂ of the shape of X, in the data's units."""
        rows = self.rows(X)
        return self.map(
            rows,
            lambda x, c: self.decoded(self.code(x, c), c),
            condition=self.conditions(condition, len(rows)),
            dtype=self.estimator.dtype_,
        )

    def units(self, X: np.ndarray) -> np.ndarray:
        """Return rows in the data's units as flat rows in the model's, (N, n), float64."""
        x = torch.as_tensor(np.asarray(X, dtype=np.float64))
        scaling = self.model.scaling
        wide: Tensor = scaling(x.to(scaling.shift), torch.float64)
        return wide.cpu().numpy().reshape(len(X), -1)

    def scaled_blocks(self, X: Any, draws: int) -> Iterator[Tensor]:
        """Yield rows in the model's units, in blocks whose reconstructions from `draws` codes each have a bounded size.

        Raises
        ------
        DataError : rows do not fit the model, or hold values that the likelihood has no density for.
        """
        rows = self.rows(X)
        if self.likelihood is not None:
            self.likelihood.check_values(rows, self.model.scaling)
        size = max(1, min(BLOCK_ROWS, values_at_once(self.model.device) // (draws * math.prod(self.shape))))
        for start in range(0, len(rows), size):
            yield self.model.scaled(as_tensor(rows[start : start + size], self.model.device))

    def need_density(self, what: str) -> None:
        """Raise `CompositionError` unless there are a prior and a posterior with a density, which `what` needs."""
        if not self.model.has_density or self.model.prior is None:
            raise CompositionError(
                f"{what} needs a prior and a posterior with a density; {type(self.estimator).__name__} has not"
            )


def values_at_once(device: torch.device) -> int:
    """Return how many values a decoder had best return at once: what stays in a CPU's cache, what fills a GPU."""
    return 2**20 if device.type == "cpu" else 2**26
