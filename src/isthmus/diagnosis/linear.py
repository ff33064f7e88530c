"""What a linear variational autoencoder would make of the same rows: a yardstick for codes and reconstructions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Linear", "linear_code"]


class Linear(NamedTuple):
    """What `linear_code` returns."""

    kept: int
    x_hat: np.ndarray


def linear_code(x: np.ndarray, noise: np.ndarray, d: int) -> Linear:
    r"""Return how many of d units a linear variational autoencoder would use, and its reconstructions.

    With features divided by the likelihood's σᵢ, the optimum keeps the directions v whose variance λ exceeds 1 and
    shrinks them by 1 − 1/λ; the others collapse, and rightly so (Tipping & Bishop 1999; Lucas et al. 2019, section 4):
    x̂ = x̄ + σ⊙Σ (1 − 1/λ) v vᵀ(x − x̄)/σ. To count, λ must also exceed (1 + √(n/N))², the largest that N rows of noise
    show (Marchenko & Pastur 1967).

    Parameters
    ----------
    x : rows, (N, n).
    noise : the likelihood's σ of each feature, (n,); features where it is 0 are left out.
    d : units of the code.

    References
    ----------
    Michael E. Tipping and Christopher M. Bishop, "Probabilistic Principal Component Analysis", 1999,
        https://doi.org/10.1111/1467-9868.00196.
    James Lucas et al., "Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse", 2019,
        https://arxiv.org/abs/1911.02469.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(1000, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(1000, 6))
    >>> linear_code(x, np.full(6, 0.1), 4).kept
    2
    """
    x_hat, used = np.broadcast_to(x.mean(0), x.shape).copy(), noise > 0
    scaled = (x[:, used] - x[:, used].mean(0)) / noise[used]
    if scaled.size == 0 or not scaled.any():
        return Linear(0, x_hat)
    wide = scaled.shape[1] > len(x)
    squares, directions = np.linalg.eigh(scaled @ scaled.T if wide else scaled.T @ scaled)
    variances = squares / len(x)
    kept = np.flatnonzero(variances > (1 + math.sqrt(scaled.shape[1] / len(x))) ** 2)[-d:]
    leading = directions[:, kept]
    shrunk = leading * (1 - 1 / variances[kept])
    x_hat[:, used] += noise[used] * (shrunk @ (leading.T @ scaled) if wide else (scaled @ shrunk) @ leading.T)
    return Linear(len(kept), x_hat)
