"""The distance to the nearest rows: the score of a detector that is not told of another."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..data import Schema
from ..data.schema import Edits
from ..errors import CompositionError
from ..rows import TakesTables, check_rows
from .embedding import Embedding
from .judgement import flat_rows, levels_of

__all__ = ["Neighbours"]

BLOCK_VALUES = 2**22
"""How many distances are held at once."""


class Neighbours(TakesTables, BaseEstimator):  # type: ignore[misc]
    r"""Minus the mean distance of a row to its k nearest rows in the fit, columns standardised.

    score(x) = −(1/k) Σᵢ ‖e(x) − e(x₍ᵢ₎)‖/√n, e the row as a point (`isthmus.detection.Embedding`), x₍ᵢ₎ the i-th
    nearest row; where one of two rows has a gap that the other has not, 1 is added to their squared distance. A
    distance is computed pair by pair, so that a row's score does not depend, to the bit, on the rows that come with it.

    Parameters
    ----------
    n_neighbors : k; all rows, where there are fewer.
    schema : what is said of a table's columns before they are learnt, or their schema.

    References
    ----------
    Fabrizio Angiulli and Clara Pizzuti, "Fast outlier detection in high dimensional spaces", 2002,
        https://doi.org/10.1007/3-540-45681-3_2.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> Neighbours(1).fit(X).score_samples([[1.0], [5.0]]).round(3).tolist()
    [-0.0, -1.789]
    """

    embedding_: Embedding
    points_: torch.Tensor
    gaps_: torch.Tensor

    def __init__(self, n_neighbors: int = 5, *, schema: Schema | Edits | None = None) -> None:
        self.n_neighbors = n_neighbors
        self.schema = schema

    def fit(self, X: Any, y: Any = None) -> Self:
        """Keep the rows as points; a column that does not vary keeps its units."""
        if self.n_neighbors < 1:
            raise CompositionError(f"n_neighbors must be at least 1, got {self.n_neighbors}")
        rows = flat_rows(check_rows(self, X, reset=True))
        self.embedding_ = Embedding.of(rows, levels_of(self))
        self.points_, self.gaps_ = self._embedded(rows)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the score of each row, (N,): higher is more usual."""
        check_is_fitted(self)
        points, gaps = self._embedded(flat_rows(check_rows(self, X, reset=False)))
        k, size = min(self.n_neighbors, len(self.points_)), max(1, BLOCK_VALUES // len(self.points_))
        nearest = [
            self._distances(x, g).topk(k, largest=False).values
            for x, g in zip(torch.split(points, size), torch.split(gaps, size), strict=True)
        ]
        scores: np.ndarray = -torch.cat(nearest).mean(1).numpy() / self.gaps_.shape[1] ** 0.5
        return scores

    def _distances(self, points: torch.Tensor, gaps: torch.Tensor) -> torch.Tensor:
        """Return the distance of each row to each of the fit, (N, M)."""
        exact = "donot_use_mm_for_euclid_dist"
        apart = torch.cdist(points, self.points_, compute_mode=exact)
        if not gaps.any() and not self.gaps_.any():
            return apart
        unlike = torch.cdist(gaps, self.gaps_, p=1)
        return torch.where(unlike > 0, (apart**2 + unlike).sqrt(), apart)

    def _embedded(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows as points, and where they have gaps."""
        return torch.as_tensor(self.embedding_.points(rows)), torch.as_tensor(np.isnan(rows).astype(np.float64))
