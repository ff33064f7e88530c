"""Intervals that hold what they say: quantiles of a guess, moved out or in until they cover cells that were hidden."""

from __future__ import annotations

import numpy as np

__all__ = ["Calibration"]

POOLED_CELLS = 100.0
"""How many hidden cells of its own a column must have for them to count as much as those of all columns together."""

LEAST_WIDTH = 0.02
"""Added to the width of an interval, in standard deviations of its column, before misses are measured by it."""


class Calibration:
    r"""Conformal correction of quantiles, on either side by itself.

    A cell that lies below its lower quantile misses it by E = (q − x)/w, with w the interval's width. A new interval
    begins w times the (1 − α/2)-quantile of E lower; and so for the upper end. Where hidden cells and those to come are
    exchangeable, the intervals cover 1 − α of them, whatever the quantiles were. The quantile of E is one of the
    column's own cells, and of those of all columns, which together count as `POOLED_CELLS`.

    Yaniv Romano, Evan Patterson and Emmanuel J. Candès, "Conformalized Quantile Regression", 2019,
    https://arxiv.org/abs/1905.03222, theorem 2.

    Parameters
    ----------
    truth : what hidden cells hold, (cells,), in units in which columns compare.
    quantiles : of each of them as guessed, at probabilities that rise evenly, (cells, q).
    column : of each cell, (cells,).
    """

    def __init__(self, truth: np.ndarray, quantiles: np.ndarray, column: np.ndarray) -> None:
        self.truth, self.quantiles, self.column = truth, quantiles, column

    def intervals(self, quantiles: np.ndarray, column: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper ends of cells, (cells,) each.

        Parameters
        ----------
        quantiles, column : as in the class.
        level : 1 − α.
        """
        low, high, width = ends(self.quantiles, level)
        new_low, new_high, new_width = ends(quantiles, level)
        if not len(self.truth):
            return new_low, new_high
        for number in np.unique(column):
            weight = np.where(self.column == number, 1.0, POOLED_CELLS / max(1, len(self.column)))
            here = column == number
            below, above = (
                weighted_quantile(miss, weight, (1 + level) / 2)
                for miss in ((low - self.truth) / width, (self.truth - high) / width)
            )
            new_low[here] -= below * new_width[here]
            new_high[here] += above * new_width[here]
        middle = (new_low + new_high) / 2
        return np.minimum(new_low, middle), np.maximum(new_high, middle)


def ends(quantiles: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the quantiles (1 − level)/2 and (1 + level)/2 of each cell, and how far apart they are, never zero."""
    places = (np.array([1 - level, 1 + level]) / 2) * (quantiles.shape[1] + 1) - 1
    at = places.clip(0, quantiles.shape[1] - 1)
    lower = at.astype(int).clip(max=quantiles.shape[1] - 2)
    share = at - lower
    low, high = ((1 - s) * quantiles[:, i] + s * quantiles[:, i + 1] for i, s in zip(lower, share, strict=True))
    return low, high, high - low + LEAST_WIDTH


def weighted_quantile(values: np.ndarray, weight: np.ndarray, probability: float) -> float:
    """Return the least value below or at which lies that share of the weight, one cell more counted as beyond all."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) / (weight.sum() + weight.max())
    return float(values[order[min(int(np.searchsorted(reached, probability)), len(values) - 1)]])
