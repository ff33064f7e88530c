"""What a linear model would make of the same rows: the yardstick for codes and reconstructions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Linear", "linear_code", "projection"]


class Linear(NamedTuple):
    """What `linear_code` returns."""

    kept: int
    explained: float


def linear_code(x: np.ndarray, noise: np.ndarray, d: int) -> Linear:
    r"""Return how many of d units a linear variational autoencoder would use, and the share of the variance they bring.

    With features divided by the likelihood's σᵢ, the optimum keeps the directions whose variance λ exceeds 1 and
    shrinks them by 1 − 1/λ; the others collapse, and rightly so (Tipping & Bishop 1999; Lucas et al. 2019, section 4).
    To count, λ must also exceed (1 + √(n/N))², the largest that N rows of noise show (Marchenko & Pastur 1967).

    Parameters
    ----------
    x : rows, (N, n).
    noise : the likelihood's σ of each feature, (n,); features where it is 0 are left out.
    d : units of the code.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(1000, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(1000, 6))
    >>> linear_code(x, np.full(6, 0.1), 4).kept
    2
    """
    used = noise > 0
    scaled = (x[:, used] - x[:, used].mean(0)) / noise[used]
    if scaled.size == 0 or not scaled.any():
        return Linear(0, 0.0)
    products = scaled.T @ scaled if scaled.shape[1] <= len(x) else scaled @ scaled.T
    variances = np.linalg.eigvalsh(products)[::-1] / len(x)
    edge = (1 + math.sqrt(scaled.shape[1] / len(x))) ** 2
    kept = variances[variances > edge][:d]
    return Linear(len(kept), float((kept - 1 / kept).sum() / variances.sum()))


def projection(x: np.ndarray, inputs: np.ndarray, k: int) -> np.ndarray:
    """Return inputs on the hyperplane of the k leading principal components of the rows x, (M, n) (Pearson 1901)."""
    from sklearn.decomposition import PCA

    pca = PCA(max(1, min(k, *x.shape)), random_state=0).fit(x)
    back: np.ndarray = pca.inverse_transform(pca.transform(inputs))
    return back
