"""How well rows come back."""

from __future__ import annotations

import math
from typing import Any

from ._rows import flat, same_shape

__all__ = ["denoising_gain", "mean_squared_error", "pca_error", "psnr"]


def mean_squared_error(X: Any, X_hat: Any) -> float:
    """Return the mean over all entries of (x − x̂)².

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]])
    0.5
    """
    x, x_hat = same_shape(X, X_hat)
    return float(((x - x_hat) ** 2).mean())


def psnr(X: Any, X_hat: Any, peak: float = 1.0) -> float:
    """Return the peak signal-to-noise ratio, 10 log₁₀(peak² / error), in dB.

    >>> round(psnr([[0.0, 0.0]], [[0.1, 0.1]]), 6)
    20.0
    """
    error = mean_squared_error(X, X_hat)
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)


def pca_error(X_train: Any, X_test: Any, n_components: int) -> float:
    """Return the mean squared error of held-out rows under PCA with that many numbers a row (Pearson 1901)."""
    from sklearn.decomposition import PCA

    train, test = flat(X_train), flat(X_test)
    pca = PCA(n_components, svd_solver="covariance_eigh" if len(train) > 10 * train.shape[1] else "full").fit(train)
    return mean_squared_error(test, pca.inverse_transform(pca.transform(test)))


def denoising_gain(X_clean: Any, X_noisy: Any, X_denoised: Any) -> float:
    """Return by how much denoising lowers the error, 10 log₁₀(‖x̃ − x‖² / ‖x̂ − x‖²), in dB; negative if it raises it.

    >>> round(denoising_gain([[0.0]], [[1.0]], [[0.1]]), 6)
    20.0
    """
    return psnr(X_clean, X_denoised) - psnr(X_clean, X_noisy)
