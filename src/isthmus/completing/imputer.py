"""The imputer: gaps in, numbers out, and intervals that cover as often as they say."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..data import Schema
from ..data.output import rows_back
from ..data.schema import Edits
from ..errors import CompositionError, DataError
from ..rows import TakesTables, check_rows
from ..seeds import drawn_seed
from ..typing import ArrayLike, RandomState
from .blended import Blended
from .calibration import Calibration
from .drawn import Drawn

__all__ = ["Imputer"]

HIDDEN_SHARE, MOST_HIDDEN = 0.1, 20_000
"""The share of the cells of a fit that are hidden to choose and to calibrate by, and how many they are at most."""


class Imputer(OneToOneFeatureMixin, TakesTables, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Fills gaps with the best guess given all that is seen of a row: NaN in, numbers out, for pipelines and tables.

    A tenth of the known cells is hidden from the fit. They say how far off guesses are, and so how wide `intervals`
    have to be; and, of the default, which of several guesses to trust in which column.

    Parameters
    ----------
    estimator : what guesses: any estimator of isthmus that has ``complete``, such as ``VAE()`` or
        ``MaskedAutoencoder()``. ``"auto"`` is what completed best of what was measured (docs/completing.md), see
        `isthmus.completing.blended`.
    schema : what is said of a table's columns before they are learnt, as in every estimator; a column that is left out
        is not given back.
    random_state : the seed of the cells that are hidden and of the fit.

    Attributes
    ----------
    estimator_ : what guesses, fitted.
    schema_ : what was learnt of the columns.
    n_features_in_, feature_names_in_ : the columns.

    Examples
    --------
    >>> from isthmus import VAE, Imputer
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) * [1, 2, 3] + 0.1 * rng.normal(size=(200, 3))
    >>> holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    >>> imputer = Imputer(VAE(1, max_epochs=20), random_state=0).fit(holes)
    >>> low, high = imputer.intervals(holes, level=0.8)
    >>> bool(np.isfinite(imputer.transform(holes)).all()), bool((low <= high).all())
    (True, True)
    """

    def __init__(
        self,
        estimator: Any = "auto",
        *,
        schema: Schema | Edits | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.schema = schema
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn how columns go together from rows with gaps, or without.

        Parameters
        ----------
        X : (N, d) array or a frame with columns of any kind; NaN and whatever else stands for a missing value is a gap.
        y : ignored.

        Raises
        ------
        DataError : the data cannot be used; rows and columns are named.
        CompositionError : the estimator does not complete rows.
        """
        if not isinstance(self.estimator, str) and not hasattr(self.estimator, "complete"):
            raise CompositionError(f"estimator must be 'auto' or have complete(), got {self.estimator!r:.60}")
        if isinstance(self.estimator, str) and self.estimator != "auto":
            raise CompositionError(f"estimator must be 'auto' or have complete(), got {self.estimator!r}")
        seed = drawn_seed(self.random_state)
        rows = self._checked(X, reset=True)
        hidden = hidden_cells(rows, seed)
        left = np.where(hidden, np.nan, rows)
        automatic = isinstance(self.estimator, str)
        self.estimator_: Blended | Drawn = (
            Blended(self.schema_, seed) if automatic else Drawn(clone(self.estimator), self.schema_, seed)
        )
        self.estimator_.fit(left, np.where(hidden, rows, np.nan))
        numbers = hidden & (self._levels == 0)
        self.scale_ = np.nanstd(rows, axis=0)
        self.scale_[self.scale_ == 0] = 1.0
        column = np.nonzero(numbers)[1]
        quantiles = self.estimator_.quantiles(left, numbers) / self.scale_[column, None]
        self.calibration_ = Calibration(rows[numbers] / self.scale_[column], quantiles, column)
        self.estimator_.refit(rows)
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Return X with its gaps filled in; what is there stays as it is. Of a frame, a frame comes back.

        A number is filled by its mean given all that is seen of the row, a category by its likeliest level.
        """
        check_is_fitted(self)
        rows = self._checked(X, reset=False)
        return rows_back(self, np.where(np.isnan(rows), self.estimator_.guess(rows), rows), X)

    def intervals(self, X: ArrayLike, level: float = 0.9) -> tuple[Any, Any]:
        """Return between what every missing number lies with a probability of `level`: the lower and the upper ends.

        They cover that share of missing cells where these are like those that are known, in each column about as well
        as in all; see `isthmus.completing.calibration`. Where whether a cell is missing depends on what it holds, no
        data could tell. What is there is both ends of its own interval, and a missing category has none: it stays
        missing.

        Parameters
        ----------
        X : as in `transform`.
        level : in (0, 1).
        """
        if not 0 < level < 1:
            raise CompositionError(f"level must lie in (0, 1), got {level}")
        check_is_fitted(self)
        rows = self._checked(X, reset=False)
        low, high = rows.copy(), rows.copy()
        wanted = np.isnan(rows) & (self._levels == 0)
        column = np.nonzero(wanted)[1]
        quantiles = self.estimator_.quantiles(rows, wanted) / self.scale_[column, None]
        ends = self.calibration_.intervals(quantiles, column, level)
        low[wanted], high[wanted] = (end * self.scale_[column] for end in ends)
        return rows_back(self, low, X), rows_back(self, high, X)

    @property
    def _levels(self) -> np.ndarray:
        return np.array([column.levels for column in self.schema_.columns])

    def _checked(self, X: ArrayLike, *, reset: bool) -> np.ndarray:
        rows = check_rows(self, X, reset=reset, minimum=2 if reset else 1)
        if rows.ndim != 2:
            raise DataError(
                f"an Imputer fills rows (N, d), got {rows.shape}; use complete() of an estimator for others"
            )
        rows = rows.astype(np.float64)
        empty = np.isnan(rows).all(axis=0)
        if reset and empty.any():
            raise DataError(f"there is no value at all in column {empty.argmax()}: leave it out, or give it one")
        return rows


def hidden_cells(rows: np.ndarray, seed: int) -> np.ndarray:
    """Return which known cells of rows to hide, (N, d): of every row and every column, some stay."""
    rng, known = np.random.default_rng(seed), ~np.isnan(rows)
    share = min(HIDDEN_SHARE, MOST_HIDDEN / max(1, known.sum()))
    hidden: np.ndarray = (rng.random(rows.shape) < share) & known
    hidden[~(known & ~hidden).any(axis=1)] = False
    hidden[:, (known & ~hidden).sum(axis=0) < 2] = False
    return hidden
