"""An estimator as what guesses cells: its completions, and the quantiles of its draws."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np

from ..data import Schema
from ..data.output import of_arrays
from .forests import LEVELS

__all__ = ["Drawn"]

DRAWS = 99
"""Draws of a completion that its quantiles are those of."""


class Drawn:
    """Guesses by ``complete``.

    Parameters
    ----------
    estimator : with ``complete``, not fitted.
    schema : what is known of the columns.
    seed : of the draws, and of the fit where the estimator has none of its own.
    """

    def __init__(self, estimator: Any, schema: Schema, seed: int) -> None:
        self.estimator, self.seed = estimator.set_params(schema=schema), seed
        if estimator.random_state is None:
            estimator.set_params(random_state=seed)

    def fit(self, rows: np.ndarray, hidden: np.ndarray) -> Self:
        """Fit the estimator to rows (N, d) with gaps; it has no use for what is hidden in them."""
        self.estimator.fit(rows)
        return self

    def refit(self, rows: np.ndarray) -> Self:
        """Return what there is: a fit of an estimator takes long, and a tenth more cells would hardly change it."""
        return self

    def guess(self, rows: np.ndarray) -> np.ndarray:
        """Return rows with the best guess in their gaps."""
        filled: np.ndarray = of_arrays(self.estimator).complete(rows)
        return filled

    def quantiles(self, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Return the quantiles of those cells at `LEVELS`, (cells, 99)."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="σ of")  # whatever σ is, the intervals are calibrated
            draws = of_arrays(self.estimator).complete(rows, n_draws=DRAWS, random_state=self.seed)
        found: np.ndarray = np.quantile(np.stack(draws)[:, wanted], LEVELS, axis=0).T
        return found
