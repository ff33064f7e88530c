"""The distance to the nearest rows: the score of a detector that is not told of another."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..rows import check_rows

__all__ = ["Neighbours"]

BLOCK_VALUES = 2**22
"""How many distances are held at once."""


class Neighbours(BaseEstimator):  # type: ignore[misc]
    r"""Minus the mean distance of a row to its k nearest rows in the fit, columns standardised.

    score(x) = −(1/k) Σᵢ ‖(x − x₍ᵢ₎)/σ‖/√n, x₍ᵢ₎ the i-th nearest of the rows. A distance is computed pair by pair, so
    that a row's score does not depend, to the bit, on the rows that come with it.

    Parameters
    ----------
    n_neighbors : k; all rows, where there are fewer.

    References
    ----------
    Fabrizio Angiulli and Clara Pizzuti, "Fast outlier detection in high dimensional spaces", 2002,
        https://doi.org/10.1007/3-540-45681-3_2.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> Neighbours(1).fit(X).score_samples([[1.0], [5.0]]).round(3).tolist()
    [-0.0, -1.789]
    """

    rows_: torch.Tensor
    centre_: torch.Tensor
    scale_: torch.Tensor

    def __init__(self, n_neighbors: int = 5) -> None:
        self.n_neighbors = n_neighbors

    def fit(self, X: Any, y: Any = None) -> Self:
        """Keep the rows, standardised; a column that does not vary keeps its units."""
        rows = torch.as_tensor(check_rows(self, X, reset=True).astype(np.float64)).flatten(1)
        self.centre_, spread = rows.mean(0), rows.std(0, correction=0)
        self.scale_ = torch.where(spread > 0, spread, 1.0)
        self.rows_ = self._standardised(rows)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the score of each row, (N,): higher is more usual."""
        check_is_fitted(self)
        rows = self._standardised(torch.as_tensor(check_rows(self, X, reset=False).astype(np.float64)).flatten(1))
        k, size = min(self.n_neighbors, len(self.rows_)), max(1, BLOCK_VALUES // len(self.rows_))
        exact = "donot_use_mm_for_euclid_dist"
        nearest = [
            torch.cdist(block, self.rows_, compute_mode=exact).topk(k, largest=False).values
            for block in torch.split(rows, size)
        ]
        scores: np.ndarray = -torch.cat(nearest).mean(1).numpy()
        return scores

    def _standardised(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor((rows - self.centre_) / (self.scale_ * rows.shape[1] ** 0.5))
