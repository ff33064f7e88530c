"""The error of reconstructions."""

from __future__ import annotations

import math

import numpy as np
from sklearn.metrics import r2_score

from ..errors import DataError
from ..typing import ArrayLike
from ..yardstick import PrincipalComponents
from .rows import same_shape, same_width

__all__ = ["denoising_gain", "mean_squared_error", "pca_error", "psnr", "r2", "r2_per_feature"]


def mean_squared_error(X: ArrayLike, X_hat: ArrayLike) -> float:
    """Return the mean over all entries of (x − x̂)². X and X_hat are (N, ...).

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]])
    0.5
    """
    x, x_hat = same_shape(X, X_hat)
    return float(((x - x_hat) ** 2).mean())


def psnr(X: ArrayLike, X_hat: ArrayLike, peak: float = 1.0) -> float:
    """Return the peak signal-to-noise ratio, 10 log₁₀(peak² / error), in dB (Huynh-Thu & Ghanbari 2008).

    Parameters
    ----------
    X, X_hat : (N, ...); the error is the mean over all of their entries.
    peak : the largest value that the data can take.

    References
    ----------
    Quan Huynh-Thu and Mohammed Ghanbari, "Scope of validity of PSNR in image/video quality assessment", 2008,
        https://doi.org/10.1049/el:20080522.

    >>> round(psnr([[0.0, 0.0]], [[0.1, 0.1]]), 6)
    20.0
    """
    error = mean_squared_error(X, X_hat)
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)


def r2(X: ArrayLike, X_hat: ArrayLike) -> float:
    """Return the share of the variance that is reconstructed, 1 − Σᵢ‖xᵢ − x̂ᵢ‖² / Σᵢ‖xᵢ − x̄‖² (Wright 1921).

    X and X_hat are (N, ...), and x̄ is the mean row. 1 is exact, 0 is as good as the mean row, and a negative value is
    worse. If all rows are equal, the result is 1 for an exact reconstruction and 0 otherwise.

    References
    ----------
    Sewall Wright, "Correlation and causation", Journal of Agricultural Research 20, 1921.

    >>> r2([[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.0], [2.0, 2.0]])
    0.75
    """
    x, x_hat = _about_the_mean_row(X, X_hat)
    return float(r2_score(x.ravel(), x_hat.ravel()))


def r2_per_feature(X: ArrayLike, X_hat: ArrayLike) -> np.ndarray:
    """Return 1 − Σ(x − x̂)² / Σ(x − x̄)² of each feature, in the shape of a row (Wright 1921).

    X and X_hat are (N, ...). For a constant feature the result is 1 for an exact reconstruction and 0 otherwise.

    References
    ----------
    Sewall Wright, "Correlation and causation", Journal of Agricultural Research 20, 1921.

    >>> r2_per_feature([[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.0], [2.0, 2.0]]).tolist()
    [1.0, 0.5]
    """
    x, x_hat = _about_the_mean_row(X, X_hat)
    return np.asarray(r2_score(x, x_hat, multioutput="raw_values")).reshape(np.shape(X)[1:])


def _about_the_mean_row(X: ArrayLike, X_hat: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both as rows minus x̄, where constant features are exactly 0.

    The first row is subtracted before the mean, because a mean of equal values can differ from them by rounding.
    """
    x, x_hat = same_shape(X, X_hat)
    if len(x) == 1:  # a single row does not vary, like two equal rows
        x, x_hat = np.repeat(x, 2, axis=0), np.repeat(x_hat, 2, axis=0)
    first = x[0].copy()
    x, x_hat = x - first, x_hat - first
    mean = x.mean(0)
    return x - mean, x_hat - mean


def pca_error(X_train: ArrayLike, X_test: ArrayLike, n_components: int) -> float:
    """Return the mean squared error of held-out rows under PCA with `n_components` components (Pearson 1901).

    See `isthmus.yardstick.PrincipalComponents`.

    Parameters
    ----------
    X_train, X_test : (N, ...) and (M, ...).
    n_components : the number of components, at most the number of training rows and the number of features.

    References
    ----------
    Karl Pearson, "On lines and planes of closest fit to systems of points in space", 1901,
        https://doi.org/10.1080/14786440109462720.
    Nathan Halko, Per-Gunnar Martinsson and Joel A. Tropp, "Finding Structure with Randomness", 2011,
        https://arxiv.org/abs/0909.4061.

    >>> pca_error([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], [[4.0, 5.0]], 1)
    0.25
    """
    train, test = same_width(X_train, X_test)
    if not 1 <= n_components <= min(train.shape):
        raise DataError(f"PCA of {len(train)} rows of {train.shape[1]} features has no {n_components} components")
    return mean_squared_error(test, PrincipalComponents(n_components).fit(train).reconstruct(test))


def denoising_gain(X_clean: ArrayLike, X_noisy: ArrayLike, X_denoised: ArrayLike) -> float:
    """Return the reduction of the error by denoising, 10 log₁₀(‖x̃ − x‖² / ‖x̂ − x‖²), in dB; negative if it grows.

    The arrays are (N, ...) each. Without noise the gain is 0 dB if the rows are returned exactly, and −∞ otherwise.

    >>> round(denoising_gain([[0.0]], [[1.0]], [[0.1]]), 6)
    20.0
    """
    before, after = psnr(X_clean, X_noisy), psnr(X_clean, X_denoised)
    return 0.0 if before == after else after - before
