"""What a region's values would be, given all else in the row: read off the usual rows nearest in that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..subsets import even_subset
from .embedding import Embedding
from .regions import Regions

__all__ = ["Expected", "Replacement", "UsualRows"]

NEAREST_ROWS = 10
"""How many usual rows an expected value is the median of."""

FURTHEST_STD = 3.0
"""Standard deviations beyond which a column counts no further in a distance: a faulty column, which is far from all
usual rows alike, then hardly changes which of them are nearest."""

INTERVAL_ROWS = 500
"""How many usual rows the widths of the intervals are measured on."""

Settle = Callable[[np.ndarray], np.ndarray]
"""Makes of rows of expected values such as the columns hold, whole numbers for instance."""


@dataclass(frozen=True, eq=False)
class Expected:
    """What is expected of N rows, each region given all else in its row.

    Attributes
    ----------
    values : (N, n); NaN where a gap is expected.
    low, high : where most usual rows lie about that, (N, n); NaN of a category.
    entries_apart : how far each entry is from what is expected, in half widths of that interval, (N, n).
    apart : how far the furthest entry of each region is, (N, regions).
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    entries_apart: np.ndarray
    apart: np.ndarray

    def of_row(self, i: int) -> Expected:
        """Return what is expected of one row, in arrays without their first axis."""
        return Expected(self.values[i], self.low[i], self.high[i], self.entries_apart[i], self.apart[i])


class Replacement:
    """Base of the ways to say what usual rows would have in the place of some regions of a row.

    Parameters
    ----------
    regions : what is replaced together.
    scale : what a deviation is divided by where the interval has no width, (n,).
    settle : see `Settle`; None leaves values as they are.
    """

    def __init__(self, regions: Regions, scale: np.ndarray, settle: Settle | None = None) -> None:
        self.regions, self.scale = regions, scale
        self.settled = settle or (lambda rows: rows)

    def each(self, rows: np.ndarray) -> Expected:
        """Return what is expected in each region of rows (N, n), given all else in its row."""
        raise NotImplementedError

    def replaced(self, row: np.ndarray, sets: Sequence[Sequence[int]]) -> np.ndarray:
        """Return a row, (n,), with the regions of each set as expected given all else, (len(sets), n)."""
        raise NotImplementedError

    def expectation(self, rows: np.ndarray, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> Expected:
        """Return `Expected` of what was found, with how far rows are apart from it."""
        half = (high - low) / 2
        width = np.where(half > 0, half, self.scale)
        gaps = np.isnan(rows) != np.isnan(values)
        both = ~(np.isnan(rows) | np.isnan(values))
        far = np.where(np.isnan(low), (rows != values).astype(np.float64), np.abs(rows - values) / width)
        apart = np.where(both, far, gaps)
        return Expected(values, low, high, apart, self.regions.most(apart))


class UsualRows(Replacement):
    r"""Values as the usual rows have them that are like this one in all else.

    Of a row x without the regions C, the k usual rows nearest are those with the least Σ_{j∉C} min(d²ⱼ, 3²), dⱼ their
    distance in column j (`isthmus.detection.Embedding`). What is expected in a column of C is the median of their
    values there, of a category the most frequent level. The interval about a number is conformal: usual rows are left
    out one at a time, and the quantile of |rⱼ − expectedⱼ| over them says how wide it must be.

    Parameters
    ----------
    usual : rows, (M, n), categories as the numbers of their levels, gaps as NaN.
    regions : what is replaced together; None is each column by itself.
    levels : the number of levels of each column, 0 for a number; None is all numbers.
    settle : see `Settle`.
    level : the share of usual rows whose value lies in the interval.

    >>> x = np.linspace(0, 1, 200)
    >>> usual = np.stack([x, 10 * x], axis=1)
    >>> UsualRows(usual).replaced(np.array([0.5, 99.0]), [[1]]).round(1).tolist()
    [[0.5, 5.0]]
    """

    def __init__(
        self,
        usual: np.ndarray,
        regions: Regions | None = None,
        levels: Sequence[int] | None = None,
        settle: Settle | None = None,
        level: float = 0.9,
    ) -> None:
        self.usual, self.embedding = usual, Embedding.of(usual, levels)
        self.points, self.gaps = self.embedding.points(usual), np.isnan(usual)
        self.numeric = self.embedding.levels == 0
        scale = np.where(self.numeric, self.embedding.scale[self.embedding.starts], 1.0)
        super().__init__(regions or Regions.of(usual, [""] * usual.shape[1]), scale, settle)
        residuals = []
        for i in even_subset(len(usual), INTERVAL_ROWS) if len(usual) > 1 else ():
            others = np.arange(len(usual)) != i
            residuals.append(np.abs(usual[i] - self._values(self._distances(usual[i])[others], usual[others])))
        n = len(residuals)
        rank = min(n, int(np.ceil((n + 1) * level))) - 1
        widest = np.sort(np.array(residuals), axis=0)[rank] if n else np.full(usual.shape[1], np.inf)
        self.half_width = np.where(self.numeric, widest, np.nan)

    def each(self, rows: np.ndarray) -> Expected:
        values = self.settled(np.stack([self._values(self._distances(row), self.usual) for row in rows]))
        return self.expectation(rows, values, values - self.half_width, values + self.half_width)

    def replaced(self, row: np.ndarray, sets: Sequence[Sequence[int]]) -> np.ndarray:
        far, out = self._distances(row), np.stack([row] * len(sets))
        total = far.sum(axis=1)
        for changed, regions in zip(out, sets, strict=True):
            hidden = self.regions.within(regions)
            nearest = self.usual[_nearest(total - far[:, hidden].sum(axis=1))]
            changed[hidden] = self._typical(nearest[:, hidden], hidden)
            changed[hidden] = self.settled(changed[None])[0, hidden]
        return out

    def _values(self, far: np.ndarray, usual: np.ndarray) -> np.ndarray:
        """Return for each region what the rows have that are nearest in all else, (n,)."""
        total, values = far.sum(axis=1), np.empty(far.shape[1])
        for entries in self.regions.entries:
            nearest = usual[_nearest(total - far[:, entries].sum(axis=1))]
            values[entries] = self._typical(nearest[:, entries], entries)
        return values

    def _typical(self, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the median of numbers, the most frequent level of categories; a gap where most have one, (c,)."""
        known = ~np.isnan(values)
        if known.all() and self.numeric[columns].all():
            median: np.ndarray = np.median(values, axis=0)
            return median
        out = np.full(len(columns), np.nan)
        for j, column in enumerate(columns):
            own = values[known[:, j], j]
            if 2 * len(own) >= len(values):
                out[j] = np.median(own) if self.numeric[column] else np.bincount(own.astype(np.int64)).argmax()
        return out

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
