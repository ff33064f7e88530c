"""Rows of numbers, categories and gaps as points, so that one distance is as good as another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

__all__ = ["Embedding", "normal_scores", "rank_among"]


class Embedding:
    r"""Rows (N, n) as points (N, m), in which every column counts as much as any other.

    A number becomes (x − μ)/σ. A category of K levels, given by the number of its level, becomes K indicators over
    √(1 − Σₖ pₖ²), pₖ the share of the level. The squared distance of two rows drawn at random is then 2 in the mean, in
    a column of either kind. A gap, NaN, becomes the column's mean point, whose squared distance from the rows is 1 in
    the mean; one more is to be added where one of two rows has a gap and the other has none.

    Parameters
    ----------
    levels : the number of levels of each column, 0 for a number, (n,).
    centre, scale : of each coordinate, (m,).
    ranked : where numbers count by their ranks, the rows that they are ranked among, each column sorted, gaps last,
        (M, n): a number becomes its normal score in place of (x − μ)/σ, see `normal_scores`; (0, n) where they do not.

    >>> rows = np.array([[1.0, 0], [3.0, 1], [np.nan, 1], [5.0, 0]])
    >>> Embedding.of(rows, [0, 2]).points(rows).round(2).tolist()
    [[-1.22, 0.71, -0.71], [0.0, -0.71, 0.71], [0.0, -0.71, 0.71], [1.22, 0.71, -0.71]]
    """

    def __init__(self, levels: np.ndarray, centre: np.ndarray, scale: np.ndarray, ranked: np.ndarray) -> None:
        self.levels, self.centre, self.scale, self.ranked = levels, centre, scale, ranked
        self.starts = np.concatenate([[0], np.cumsum(np.maximum(levels, 1))[:-1]]).astype(np.int64)

    @classmethod
    def of(cls, rows: np.ndarray, levels: Sequence[int] | None = None, by_rank: bool = False) -> Embedding:
        """Return the embedding of rows that have their mean at 0 in it; a column that does not vary keeps its units.

        Parameters
        ----------
        rows : (N, n), gaps as NaN.
        levels : the number of levels of each column; None is all numbers.
        by_rank : whether numbers count by their ranks.
        """
        counts = np.zeros(rows.shape[1], dtype=np.int64) if levels is None else np.asarray(levels, dtype=np.int64)
        none = np.zeros((0, rows.shape[1]))
        made = cls(counts, np.zeros(0), np.zeros(0), none)
        wide = made._widened(rows)
        known = ~np.isnan(wide)
        share = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, wide, 0.0).sum(axis=0) / share
        spread = np.sqrt(np.where(known, (wide - centre) ** 2, 0.0).sum(axis=0) / share)
        owner = np.repeat(np.arange(len(counts)), np.maximum(counts, 1))
        unlike = np.sqrt(np.maximum(0.0, 1 - np.add.reduceat(centre**2, made.starts)))[owner]
        scale = np.where(counts[owner] > 0, unlike, spread)
        return cls(counts, centre, np.where(scale > 1e-12, scale, 1.0), np.sort(rows, axis=0) if by_rank else none)

    def points(self, rows: np.ndarray) -> np.ndarray:
        """Return rows (N, n) as points (N, m)."""
        moved: np.ndarray = (self._widened(rows) - self.centre) / self.scale
        for j in np.flatnonzero(self.levels == 0) if len(self.ranked) else ():
            at, known = self.starts[j], self.ranked[~np.isnan(self.ranked[:, j]), j]
            moved[:, at] = normal_scores(rows[:, j], known, self.scale[at])
        return np.where(np.isnan(moved), 0.0, moved)

    def by_column(self, squares: np.ndarray) -> np.ndarray:
        """Return sums over the coordinates of each column, (..., m) → (..., n)."""
        sums: np.ndarray = np.add.reduceat(squares, self.starts, axis=-1)
        return sums

    def _widened(self, rows: np.ndarray) -> np.ndarray:
        """Return numbers as they are and categories as indicators, all of them NaN for a gap."""
        if not self.levels.any():
            return rows
        parts = []
        for j, count in enumerate(self.levels):
            column = rows[:, j : j + 1]
            parts.append(column if count == 0 else np.where(np.isnan(column), np.nan, column == np.arange(count)))
        return np.concatenate(parts, axis=1)


def normal_scores(values: np.ndarray, known: np.ndarray, scale: float) -> np.ndarray:
    r"""Return Φ⁻¹ of the ranks of values (N,) among known ones, continued in steps of `scale` beyond the last of them.

    Within them the score is Φ⁻¹ of `rank_among`; it grows by (x − max)/scale beyond the largest, and falls by
    (min − x)/scale beyond the smallest.

    Parameters
    ----------
    values : (N,); NaN stays NaN.
    known : (n,), sorted.
    scale : σ of the known values.

    >>> normal_scores(np.array([2.0, 3.0, 13.0]), np.array([1.0, 2.0, 3.0]), 5.0).round(2).tolist()
    [0.0, 0.67, 3.15]
    """
    if not len(known):
        return np.full(len(values), np.nan)
    inside = ndtri(rank_among(values, known))
    beyond = np.maximum(values - known[-1], 0) - np.maximum(known[0] - values, 0)
    scores: np.ndarray = np.where(np.isnan(values), np.nan, inside + beyond / scale)
    return scores


def rank_among(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return (2l + t + 1)/(2n + 2) for values (N,), l of n sorted known ones being smaller and t equal, in (0, 1).

    >>> rank_among(np.array([0.0, 2.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [0.125, 0.5]
    """
    below, up_to = (np.searchsorted(known, values, side) for side in ("left", "right"))
    ranks: np.ndarray = (below + up_to + 1) / (2 * len(known) + 2)
    return ranks
