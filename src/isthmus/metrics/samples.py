"""How like real rows samples are, and how much of the real rows they cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..errors import DataError
from ._rows import distance_blocks, same_width

__all__ = [
    "DensityCoverage",
    "PrecisionRecall",
    "TwoSample",
    "density_coverage",
    "frechet_distance",
    "mmd",
    "nearest_distance",
    "precision_recall",
    "real_against_real",
    "two_sample_accuracy",
]

T = TypeVar("T")

MEDIAN_ROWS = 2_000
"""Rows, evenly spaced, whose distances give a kernel's bandwidth."""

ROUNDING = 1e-7
"""Distances of equal rows, as a share of the rows' length: they are roots of differences of large squares."""


class PrecisionRecall(NamedTuple):
    """What `precision_recall` returns."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """What `density_coverage` returns."""

    density: float
    coverage: float


class TwoSample(NamedTuple):
    """What `two_sample_accuracy` returns."""

    accuracy: float
    p_value: float


def _about_the_mean(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets as rows about the mean of x: distances far from the origin would lose their digits."""
    x, y = same_width(x, y)
    mean = x.mean(0)
    return x - mean, y - mean


def _radii(rows: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each row to its k-th nearest other row, and as much more as distances are rounded by."""
    from sklearn.neighbors import NearestNeighbors

    if not 1 <= k < len(rows):
        raise DataError(f"k neighbours must be 1 or more and fewer than the {len(rows)} rows, got {k}")
    distances = NearestNeighbors(n_neighbors=k).fit(rows).kneighbors()[0]
    radii: np.ndarray = distances[:, -1] + ROUNDING * np.linalg.norm(rows, axis=1)
    return radii


def precision_recall(real: Any, samples: Any, k: int = 3) -> PrecisionRecall:
    """Return the share of samples within the real rows' manifold, and of real rows within the samples'.

    A manifold is the union of balls around its rows that reach to the k-th neighbour (Kynkäänniemi et al. 2019,
    equations 1 and 2). Under equality both expect one value, below 1 and the lower the more dimensions: compare with
    `real_against_real`.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...).
    k : neighbours; 3 as in the paper.

    >>> precision_recall([[0.0], [1.0], [2.0]], [[0.5], [0.6], [9.0]], k=1)
    PrecisionRecall(precision=0.6666666666666666, recall=0.6666666666666666)
    """
    x, s = _about_the_mean(real, samples)
    real_radii, sample_radii = _radii(x, k), _radii(s, k)
    precise, recalled = np.zeros(len(s), dtype=bool), np.zeros(len(x), dtype=bool)
    for part, distances in distance_blocks(x, s):
        precise |= (distances <= real_radii[part, None]).any(0)
        recalled[part] = (distances <= sample_radii).any(1)
    return PrecisionRecall(float(precise.mean()), float(recalled.mean()))


def density_coverage(real: Any, samples: Any, k: int = 5) -> DensityCoverage:
    """Return how densely samples fill the real rows' neighbourhoods, and the share of neighbourhoods they reach.

    density = Σⱼ Σᵢ [sⱼ ∈ B(xᵢ, rᵢ)] / kM and coverage = Σᵢ [some sⱼ ∈ B(xᵢ, rᵢ)] / N, where rᵢ reaches to the k-th
    neighbour of xᵢ among the N real rows (Naeem et al. 2020, section 3). Under equality density is 1 and coverage
    1 − Πₗ₌₁ᵏ (N − l) / (M + N − l), about 1 − ½ᵏ for M = N.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...).
    k : neighbours; 5 as in the paper.

    >>> density_coverage([[0.0], [1.0], [5.0]], [[0.5], [0.6]], k=1)
    DensityCoverage(density=2.0, coverage=0.6666666666666666)
    """
    x, s = _about_the_mean(real, samples)
    radii = _radii(x, k)
    inside, reached = 0, 0
    for part, distances in distance_blocks(x, s):
        within = distances <= radii[part, None]
        inside += int(within.sum())
        reached += int(within.any(1).sum())
    return DensityCoverage(inside / (k * len(s)), reached / len(x))


def frechet_distance(X: Any, Y: Any) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½), the squared Fréchet distance of Gaussians with these moments.

    Dowson & Landau 1982; used on features by Heusel et al. 2017, equation 6. With Σ₁ = AᵀA and Σ₂ = BᵀB the eigenvalues
    of (Σ₁Σ₂)^½ are the singular values of ABᵀ, so that no matrix root is taken and a covariance may be singular.

    Parameters
    ----------
    X, Y : (N, ...) and (M, ...), two rows or more each.

    >>> round(frechet_distance([[-1.0], [1.0]], [[1.0], [5.0]]), 6)
    11.0
    """
    x, y = same_width(X, Y)
    if min(len(x), len(y)) < 2:
        raise DataError(f"a covariance needs two rows or more, got {len(x)} and {len(y)}")
    gap = x.mean(0) - y.mean(0)
    a, b = _covariance_factor(x), _covariance_factor(y)
    cross = np.linalg.norm(a @ b.T, ord="nuc")
    return max(0.0, float(gap @ gap + (a**2).sum() + (b**2).sum() - 2 * cross))


def _covariance_factor(rows: np.ndarray) -> np.ndarray:
    """Return A with AᵀA the covariance of the rows, of as few rows as it takes."""
    centred: np.ndarray = (rows - rows.mean(0)) / np.sqrt(len(rows) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))


