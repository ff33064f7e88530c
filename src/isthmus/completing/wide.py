"""Tables as numbers alone: numbers in units of their spread, categories as indicators of their levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Wide"]


class Wide:
    """Rows (N, d) as (N, W), a number as one entry and a category as one for each of its levels, and back.

    Parameters
    ----------
    levels : of each column, or 0 for a number.
    rows : (N, d), whose means and standard deviations are the units; NaN where a cell is missing.

    Attributes
    ----------
    blocks : where each column lies.
    widest : the width of the widest column.

    >>> wide = Wide([0, 2], np.array([[1.0, 0.0], [3.0, 1.0]]))
    >>> wide.encode(np.array([[3.0, np.nan]])).tolist(), wide.decode(np.array([[0.0, 0.4, 0.6]])).tolist()
    ([[1.0, nan, nan]], [[2.0, 1.0]])
    """

    def __init__(self, levels: Sequence[int], rows: np.ndarray) -> None:
        ends = np.cumsum([max(1, count) for count in levels])
        self.levels = tuple(levels)
        self.blocks = [slice(int(end) - max(1, count), int(end)) for end, count in zip(ends, levels, strict=True)]
        self.widest = max(1, *levels)
        self.mean, self.std = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        self.std = np.where(self.std > 0, self.std, 1.0)

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return rows (N, d) as (N, W); all entries of a missing cell are NaN."""
        parts = []
        for column, count in enumerate(self.levels):
            x = rows[:, column, None].astype(np.float64)
            hot = np.where(np.isnan(x), np.nan, x == np.arange(count))
            parts.append(hot if count else (x - self.mean[column]) / self.std[column])
        return np.concatenate(parts, axis=1)

    def decode(self, wide: np.ndarray) -> np.ndarray:
        """Return rows (N, d): numbers in their units, of a category its likeliest level."""
        columns = [
            wide[:, block].argmax(axis=1) if count else self.units(wide[:, block.start], column)
            for column, (block, count) in enumerate(zip(self.blocks, self.levels, strict=True))
        ]
        return np.column_stack(columns).astype(np.float64)

    def units(self, x: np.ndarray, column: int) -> np.ndarray:
        """Return a column's numbers in its own units."""
        own: np.ndarray = x * self.std[column] + self.mean[column]
        return own
