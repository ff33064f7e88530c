"""What a column's value would be by a model's own p(column | all else), which a masked autoencoder has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .regions import Regions
from .replacement import Expected, Replacement, Settle

__all__ = ["Conditionals"]

INTERVAL_QUANTILES = (0.05, 0.95)
"""Where the interval about a number begins and ends: 90 % of p(column | all else) lie in it."""


class Conditionals(Replacement):
    r"""Values as a model expects them: the mean of p(xⱼ | x₋ⱼ), of a category its likeliest level.

    Where the score is log p(x) of the same model, replacing columns C gains log p(x′_C | x₋C) − log p(x_C | x₋C) by the
    chain rule: how much likelier the expected values are there than those that were seen. The interval is the model's
    own, as wide as the rest of the row leaves the column free.

    Parameters
    ----------
    model : with ``conditional(X, column)`` and ``complete(X)``, such as `isthmus.MaskedAutoencoder`.
    regions : single columns.
    scale : what a deviation is divided by where the interval has no width, (n,).
    given : makes of numbers (N, n) rows as the model takes them.
    numbers : the way back.
    settle : see `Settle`.
    """

    def __init__(
        self,
        model: Any,
        regions: Regions,
        scale: np.ndarray,
        given: Callable[[np.ndarray], Any],
        numbers: Callable[[Any], np.ndarray],
        settle: Settle | None = None,
    ) -> None:
        super().__init__(regions, scale, settle)
        self.model, self.given, self.numbers = model, given, numbers

    def each(self, rows: np.ndarray) -> Expected:
        values, low, high = (np.full(rows.shape, np.nan) for _ in range(3))
        seen = self.given(rows)
        for j in range(rows.shape[1]):
            p = self.model.conditional(seen, j)
            if p.levels is None:
                values[:, j], (low[:, j], high[:, j]) = p.mean(), p.quantile(INTERVAL_QUANTILES).T
            else:
                values[:, j] = p.mode()
            values[p.missing > 0.5, j] = np.nan
        return self.expectation(rows, self.settled(values), low, high)

    def replaced(self, row: np.ndarray, sets: Sequence[Sequence[int]]) -> np.ndarray:
        out = np.stack([row] * len(sets))
        hidden = np.zeros(out.shape, dtype=bool)
        for k, columns in enumerate(sets):
            hidden[k, self.regions.within(columns)] = True
        filled = self.numbers(self.model.complete(self.given(np.where(hidden, np.nan, out))))
        return np.where(hidden, self.settled(filled), out)
