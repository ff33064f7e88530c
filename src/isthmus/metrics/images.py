"""The similarity of images and their reconstructions, as the eye judges it."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .estimate import Estimate, mean_of_rows
from .rows import same_shape

__all__ = ["ssim"]

WINDOW_SIGMA_PIXELS, WINDOW_RADIUS_PIXELS = 1.5, 5
"""The window of Wang et al. 2004: a circular Gaussian of σ = 1.5 pixels on 11 × 11."""

BLOCK_PIXELS = 2**20
"""The number of pixels that are filtered at once."""


def ssim(X: ArrayLike, X_hat: ArrayLike, peak: float = 1.0) -> Estimate:
    """Return the structural similarity of images: luminance, contrast and structure, compared window by window.

    (2 μ_x μ_x̂ + c₁)(2 σ_xx̂ + c₂) / ((μ_x² + μ_x̂² + c₁)(σ_x² + σ_x̂² + c₂)) with c₁ = (0.01 peak)² and
    c₂ = (0.03 peak)² (Wang et al. 2004, equation 13), averaged over channels and over all windows within the image.
    Equal images have similarity 1. The standard error is over images.

    Parameters
    ----------
    X, X_hat : (N, H, W) or (N, C, H, W). The window has 11 × 11 pixels; for smaller images it is the largest odd window
        that fits.
    peak : the difference between the largest and the smallest value that the data can take.

    References
    ----------
    Zhou Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004,
        https://doi.org/10.1109/TIP.2003.819861.

    >>> ssim([[[0.0, 1.0], [1.0, 0.0]]] * 2, [[[0.0, 1.0], [1.0, 0.0]]] * 2).value
    1.0
    """
    same_shape(X, X_hat)
    shape = np.shape(X)
    if len(shape) not in (3, 4) or not peak > 0:
        raise DataError(f"images must be (N, H, W) or (N, C, H, W) and peak positive, got {shape} and {peak}")
    radius = min(WINDOW_RADIUS_PIXELS, (min(shape[-2:]) - 1) // 2)
    x, x_hat = (np.asarray(a).reshape(-1, *shape[-2:]) for a in (X, X_hat))
    size = max(1, BLOCK_PIXELS // (shape[-2] * shape[-1]))
    means = [_similarity(x[i : i + size], x_hat[i : i + size], peak, radius) for i in range(0, len(x), size)]
    return mean_of_rows(np.concatenate(means).reshape(shape[0], -1).mean(1))


def _similarity(x: np.ndarray, x_hat: np.ndarray, peak: float, radius: int) -> np.ndarray:
    """Return the mean similarity of each pair of images, (N,)."""
    x, x_hat = x.astype(np.float64), x_hat.astype(np.float64)
    mu, mu_hat = _blur(x, radius), _blur(x_hat, radius)
    variance, variance_hat = _blur(x * x, radius) - mu * mu, _blur(x_hat * x_hat, radius) - mu_hat * mu_hat
    covariance = _blur(x * x_hat, radius) - mu * mu_hat
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    luminance = (2 * mu * mu_hat + c1) / (mu**2 + mu_hat**2 + c1)
    structure = (2 * covariance + c2) / (variance + variance_hat + c2)
    similarity: np.ndarray = (luminance * structure).mean((1, 2))
    return similarity


def _blur(x: np.ndarray, radius: int) -> np.ndarray:
    """Return the windowed means at every place where the window lies within the image."""
    from scipy.ndimage import correlate1d

    window = np.exp(-0.5 * (np.arange(-radius, radius + 1) / WINDOW_SIGMA_PIXELS) ** 2)
    window /= window.sum()
    inside = slice(radius, -radius or None)
    blurred: np.ndarray = correlate1d(correlate1d(x, window, 1)[:, inside], window, 2)[:, :, inside]
    return blurred
