"""How far the columns of samples are from those of real rows, one at a time and in pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .rows import same_width

__all__ = ["column_distances", "correlations"]


def column_distances(real: ArrayLike, samples: ArrayLike) -> np.ndarray:
    """Return supₜ |F(t) − G(t)| of each feature, the distance of its two distribution functions, in a row's shape.

    The statistic of the two-sample test of Kolmogorov and Smirnov: 0 where a feature has one distribution in both, 1
    where its values do not overlap. It says nothing of how features go together; see `correlations`.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...).

    References
    ----------
    Nikolai Smirnov, "Table for estimating the goodness of fit of empirical distributions", 1948,
        https://doi.org/10.1214/aoms/1177730256.

    >>> column_distances([[0.0, 5.0], [1.0, 6.0]], [[0.5, 7.0], [1.5, 8.0]]).tolist()
    [0.5, 1.0]
    """
    x, s = (np.sort(rows, axis=0) for rows in same_width(real, samples))
    gaps = np.empty(x.shape[1])
    for j, (a, b) in enumerate(zip(x.T, s.T, strict=True)):
        at = np.concatenate([a, b])
        below = np.searchsorted(a, at, side="right") / len(a), np.searchsorted(b, at, side="right") / len(b)
        gaps[j] = np.abs(below[0] - below[1]).max()
    return gaps.reshape(np.shape(real)[1:])


def correlations(X: ArrayLike) -> np.ndarray:
    """Return Pearson's correlation of every two features, (n, n); 0 with a feature that does not vary.

    Parameters
    ----------
    X : (N, ...) of n features.

    References
    ----------
    Karl Pearson, "Note on regression and inheritance in the case of two parents", 1895,
        https://doi.org/10.1098/rspl.1895.0041.

    >>> correlations([[0.0, 0.0, 1.0], [1.0, 2.0, 1.0], [2.0, 4.0, 1.0]]).round(6).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    (x,) = same_width(X)
    centred = x - x.mean(0)
    lengths = np.linalg.norm(centred, axis=0)
    constant = lengths <= 1e-12 * np.linalg.norm(x, axis=0)
    unit = np.where(constant, 0.0, centred / np.where(constant, 1.0, lengths))
    found: np.ndarray = np.clip(unit.T @ unit, -1, 1)
    np.fill_diagonal(found, 1.0)
    return found
