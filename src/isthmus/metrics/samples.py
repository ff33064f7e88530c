"""How like real rows samples are, and how much of the real rows they cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ._rows import flat, same_width

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


def _radii(rows: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each row to its k-th nearest other row."""
    from sklearn.neighbors import NearestNeighbors

    distances = NearestNeighbors(n_neighbors=k).fit(rows).kneighbors()[0]
    radii: np.ndarray = distances[:, -1]
    return radii


def _inside(centres: np.ndarray, radii: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return in how many balls each point lies, and whether each ball holds a point; memory is bounded."""
    from sklearn.metrics import pairwise_distances_chunked

    balls = np.zeros(len(points), dtype=np.int64)
    holds: list[np.ndarray] = []
    for chunk in pairwise_distances_chunked(centres, points):
        start = sum(len(part) for part in holds)
        within = chunk <= radii[start : start + len(chunk), None]
        balls += within.sum(0)
        holds.append(within.any(1))
    return balls, np.concatenate(holds)


def precision_recall(real: Any, samples: Any, k: int = 3) -> PrecisionRecall:
    """Return the share of samples within the real rows' manifold, and of real rows within the samples'.

    A manifold is the union of balls around its rows that reach to the k-th neighbour (Kynkäänniemi et al. 2019, eq. 1).

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...).
    k : neighbours; 3 as in the paper.
    """
    x, s = same_width(real, samples)
    precision = (_inside(x, _radii(x, k), s)[0] > 0).mean()
    recall = (_inside(s, _radii(s, k), x)[0] > 0).mean()
    return PrecisionRecall(float(precision), float(recall))


def density_coverage(real: Any, samples: Any, k: int = 5) -> DensityCoverage:
    """Return how densely samples fill the real rows' neighbourhoods, and the share of neighbourhoods they reach.

    Naeem et al. 2020, equations 3 and 4; under equality density is 1 and coverage about 1 − ½ᵏ.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...).
    k : neighbours; 5 as in the paper.
    """
    x, s = same_width(real, samples)
    balls, reached = _inside(x, _radii(x, k), s)
    return DensityCoverage(float(balls.mean() / k), float(reached.mean()))


def frechet_distance(X: Any, Y: Any) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½), the Fréchet distance of Gaussians with these moments.

    Dowson & Landau 1982; used on features by Heusel et al. 2017, equation 6. X, Y are (N, ...) and (M, ...).
    """
    x, y = same_width(X, Y)
    difference = x.mean(0) - y.mean(0)
    first, second = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (x, y))
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ second @ root), 0, None)).sum()
    return float(difference @ difference + np.trace(first) + np.trace(second) - 2 * cross)


def mmd(X: Any, Y: Any, bandwidth: float | None = None) -> float:
    """Return the unbiased squared maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012, equation 3).

    Parameters
    ----------
    X, Y : (N, ...) and (M, ...).
    bandwidth : of the kernel exp(−‖x − y‖² / 2h²); None is the median distance of the pooled rows.
    """
    from sklearn.metrics import pairwise_distances

    x, y = same_width(X, Y)
    xx, yy, xy = (pairwise_distances(a, b, metric="sqeuclidean") for a, b in ((x, x), (y, y), (x, y)))
    pairs = np.concatenate([xx[np.triu_indices(len(x), 1)], yy[np.triu_indices(len(y), 1)], xy.ravel()])
    h2 = float(np.median(pairs)) if bandwidth is None else bandwidth**2
    kernels = [np.exp(-d / (2 * h2)) for d in (xx, yy, xy)]
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in kernels[:2]]
    return float(sum(within) - 2 * kernels[2].mean())


def two_sample_accuracy(real: Any, samples: Any, random_state: int = 0) -> TwoSample:
    """Return a classifier's held-out accuracy at telling samples from real rows, and its p-value under equality.

    Lopez-Paz & Oquab 2017: a half is trained on, the other tested; 0.5 is indistinguishable, 1 told apart at once. The
    classifier is a gradient-boosted forest.
    """
    from scipy.stats import binomtest
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import train_test_split

    x, s = same_width(real, samples)
    n = min(len(x), len(s))
    rows, labels = np.concatenate([x[:n], s[:n]]), np.repeat([0, 1], n)
    split = train_test_split(rows, labels, test_size=0.5, stratify=labels, random_state=random_state)
    right = (
        HistGradientBoostingClassifier(random_state=random_state).fit(split[0], split[2]).predict(split[1]) == split[3]
    )
    p_value = binomtest(int(right.sum()), len(right), alternative="greater").pvalue
    return TwoSample(float(right.mean()), float(p_value))


def nearest_distance(samples: Any, rows: Any) -> np.ndarray:
    """Return each sample's distance to the nearest of the rows, (N,): far below held-out rows', it was memorised."""
    from sklearn.metrics import pairwise_distances_argmin_min

    nearest: np.ndarray = pairwise_distances_argmin_min(*same_width(samples, rows))[1]
    return nearest


def real_against_real(metric: Callable[[np.ndarray, np.ndarray], T], X: Any, random_state: int = 0) -> T:
    """Return a metric between two random halves of real rows: the floor (or ceiling) of any sample's figure."""
    rows = flat(X)
    order = np.random.default_rng(random_state).permutation(len(rows))
    half = len(rows) // 2
    return metric(rows[order[:half]], rows[order[half : 2 * half]])