def mmd(X: Any, Y: Any, bandwidth: float | None = None) -> float:
    """Return the unbiased squared maximum mean discrepancy with a Gaussian kernel; it may fall below zero.

    Σ_{i≠j} k(xᵢ, xⱼ) / N(N−1) + Σ_{i≠j} k(yᵢ, yⱼ) / M(M−1) − 2 Σᵢⱼ k(xᵢ, yⱼ) / NM, k(x, y) = exp(−‖x − y‖² / 2h²)
    (Gretton et al. 2012, equation 3).

    Parameters
    ----------
    X, Y : (N, ...) and (M, ...), two rows or more each.
    bandwidth : h, in the data's units; None is the median distance of the pooled rows (of 2,000 of them, evenly
        spaced, if there are more).

    >>> round(mmd([[0.0], [1.0]], [[0.0], [1.0]], bandwidth=1.0), 6)
    -0.393469
    """
    x, y = _about_the_mean(X, Y)
    if min(len(x), len(y)) < 2:
        raise DataError(f"an unbiased discrepancy needs two rows or more, got {len(x)} and {len(y)}")
    h = _median_distance(np.concatenate([x, y])) if bandwidth is None else bandwidth
    if not h > 0:
        raise DataError(f"the bandwidth must be positive, got {h}; the median distance of rows mostly equal is 0")

    def total(a: np.ndarray, b: np.ndarray) -> float:
        return sum(float(np.exp(block / (-2 * h * h)).sum()) for _, block in distance_blocks(a, b, squared=True))

    n, m = len(x), len(y)
    within = (total(x, x) - n) / (n * (n - 1)) + (total(y, y) - m) / (m * (m - 1))
    return within - 2 * total(x, y) / (n * m)


def _median_distance(rows: np.ndarray) -> float:
    """Return the median distance between different rows (Gretton et al. 2012, section 8)."""
    from scipy.spatial.distance import pdist

    if len(rows) > MEDIAN_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, MEDIAN_ROWS).astype(np.int64)]
    return float(np.median(pdist(rows)))


def two_sample_accuracy(real: Any, samples: Any, random_state: int = 0) -> TwoSample:
    """Return a classifier's held-out accuracy at telling samples from real rows, and its p-value under equality.

    Lopez-Paz & Oquab 2017, section 3: as many rows of either kind, a half is trained on, the other tested; 0.5 is
    indistinguishable, 1 told apart at once. The p-value is P(Binomial(tested, ½) ≥ right), one-sided. The classifier
    is a forest of extremely randomised trees (Geurts et al. 2006) of five rows a leaf or more.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...), two rows or more each.
    random_state : the seed of the rows drawn, of the split and of the forest.

    >>> two_sample_accuracy([[float(i)] for i in range(100)], [[float(-i)] for i in range(1, 101)]).accuracy > 0.9
    True
    """
    from scipy.stats import binomtest
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import train_test_split

    x, s = same_width(real, samples)
    n = min(len(x), len(s))
    if n < 2:
        raise DataError(f"a two-sample test needs two rows or more, got {len(x)} and {len(s)}")
    generator = np.random.default_rng(random_state)
    rows = np.concatenate([kind[generator.permutation(len(kind))[:n]] for kind in (x, s)])
    train, test, labels, test_labels = train_test_split(
        rows, np.repeat([0, 1], n), test_size=0.5, stratify=np.repeat([0, 1], n), random_state=random_state
    )
    forest = ExtraTreesClassifier(min_samples_leaf=5, random_state=random_state)
    right = forest.fit(train, labels).predict(test) == test_labels
    p_value = binomtest(int(right.sum()), len(right), alternative="greater").pvalue
    return TwoSample(float(right.mean()), float(p_value))


def nearest_distance(samples: Any, rows: Any) -> np.ndarray:
    """Return minⱼ ‖sᵢ − xⱼ‖, each sample's distance to the nearest of the rows, (N,) (Meehan et al. 2020).

    Samples nearer to the training rows than held-out rows are were memorised; a copy's distance is exactly 0.

    Parameters
    ----------
    samples, rows : (N, ...) and (M, ...).

    >>> nearest_distance([[0.0, 0.0], [3.0, 5.0]], [[0.0, 0.0], [3.0, 1.0]]).tolist()
    [0.0, 4.0]
    """
    from sklearn.metrics import pairwise_distances_argmin

    x, s = _about_the_mean(rows, samples)
    distance: np.ndarray = np.linalg.norm(s - x[pairwise_distances_argmin(s, x)], axis=1)
    return distance


def real_against_real(metric: Callable[[np.ndarray, np.ndarray], T], X: Any, random_state: int = 0) -> T:
    """Return a metric between two random halves of real rows: the floor (or ceiling) of any sample's figure.

    Parameters
    ----------
    metric : of two arrays of rows in X's own shape, such as any function of this file.
    X : real rows, (N, ...); half of them, rounded down, go to either side.
    random_state : the seed of the halves.

    >>> real_against_real(lambda a, b: (len(a), len(b)), [[0.0], [1.0], [2.0], [3.0], [4.0]])
    (2, 2)
    """
    rows = np.asarray(X)
    half = len(rows) // 2
    if half < 1:
        raise DataError(f"two halves need two rows or more, got {len(rows)}")
    order = np.random.default_rng(random_state).permutation(len(rows))
    return metric(rows[order[:half]], rows[order[half : 2 * half]])
