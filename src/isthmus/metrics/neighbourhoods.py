"""Precision and recall of samples: how many lie among the real rows, and how many real rows they cover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import about_the_mean, distance_blocks

__all__ = ["DensityCoverage", "PrecisionRecall", "density_coverage", "precision_recall"]

ROUNDING_SHARE = 1e-7
"""The rounding error of distances, relative to the length of the rows; each is the root of a difference of squares."""


class PrecisionRecall(NamedTuple):
    """The result of `precision_recall`."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """The result of `density_coverage`."""

    density: float
    coverage: float


def precision_recall(real: ArrayLike, samples: ArrayLike, k: int = 3) -> PrecisionRecall:
    """Return the share of samples within the manifold of real rows, and of real rows within that of samples.

    The manifold of a set is the union of balls around its rows, each as large as the distance to the k-th neighbour
    (Kynkäänniemi et al. 2019, equations 1 and 2). If the distributions are equal, precision and recall have the same
    expectation. It is below 1, and falls with the number of dimensions: compare with `real_against_real`.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...).
    k : the number of neighbours; 3 as in the paper.

    References
    ----------
    Tuomas Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019,
        https://arxiv.org/abs/1904.06991.

    >>> precision_recall([[0.0], [1.0], [2.0]], [[0.5], [0.6], [9.0]], k=1)
    PrecisionRecall(precision=0.6666666666666666, recall=0.6666666666666666)
    """
    x, s = about_the_mean(real, samples)
    real_radii, sample_radii = _radii(x, k), _radii(s, k)
    precise, recalled = np.zeros(len(s), dtype=bool), np.zeros(len(x), dtype=bool)
    for part, distances in distance_blocks(x, s):
        precise |= (distances <= real_radii[part, None]).any(0)
        recalled[part] = (distances <= sample_radii).any(1)
    return PrecisionRecall(float(precise.mean()), float(recalled.mean()))


def density_coverage(real: ArrayLike, samples: ArrayLike, k: int = 5) -> DensityCoverage:
    """Return how densely samples fill the real rows' neighbourhoods, and the share of neighbourhoods they reach.

    density = Σⱼ Σᵢ [sⱼ ∈ B(xᵢ, rᵢ)] / kM and coverage = Σᵢ [some sⱼ ∈ B(xᵢ, rᵢ)] / N, where rᵢ is the distance from xᵢ
    to its k-th neighbour among the N real rows (Naeem et al. 2020, section 3). If the distributions are equal, density
    is expected to be 1 and coverage 1 − Πₗ₌₁ᵏ (N − l) / (M + N − l), about 1 − ½ᵏ for M = N.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...).
    k : the number of neighbours; 5 as in the paper.

    References
    ----------
    Muhammad Ferjad Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020,
        https://arxiv.org/abs/2002.09797.

    >>> density_coverage([[0.0], [1.0], [5.0]], [[0.5], [0.6]], k=1)
    DensityCoverage(density=2.0, coverage=0.6666666666666666)
    """
    x, s = about_the_mean(real, samples)
    radii = _radii(x, k)
    inside, reached = 0, 0
    for part, distances in distance_blocks(x, s):
        within = distances <= radii[part, None]
        inside += int(within.sum())
        reached += int(within.any(1).sum())
    return DensityCoverage(inside / (k * len(s)), reached / len(x))


def _radii(rows: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each row to its k-th nearest other row, plus the rounding error of distances."""
    from sklearn.neighbors import NearestNeighbors

    if not 1 <= k < len(rows):
        raise DataError(f"k neighbours must be 1 or more and fewer than the {len(rows)} rows, got {k}")
    distances = NearestNeighbors(n_neighbors=k).fit(rows).kneighbors()[0]
    radii: np.ndarray = distances[:, -1] + ROUNDING_SHARE * np.linalg.norm(rows, axis=1)
    return radii
