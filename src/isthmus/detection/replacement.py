"""What a column's value would be, given the row's other columns: read off the usual rows nearest in those."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..subsets import even_subset
from .embedding import Embedding

__all__ = ["Replacement"]

NEAREST_ROWS = 10
"""How many usual rows an expected value is the median of."""

FURTHEST_STD = 3.0
"""Standard deviations beyond which a column counts no further in a distance: a faulty column, which is far from all
usual rows alike, then hardly changes which of them are nearest."""

INTERVAL_ROWS = 500
"""How many usual rows the widths of the intervals are measured on."""


class Replacement:
    r"""Values as the usual rows would have them.

    Of a row x without the columns C, the k usual rows nearest are those with the least Σ_{j∉C} min(d²ⱼ, 3²), dⱼ their
    distance in column j (`isthmus.detection.Embedding`). What is expected in a column of C is the median of their
    values there, of a category the most frequent level. The interval about a number is conformal: usual rows are left
    out one at a time, and the quantile of |rⱼ − expectedⱼ| over them says how wide it must be.

    Parameters
    ----------
    usual : rows, (M, n), categories as the numbers of their levels, gaps as NaN.
    levels : the number of levels of each column, 0 for a number; None is all numbers.
    settle : makes of rows of expected values such as the columns hold, whole numbers for instance; None leaves them.
    level : the share of usual rows whose value lies in the interval.

    >>> x = np.linspace(0, 1, 200)
    >>> usual = np.stack([x, 10 * x], axis=1)
    >>> Replacement(usual).expected(np.array([0.5, 99.0]), [1]).round(1).tolist()
    [5.0]
    """

    def __init__(
        self,
        usual: np.ndarray,
        levels: Sequence[int] | None = None,
        settle: Callable[[np.ndarray], np.ndarray] | None = None,
        level: float = 0.9,
    ) -> None:
        self.usual, self.settle, self.embedding = usual, settle, Embedding.of(usual, levels)
        self.points, self.gaps = self.embedding.points(usual), np.isnan(usual)
        numeric = self.embedding.levels == 0
        self.scale = np.where(numeric, self.embedding.scale[self.embedding.starts], 1.0)
        residuals = []
        for i in even_subset(len(usual), INTERVAL_ROWS) if len(usual) > 1 else ():
            others = np.arange(len(usual)) != i
            residuals.append(np.abs(usual[i] - self._values(self._distances(usual[i])[others], usual[others])))
        n = len(residuals)
        rank = min(n, int(np.ceil((n + 1) * level))) - 1
        widest = np.sort(np.array(residuals), axis=0)[rank] if n else np.full(usual.shape[1], np.inf)
        self.half_width = np.where(numeric, widest, np.nan)

    def expected(self, row: np.ndarray, hidden: Sequence[int]) -> np.ndarray:
        """Return what is expected in some columns of a row, (len(hidden),), given all others."""
        far, columns = self._distances(row), list(hidden)
        nearest = self.usual[_nearest(far.sum(axis=1) - far[:, columns].sum(axis=1))]
        found = row.copy()
        found[columns] = [self._value(j, nearest[:, j]) for j in columns]
        return self._settled(found)[columns]

    def each(self, row: np.ndarray) -> np.ndarray:
        """Return what is expected in each column, given all others, (n,)."""
        return self._settled(self._values(self._distances(row), self.usual))

    def apart(self, row: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Return how far a row is from what is expected, in each column, in widths of the interval, (n,)."""
        width = np.where(self.half_width > 0, self.half_width, self.scale)
        unlike = np.where(np.isnan(row) == np.isnan(expected), row != expected, True).astype(np.float64)
        far: np.ndarray = np.where(self.embedding.levels == 0, np.abs(row - expected) / width, unlike)
        return np.where(np.isnan(far), (np.isnan(row) != np.isnan(expected)).astype(np.float64), far)

    def _values(self, far: np.ndarray, usual: np.ndarray) -> np.ndarray:
        """Return for each column what the rows have that are nearest in the other columns, (n,)."""
        total = far.sum(axis=1)
        return np.array([self._value(j, usual[_nearest(total - far[:, j]), j]) for j in range(far.shape[1])])

    def _value(self, column: int, values: np.ndarray) -> float:
        """Return the median of a number, the most frequent level of a category; a gap where most have one."""
        known = values[~np.isnan(values)]
        if 2 * len(known) < len(values):
            return float("nan")
        if self.embedding.levels[column]:
            return float(np.bincount(known.astype(np.int64)).argmax())
        return float(np.median(known))

    def _settled(self, row: np.ndarray) -> np.ndarray:
        return row if self.settle is None else self.settle(row[None])[0]

    def _distances(self, row: np.ndarray) -> np.ndarray:
        """Return each usual row's squared distance from a row, by column, (M, n)."""
        squares = self.embedding.by_column((self.embedding.points(row[None]) - self.points) ** 2)
        apart: np.ndarray = np.minimum(squares + (np.isnan(row) != self.gaps), FURTHEST_STD**2)
        return apart


def _nearest(distances: np.ndarray) -> np.ndarray:
    """Return which rows are nearest, those at the distance of the last of them too: all, where no column is left."""
    k = min(NEAREST_ROWS, len(distances)) - 1
    nearest: np.ndarray = distances <= np.partition(distances, k)[k]
    return nearest
