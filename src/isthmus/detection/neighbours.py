"""Distances to rows of the fit: the scores that a detector is made of where it is not told of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..data import Schema
from ..data.schema import Edits
from ..errors import CompositionError
from ..rows import TakesTables, check_rows
from ..typing import ArrayLike, RandomState
from .embedding import Embedding
from .judgement import flat_rows, levels_of

__all__ = ["Neighbours", "PointScore", "SampledNeighbours"]

BLOCK_VALUES = 2**22
"""How many distances are held at once."""


class PointScore(TakesTables, BaseEstimator):  # type: ignore[misc]
    """Base of scores by the distances to points that are kept of the fit, √n being the unit.

    A distance is computed pair by pair, so that a row's score does not depend, to the bit, on the rows that come with
    it. Where one of two rows has a gap that the other has not, 1 is added to their squared distance.

    Attributes
    ----------
    embedding_ : rows as points, an `isthmus.detection.Embedding`.
    points_, gaps_ : what is kept of the fit, (M, m), and where it had gaps, (M, n).
    """

    state: ClassVar[tuple[str, ...]] = ("points_", "gaps_")
    """The tensors that a fit leaves."""

    by_rank: bool
    schema: Any
    embedding_: Embedding
    points_: torch.Tensor
    gaps_: torch.Tensor

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Keep rows as points; a column that does not vary keeps its units."""
        rows = flat_rows(check_rows(self, X, reset=True))
        self.embedding_ = Embedding.of(rows, levels_of(self), self.by_rank)
        points, gaps = self._embedded(rows)
        self.keep(points, gaps)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each row, (N,): higher is more usual."""
        check_is_fitted(self)
        points, gaps = self._embedded(flat_rows(check_rows(self, X, reset=False)))
        scores: np.ndarray = -torch.cat([self.oddness(block) for block in self._distances(points, gaps)]).numpy()
        return scores

    def keep(self, points: torch.Tensor, gaps: torch.Tensor) -> None:
        """Keep what is needed of the rows of the fit."""
        raise NotImplementedError

    def oddness(self, distances: torch.Tensor) -> torch.Tensor:
        """Return how odd rows are by their distances to the points, (N, M) → (N,)."""
        raise NotImplementedError

    def _distances(self, points: torch.Tensor, gaps: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the distance of each row to each point, (rows, M), a block of rows at a time."""
        size, exact = max(1, BLOCK_VALUES // len(self.points_)), "donot_use_mm_for_euclid_dist"
        for x, g in zip(torch.split(points, size), torch.split(gaps, size), strict=True):
            apart = torch.cdist(x, self.points_, compute_mode=exact)
            if g.any() or self.gaps_.any():
                unlike = torch.cdist(g, self.gaps_, p=1)
                apart = torch.where(unlike > 0, (apart**2 + unlike).sqrt(), apart)
            yield apart / self.gaps_.shape[1] ** 0.5

    def _embedded(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows as points, and where they have gaps."""
        return torch.as_tensor(self.embedding_.points(rows)), torch.as_tensor(np.isnan(rows).astype(np.float64))


class Neighbours(PointScore):
    r"""Minus the mean distance of a row to its k nearest rows in the fit.

    score(x) = −d_k(x), d_k(x) = (1/k) Σᵢ ‖e(x) − e(x₍ᵢ₎)‖/√n, e the row as a point (`isthmus.detection.Embedding`),
    x₍ᵢ₎ the i-th nearest row. With `local`, score(x) = −d_k(x) / ((1/k) Σᵢ d_k(x₍ᵢ₎)): how far a row is from its
    neighbours beside how far these are from theirs, so that a row can be odd for the dense region that it is near.

    Parameters
    ----------
    n_neighbors : k; all rows, where there are fewer.
    by_rank : whether numbers count by their ranks, as normal scores, and not by their units over σ. Heavy tails and
        rare values of one column then hide less of what the others say.
    local : whether the distance is set against those of the neighbours.
    schema : what is said of a table's columns before they are learnt, or their schema.

    References
    ----------
    Fabrizio Angiulli and Clara Pizzuti, "Fast outlier detection in high dimensional spaces", 2002,
        https://doi.org/10.1007/3-540-45681-3_2.
    Erich Schubert, Arthur Zimek and Hans-Peter Kriegel, "Local outlier detection reconsidered", 2014,
        https://doi.org/10.1007/s10618-012-0300-z: the simplified local outlier factor.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> Neighbours(1).fit(X).score_samples([[1.0], [5.0]]).round(3).tolist()
    [-0.0, -1.789]
    >>> Neighbours(1, local=True).fit(X).score_samples([[5.0]]).round(3).tolist()
    [-2.0]
    """

    state = ("points_", "gaps_", "own_")

    own_: torch.Tensor
    """d_k of each row of the fit among the others, (M,), with `local`; else (0,)."""

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        by_rank: bool = False,
        local: bool = False,
        schema: Schema | Edits | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.by_rank = by_rank
        self.local = local
        self.schema = schema

    def keep(self, points: torch.Tensor, gaps: torch.Tensor) -> None:
        if self.n_neighbors < 1:
            raise CompositionError(f"n_neighbors must be at least 1, got {self.n_neighbors}")
        self.points_, self.gaps_, self.own_ = points, gaps, torch.zeros(0, dtype=points.dtype)
        if self.local:
            k = min(self.n_neighbors + 1, len(points))
            nearest = torch.cat([block.topk(k, largest=False).values for block in self._distances(points, gaps)])
            self.own_ = nearest.sum(1) / max(1, k - 1)  # a row is nearest to itself, at a distance of 0

    def oddness(self, distances: torch.Tensor) -> torch.Tensor:
        nearest, rows = distances.topk(min(self.n_neighbors, len(self.points_)), largest=False)
        own = nearest.mean(1)
        if not self.local:
            return own
        theirs = self.own_[rows].mean(1)
        return torch.where(own > 0, own / theirs.clamp(min=torch.finfo(own.dtype).tiny), own)


class SampledNeighbours(PointScore):
    r"""Minus the distance of a row to the nearest of a few rows of the fit, in the mean over many draws of these.

    score(x) = −(1/S) Σₛ min_{i ∈ Bₛ} ‖e(x) − e(xᵢ)‖/√n, each Bₛ drawn at random. A cluster of outliers in the fit is
    seldom among so few rows, so that it does not make its own rows look usual.

    Parameters
    ----------
    n_rows : how many rows a draw has.
    n_draws : S.
    by_rank : whether numbers count by their ranks, see `Neighbours`.
    random_state : the seed of the draws.
    schema : what is said of a table's columns before they are learnt, or their schema.

    References
    ----------
    Mahito Sugiyama and Karsten Borgwardt, "Rapid distance-based outlier detection via sampling", 2013,
        https://papers.nips.cc/paper/2013/hash/d296c101daa88a51f6ca8cfc1ac79b50-Abstract.html.

    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> near, far = SampledNeighbours().fit(X).score_samples([[0.0, 0.0], [5.0, 5.0]])
    >>> bool(far < near)
    True
    """

    def __init__(
        self,
        n_rows: int = 8,
        n_draws: int = 30,
        *,
        by_rank: bool = False,
        random_state: RandomState = 0,
        schema: Schema | Edits | None = None,
    ) -> None:
        self.n_rows = n_rows
        self.n_draws = n_draws
        self.by_rank = by_rank
        self.random_state = random_state
        self.schema = schema

    def keep(self, points: torch.Tensor, gaps: torch.Tensor) -> None:
        for name in ("n_rows", "n_draws"):
            if getattr(self, name) < 1:
                raise CompositionError(f"{name} must be at least 1, got {getattr(self, name)}")
        random, each = check_random_state(self.random_state), min(self.n_rows, len(points))
        drawn = np.concatenate([random.permutation(len(points))[:each] for _ in range(self.n_draws)])
        self.points_, self.gaps_ = points[drawn], gaps[drawn]

    def oddness(self, distances: torch.Tensor) -> torch.Tensor:
        each = distances.reshape(len(distances), self.n_draws, -1)
        odd: torch.Tensor = each.amin(2).mean(1)
        return odd
