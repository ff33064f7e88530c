"""What a column's value would be, given the row's other columns: read off the usual rows nearest in those."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..subsets import even_subset

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

    Of a row x without the columns C, the k usual rows nearest are those with the least Σ_{j∉C} min(((xⱼ − rⱼ)/σⱼ)²,
    3²); the median of their values in C is what is expected there. The interval about it is conformal: usual rows are
    left out one at a time, and the quantile of |rⱼ − expectedⱼ| over them says how wide it must be.

    Parameters
    ----------
    usual : rows, (M, n).
    level : the share of usual rows whose value lies in the interval.

    >>> x = np.linspace(0, 1, 200)
    >>> usual = np.stack([x, 10 * x], axis=1)
    >>> Replacement(usual).expected(np.array([0.5, 99.0]), [1]).round(1).tolist()
    [5.0]
    """

    def __init__(self, usual: np.ndarray, level: float = 0.9) -> None:
        self.usual = usual
        spread = usual.std(axis=0)
        self.scale = np.where(spread > 0, spread, 1.0)
        residuals = []
        for i in even_subset(len(usual), INTERVAL_ROWS) if len(usual) > 1 else ():
            others = np.arange(len(usual)) != i
            residuals.append(np.abs(usual[i] - self._medians(self._distances(usual[i])[others], usual[others])))
        n = len(residuals)
        rank = min(n, int(np.ceil((n + 1) * level))) - 1
        self.half_width = np.sort(np.array(residuals), axis=0)[rank] if n else np.full(usual.shape[1], np.inf)

    def expected(self, row: np.ndarray, hidden: Sequence[int]) -> np.ndarray:
        """Return what is expected in some columns of a row, (len(hidden),), given all others."""
        far, columns = self._distances(row), list(hidden)
        nearest = _nearest(far.sum(axis=1) - far[:, columns].sum(axis=1))
        found: np.ndarray = np.median(self.usual[nearest][:, columns], axis=0)
        return found

    def each(self, row: np.ndarray) -> np.ndarray:
        """Return what is expected in each column, given all others, (n,)."""
        return self._medians(self._distances(row), self.usual)

    def _medians(self, far: np.ndarray, usual: np.ndarray) -> np.ndarray:
        """Return each column's median over the rows nearest in the other columns, (n,)."""
        total = far.sum(axis=1)
        return np.array([np.median(usual[_nearest(total - far[:, j]), j]) for j in range(far.shape[1])])

    def _distances(self, row: np.ndarray) -> np.ndarray:
        """Return each usual row's squared distance from a row, by column, (M, n)."""
        apart: np.ndarray = np.minimum(np.abs((row - self.usual) / self.scale), FURTHEST_STD) ** 2
        return apart


def _nearest(distances: np.ndarray) -> np.ndarray:
    """Return which rows are nearest, those at the distance of the last of them too: all, where no column is left."""
    k = min(NEAREST_ROWS, len(distances)) - 1
    nearest: np.ndarray = distances <= np.partition(distances, k)[k]
    return nearest
