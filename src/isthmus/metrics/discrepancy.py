"""Distances between the distributions of samples and of real rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import about_the_mean, distance_blocks, same_width, square_blocks

__all__ = ["KernelDistance", "frechet_distance", "kernel_distance", "mmd"]

MEDIAN_ROWS = 2_000
"""The number of evenly spaced rows whose median distance is the kernel's bandwidth."""


class KernelDistance(NamedTuple):
    """The result of `kernel_distance`."""

    value: float
    standard_error: float


def frechet_distance(X: ArrayLike, Y: ArrayLike) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½), the squared Fréchet distance of Gaussians with these moments.

    Dowson & Landau 1982; used on features by Heusel et al. 2017, equation 6. With Σ₁ = AᵀA and Σ₂ = BᵀB, the
    eigenvalues of (Σ₁Σ₂)^½ are the singular values of ABᵀ. Hence no matrix root is needed, and covariances may be
    singular.

    Parameters
    ----------
    X, Y : (N, ...) and (M, ...), two rows or more each.

    References
    ----------
    D. C. Dowson and B. V. Landau, "The Fréchet distance between multivariate normal distributions", 1982,
        https://doi.org/10.1016/0047-259X(82)90077-X.
    Martin Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017,
        https://arxiv.org/abs/1706.08500.

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
    """Return the smallest A for which AᵀA is the covariance of the rows."""
    centred: np.ndarray = (rows - rows.mean(0)) / np.sqrt(len(rows) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))


def mmd(X: ArrayLike, Y: ArrayLike, bandwidth: float | None = None) -> float:
    """Return the unbiased squared maximum mean discrepancy with a Gaussian kernel; it may fall below zero.

    Σ_{i≠j} k(xᵢ, xⱼ) / N(N−1) + Σ_{i≠j} k(yᵢ, yⱼ) / M(M−1) − 2 Σᵢⱼ k(xᵢ, yⱼ) / NM, k(x, y) = exp(−‖x − y‖² / 2h²)
    (Gretton et al. 2012, equation 3).

    Parameters
    ----------
    X, Y : (N, ...) and (M, ...), two rows or more each.
    bandwidth : h, in the data's units; None is the median distance between the pooled rows, of which at most 2,000,
        evenly spaced, are used.

    References
    ----------
    Arthur Gretton et al., "A Kernel Two-Sample Test", 2012, https://jmlr.org/papers/v13/gretton12a.html.

    >>> round(mmd([[0.0], [1.0]], [[0.0], [1.0]], bandwidth=1.0), 6)
    -0.393469
    """
    x, y = about_the_mean(X, Y)
    if min(len(x), len(y)) < 2:
        raise DataError(f"an unbiased discrepancy needs two rows or more, got {len(x)} and {len(y)}")
    h = _median_distance(np.concatenate([x, y])) if bandwidth is None else bandwidth
    if not h > 0:
        raise DataError(f"the bandwidth must be positive, got {h}; the median distance is 0 if most rows are equal")

    def kernel(squares: np.ndarray) -> np.ndarray:
        squares *= -0.5 / h**2
        return np.asarray(np.exp(squares, out=squares))

    def within(rows: np.ndarray) -> float:
        total = 0.0
        for among, after in square_blocks(rows):
            total += float(np.triu(kernel(among), 1).sum() + kernel(after).sum())
        return total / (len(rows) * (len(rows) - 1) / 2)

    across = sum(float(kernel(squares).sum()) for _, squares in distance_blocks(x, y, squared=True))
    return within(x) + within(y) - 2 * across / (len(x) * len(y))


def _median_distance(rows: np.ndarray) -> float:
    """Return the median distance between different rows (Gretton et al. 2012, section 8)."""
    from sklearn.metrics.pairwise import euclidean_distances

    if len(rows) > MEDIAN_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, MEDIAN_ROWS).astype(np.int64)]
    return float(np.median(euclidean_distances(rows)[np.triu_indices(len(rows), 1)]))


def kernel_distance(X: ArrayLike, Y: ArrayLike, n_blocks: int = 10, random_state: int = 0) -> KernelDistance:
    """Return the kernel distance of two sets of features, and its standard error; it may fall below zero.

    The unbiased squared maximum mean discrepancy with the kernel (x·y / d + 1)³, where d is the number of features
    (Bińkowski et al. 2018, section 4), averaged over blocks of rows. The paper draws each subset of 1,000 rows anew.
    The blocks here are disjoint and hence independent, so that their spread over √n_blocks is the standard error of
    their mean, also when both distributions are equal (Zaremba et al. 2013). With 10,000 rows, ten blocks have the
    paper's size.

    Parameters
    ----------
    X, Y : (N, ...) and (M, ...), with at least two rows per block each. Rows left over after the last whole block are
        not used.
    n_blocks : the number of blocks, 2 or more. Fewer blocks use more pairs of rows, but make the standard error less
        certain.
    random_state : the seed of the assignment of rows to blocks.

    References
    ----------
    Mikołaj Bińkowski et al., "Demystifying MMD GANs", 2018, https://arxiv.org/abs/1801.01401.
    Wojciech Zaremba, Arthur Gretton and Matthew Blaschko, "B-tests: Low Variance Kernel Two-Sample Tests", 2013,
        https://arxiv.org/abs/1307.1954.

    >>> kernel_distance([[0.0], [1.0]] * 50, [[2.0], [3.0]] * 50).value > 100
    True
    """
    x, y = same_width(X, Y)
    if n_blocks < 2 or min(len(x), len(y)) < 2 * n_blocks:
        raise DataError(
            f"n_blocks must be 2 or more, of two rows or more each, got {n_blocks} of {len(x)} and {len(y)} rows"
        )
    generator = np.random.default_rng(random_state)
    blocks = [
        generator.permutation(len(rows))[: len(rows) // n_blocks * n_blocks].reshape(n_blocks, -1) for rows in (x, y)
    ]
    values = [_polynomial_discrepancy(x[i], y[j]) for i, j in zip(*blocks, strict=True)]
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1) / n_blocks**0.5))


def _polynomial_discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """Return the unbiased squared discrepancy with the cubic kernel."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        cubes: np.ndarray = (a @ b.T / a.shape[1] + 1) ** 3
        return cubes

    n, m = len(x), len(y)
    xx, yy = kernel(x, x), kernel(y, y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * kernel(x, y).mean())
