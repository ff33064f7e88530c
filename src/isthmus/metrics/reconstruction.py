"""How well rows come back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DataError
from ..yardstick import PrincipalComponents
from ._rows import same_shape, same_width

__all__ = ["denoising_gain", "mean_squared_error", "pca_error", "psnr", "r2", "r2_per_feature"]


def mean_squared_error(X: Any, X_hat: Any) -> float:
    """Return the mean over all entries of (x − x̂)². X and X_hat are (N, ...).

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]])
    0.5
    """
    x, x_hat = same_shape(X, X_hat)
    return float(((x - x_hat) ** 2).mean())


def psnr(X: Any, X_hat: Any, peak: float = 1.0) -> float:
    """Return the peak signal-to-noise ratio, 10 log₁₀(peak² / error), in dB (Huynh-Thu & Ghanbari 2008).

    Parameters
    ----------
    X, X_hat : (N, ...); the error is the mean over all of their entries.
    peak : the largest value that the data can take.

    >>> round(psnr([[0.0, 0.0]], [[0.1, 0.1]]), 6)
    20.0
    """
    error = mean_squared_error(X, X_hat)
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)


def r2(X: Any, X_hat: Any) -> float:
    """Return the share of the variance that comes back, 1 − Σᵢ‖xᵢ − x̂ᵢ‖² / Σᵢ‖xᵢ − x̄‖² (Wright 1921).

    X and X_hat are (N, ...), and x̄ is the mean row. 1 is exact, 0 as good as the mean row, negative worse. Rows that
    do not vary count 1 where they come back exactly and 0 otherwise.

    >>> r2([[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.0], [2.0, 2.0]])
    0.75
    """
    return float(_explained(*(squares.sum() for squares in _squares(X, X_hat))))


def r2_per_feature(X: Any, X_hat: Any) -> np.ndarray:
    """Return each feature's own 1 − Σ(x − x̂)² / Σ(x − x̄)², in the shape of a row (Wright 1921).

    X and X_hat are (N, ...). A feature that does not vary counts 1 where it comes back exactly and 0 otherwise.

    >>> r2_per_feature([[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.0], [2.0, 2.0]]).tolist()
    [1.0, 0.5]
    """
    return _explained(*_squares(X, X_hat)).reshape(np.shape(X)[1:])


def _squares(X: Any, X_hat: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return each feature's squared errors and squared deviations from the mean, summed over rows, (n,) each."""
    x, x_hat = same_shape(X, X_hat)
    errors: np.ndarray = ((x - x_hat) ** 2).sum(0)
    deviations: np.ndarray = ((x - x.mean(0)) ** 2).sum(0)
    deviations[x.min(0) == x.max(0)] = 0  # the mean of equal numbers is not always that number, bit for bit
    return errors, deviations


def _explained(errors: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Return 1 − errors / deviations; where nothing deviates, 1 without error and 0 with."""
    varies = deviations > 0
    explained: np.ndarray = np.where(varies, 1 - errors / np.where(varies, deviations, 1), errors == 0)
    return explained


def pca_error(X_train: Any, X_test: Any, n_components: int) -> float:
    """Return the mean squared error of held-out rows under PCA with that many numbers a row (Pearson 1901).

    See `isthmus.yardstick.PrincipalComponents`.

    Parameters
    ----------
    X_train, X_test : (N, ...) and (M, ...).
    n_components : numbers a row is encoded in, at most the lesser of training rows and features.

    >>> pca_error([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], [[4.0, 5.0]], 1)
    0.25
    """
    train, test = same_width(X_train, X_test)
    if not 1 <= n_components <= min(train.shape):
        raise DataError(f"PCA of {len(train)} rows of {train.shape[1]} features has no {n_components} components")
    return mean_squared_error(test, PrincipalComponents(n_components).fit(train).reconstruct(test))


def denoising_gain(X_clean: Any, X_noisy: Any, X_denoised: Any) -> float:
    """Return by how much denoising lowers the error, 10 log₁₀(‖x̃ − x‖² / ‖x̂ − x‖²), in dB; negative if it raises it.

    The arrays are (N, ...) each. Where there was no noise the gain is 0 dB, or −∞ if denoising brought an error in.

    >>> round(denoising_gain([[0.0]], [[1.0]], [[0.1]]), 6)
    20.0
    """
    before, after = psnr(X_clean, X_noisy), psnr(X_clean, X_denoised)
    return 0.0 if before == after else after - before
