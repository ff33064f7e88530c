"""The dependence of columns on each other."""

from __future__ import annotations

import numpy as np

from ..typing import ArrayLike
from .rows import same_width

__all__ = ["correlations"]


def correlations(X: ArrayLike) -> np.ndarray:
    """Return Pearson's correlation of each pair of features, (n, n); it is 0 if one of them is constant.

    Parameters
    ----------
    X : (N, ...), with n features.

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
