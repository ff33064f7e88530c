"""The masked autoencoder: rows created, completed and scored, entry by entry in any order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..any_order import fill, log_densities, orders
from ..binned import Binned, Bins
from ..binned_units import BinnedUnits, ColumnDistribution
from ..corruption import AnySubset
from ..data.output import rows_back, values_back
from ..errors import CompositionError, DataError
from ..facts import Facts
from ..likelihood import Likelihood
from ..networks import Network, Residual
from ..objective import Sum
from ..rejection import Where, satisfying
from ..seeds import generator_for
from ..source import Generated, Source
from ..tensors import log_mean_exp, result_dtype
from ..term import AnyOrder, Seen
from ..training import Adam, Player, Training, Turns
from ..typing import ArrayLike, RandomState
from .abilities import Reconstructs
from .choices import power_of_two

__all__ = ["MaskedAutoencoder"]

STEPS = 6_000
"""Steps of a fit, about, unless its rows are few or very many."""

FEWEST_EPOCHS, MOST_EPOCHS = 10, 100
"""Passes over very many rows, and over few."""

MOST_STEPS = 128
"""Entries up to which a row is scored exactly, step by step."""

ROWS_AT_ONCE = 4096
"""Rows that are drawn together, each in an order of its own: where orders disagree, many even it out."""


class MaskedAutoencoder(Reconstructs):
    r"""Masked autoencoder: a denoising autoencoder whose noise hides any subset of the entries, at any rate.

    x ↦ what is seen of it → code z → p(xⱼ|z) for what is hidden, each entry a category over its own bins (`Binned`). It
    minimises an unbiased estimate of −log p(x) in random order (Uria, Murray and Larochelle 2014), so that it creates
    rows, completes them, conditions on any entries and scores, exactly, whatever the columns are: numbers, counts,
    categories, with values that repeat and with gaps.

    Parameters
    ----------
    {common}
        ``latent_dim="auto"`` and ``network="auto"`` are as wide as the rows are many: 64 to 256 units.
    seen_weight : how much the reconstruction of what is seen counts beside what is hidden.

    Attributes
    ----------
    history_ : one row an epoch, one column a term.
    model_ : the fitted module.
    latent_dim_, network_, likelihood_, precision_ : what was used.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X = load_wine().data
    >>> model = MaskedAutoencoder(max_epochs=2, random_state=0).fit(X)
    >>> model.sample(3, given={0: 13.0})[:, 0].tolist()
    [13.0, 13.0, 13.0]
    >>> holes = np.where(np.arange(13) == 5, np.nan, X[:4])
    >>> model.complete(holes).shape, model.complete(holes, n_draws=7).shape, model.score_samples(X).shape
    ((4, 13), (7, 4, 13), (178,))
    """

    offers: ClassVar[frozenset[str]] = frozenset({"samples", "likelihood"})
    recipe: ClassVar[Training] = Training(optimizer=Adam(beta2=0.99), averaging=0.999)
    watch: ClassVar[str] = "validation_likelihood"

    learning_rate: float = 1e-3
    seen_weight: float = 0.1

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.corruption_ = AnySubset()
        if not isinstance(self.likelihood_, Binned):
            raise CompositionError(f"likelihood must be a Binned, got {self.likelihood!r}")
        if not self.seen_weight >= 0:
            raise CompositionError(f"seen_weight must not be negative, got {self.seen_weight!r}")

    def auto_likelihood(self, facts: Facts) -> Likelihood:
        """Return bins."""
        return Binned()

    def auto_network(self, facts: Facts) -> Network:
        """Return residual blocks as wide as the rows allow."""
        return Residual(self.auto_latent_dim(facts))

    def auto_latent_dim(self, facts: Facts) -> int:
        """Return 64 to 256, as the rows are many."""
        return 64 if facts.rows < 1000 else 128 if facts.rows < 5000 else 256

    def auto_batch_size(self, rows: int) -> int:
        """Return a fiftieth of the rows, from 16 to 512, a power of two: what is hidden varies from row to row."""
        return power_of_two(rows / 50, 16, 512)

    def auto_epochs(self, rows: int) -> int:
        """Return how many passes make about `STEPS` steps, from 10 to 100.

        All of them are made, and on all rows: the last ones, at a low rate, bring the frequencies of columns and pairs
        near those of the data. Held-out rows would end the fit before that (`Training.patience`), for a likelihood that
        is hardly better.
        """
        return self.passes(STEPS, rows, FEWEST_EPOCHS, MOST_EPOCHS)

    def players(self) -> Turns:
        """Return the one player."""
        return [Player("autoencoder", Sum((AnyOrder(), Seen(self.seen_weight))), clip_norm=1.0)]

    def score_samples(self, X: ArrayLike, condition: ArrayLike | None = None, *, n_orders: int = 2) -> Any:
        r"""Return log p(x) in nats for each row: log (1/k) Σₒ p(x; o) over k fixed orders of the entries.

        Each p(x; o) is exact by the chain rule, and so is their mean: it sums and integrates to one. A value that is a
        piece of its own (`isthmus.binning`) counts with its probability, any other with its density in the data's
        units.

        Parameters
        ----------
        X : (N, ...); NaN is left out, or counts as a gap where the column had gaps in the fit. Of more than 128
            entries, as pictures have, the result is an estimate of the mean of log p(x; o) over orders, from 128 passes
            for each order, the same ones for every row.
        n_orders : k, at least 1.
        condition : of each row, (N, c), where the model has one.
        """
        if n_orders < 1:
            raise CompositionError(f"n_orders must be at least 1, got {n_orders}")
        fitted = self.fitted_
        rows, model = self._rows(X), fitted.model
        assert fitted.likelihood is not None
        rows, outside = fitted.likelihood.within(rows, model.scaling)
        n = int(np.prod(self.shape_))
        steps = None if n <= MOST_STEPS else MOST_STEPS
        chosen = torch.as_tensor(orders(n, n_orders), device=model.device)

        def score(x: Tensor, c: Tensor | None) -> Tensor:
            found = torch.stack([log_densities(model, x, order, c, steps=steps) for order in chosen])
            return log_mean_exp(found) if steps is None else found.mean(0)

        given, passes = fitted.conditions(condition, len(rows), X), n_orders * (steps or n)
        found = fitted.map(rows, score, condition=given, draws=passes)
        found[outside] = -np.inf
        return values_back(self, found, "score", X)

    def sample(
        self,
        n_samples: int = 1,
        random_state: RandomState = None,
        *,
        given: Mapping[Any, Any] | Any = None,
        where: Where | None = None,
        gaps: bool = False,
        condition: ArrayLike | None = None,
    ) -> Any:
        """Return new rows in the data's shape and units, drawn entry by entry in random order.

        The first n of many are the same as n alone, where there is no predicate.

        Parameters
        ----------
        n_samples : how many.
        random_state : None is the estimator's own.
        given : what holds in them: a value for each of some entries, by number or name, or rows (n_samples, ...) with
            NaN where something is to be drawn. What is given comes back as it is.
        where : what they satisfy: an expression such as ``"start < end and age > 60"`` (`isthmus.data.predicate`), a
            function of rows (N, ...) to booleans (N,), or a list of these. Rows are drawn until each satisfies all.
            The share that does is measured first: it is printed if ``verbose``, and a warning says if it is small.
        gaps : whether entries come out missing, as often as they were in the fit.
        condition : one for each sample, or one for all, where the model has one.
        """
        if n_samples < 1:
            raise CompositionError(f"n_samples must be at least 1, got {n_samples}")
        start = np.full((n_samples, *self.fitted_.shape), np.nan)
        if isinstance(given, Mapping):
            start = self.fitted_.holding(given, n_samples)
        elif given is not None:
            start = self._rows(given)
            if len(start) != n_samples:
                raise DataError(f"given must have {n_samples} rows, one a sample, got {len(start)}")
        c = self.fitted_.conditions(condition, n_samples)
        return rows_back(self, self._filled(start, random_state, gaps, c, where), drawn=True)

    def best_guess(self, rows: np.ndarray, condition: np.ndarray | None) -> np.ndarray:
        fitted = self.fitted_
        guess = fitted.map(rows, lambda x, c: fitted.decoded(self._code(x, c), c), condition=condition)
        return np.where(np.isnan(rows), guess, rows)

    def completions(
        self, rows: np.ndarray, condition: np.ndarray | None, n_draws: int, random_state: RandomState
    ) -> np.ndarray:
        """Return rows with draws from the joint distribution of what is missing, entry by entry in random order."""
        again = np.concatenate([rows] * n_draws)
        c = None if condition is None else np.concatenate([condition] * n_draws)
        return self._filled(again, random_state, False, c).reshape(n_draws, *rows.shape)

    def conditional(self, X: ArrayLike, column: int | str, condition: ArrayLike | None = None) -> ColumnDistribution:
        """Return p(column | all else that is seen of each row); what the column itself holds makes no difference.

        Parameters
        ----------
        X : (N, ...), NaN where nothing is known.
        column : its number, or its name.
        """
        rows, entry, fitted = self._rows(X).copy(), self.fitted_.entry(column), self.fitted_
        rows.reshape(len(rows), -1)[:, entry] = np.nan

        def probabilities(x: Tensor, c: Tensor | None) -> Tensor:
            p = fitted.model.decode(self._code(x, c), c)
            assert isinstance(p, Bins)
            return p.of_entry(entry).exp()

        found = fitted.map(rows, probabilities, condition=fitted.conditions(condition, len(rows), X))
        return ColumnDistribution(self._units, entry, found)

    @property
    def _units(self) -> BinnedUnits:
        units = self.fitted_.model.scaling
        assert isinstance(units, BinnedUnits)
        return units

    def _code(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Return the code of what is known of each row; a missing value is unknown, and not known to be a gap."""
        model = self.fitted_.model
        z: Tensor = model.encode(model.scaled(x), condition, ~x.isnan()).mean
        return z

    def _rows(self, X: ArrayLike) -> np.ndarray:
        """Return rows that may hold NaN as floating point."""
        rows = self.fitted_.rows(X)
        return rows.astype(np.result_type(rows.dtype, np.float32))

    def _filled(
        self, start: np.ndarray, random_state: RandomState, gaps: bool, c: np.ndarray | None, where: Where | None = None
    ) -> np.ndarray:
        fitted, device = self.fitted_, self.fitted_.model.device
        assert fitted.likelihood is not None
        fitted.likelihood.checked(start, self._units)
        source = Generated(generator_for(self.random_state if random_state is None else random_state, device))
        dtype = result_dtype(self.dtype_)

        def draw(rows: np.ndarray) -> np.ndarray:
            return self._drawn(start[rows], None if c is None else c[rows], gaps, source).astype(dtype)

        return draw(np.arange(len(start))) if where is None else satisfying(self, where, draw, len(start))

    def _drawn(self, start: np.ndarray, c: np.ndarray | None, gaps: bool, source: Source) -> np.ndarray:
        """Return rows with all that is NaN drawn, block by block; every row has an order of its own."""
        model, units = self.fitted_.model, self._units
        device, n = model.device, len(units.layout.sizes)
        rows, model.mixed = [], self.precision_ == "bfloat16"
        try:
            for first in range(0, len(start), ROWS_AT_ONCE):
                x = torch.as_tensor(start[first : first + ROWS_AT_ONCE], device=device, dtype=units.edges.dtype)
                u = source.uniform((3, ROWS_AT_ONCE, n), units.edges)  # as many as a full block takes
                of_order, of_bins, within = u[:, : len(x)]
                order = of_order.argsort(1)
                own = None if c is None else torch.as_tensor(c[first : first + ROWS_AT_ONCE]).to(device, model.dtype)
                seen = ~x.flatten(1).isnan()
                bins = fill(model, units.bins(x), seen, order, of_bins, condition=own, gaps=gaps)
                rows.append(torch.where(seen.reshape(x.shape), x, units.values(bins, within)).cpu().numpy())
        finally:
            model.mixed = False
        return np.concatenate(rows)
