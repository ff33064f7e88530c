"""The yardstick for every model: principal component analysis with a code of the same width."""

from __future__ import annotations

from typing import Self

import numpy as np

from .typing import ArrayLike

__all__ = ["PrincipalComponents"]

EXACT_WIDTH = 2_000
"""The largest number of features for which a full eigendecomposition is faster than a randomised search."""


class PrincipalComponents:
    """PCA of rows of any shape, with the methods of an autoencoder (Pearson 1901).

    h = Vᵀ(x/s − x̄) and x̂ = s(x̄ + Vh), where the columns of V are the leading eigenvectors of the covariance of the
    training rows. They are exact for up to 2,000 features; for more, a randomised search with a fixed seed finds them
    (Halko et al. 2011).

    Parameters
    ----------
    n_components : the width of the code, at most the number of training rows and the number of features.
    scale : s, the divisor of each feature, broadcast to the shape of a row.

    References
    ----------
    Karl Pearson, "On lines and planes of closest fit to systems of points in space", 1901,
        https://doi.org/10.1080/14786440109462720.
    Nathan Halko, Per-Gunnar Martinsson and Joel A. Tropp, "Finding Structure with Randomness", 2011,
        https://arxiv.org/abs/0909.4061.

    >>> pca = PrincipalComponents(1).fit(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    >>> pca.reconstruct(np.array([[4.0, 5.0]])).round(6)
    array([[4.5, 4.5]])
    """

    def __init__(self, n_components: int, scale: np.ndarray | float = 1.0) -> None:
        self.n_components, self.scale = n_components, scale

    def fit(self, X: ArrayLike) -> Self:
        """Learn mean and components from rows (N, ...)."""
        from sklearn.decomposition import PCA  # imported late, since `isthmus --help` would wait half a second for it

        self.shape_ = np.shape(X)[1:]
        flat = self._flat(X)
        self.mean_ = flat.mean(0)  # subtracted first: the covariance of rows far from the origin would lose digits
        solver = "covariance_eigh" if flat.shape[1] <= EXACT_WIDTH else "auto"
        self.pca_ = PCA(self.n_components, svd_solver=solver, random_state=0).fit(flat - self.mean_)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return codes, (N, n_components)."""
        codes: np.ndarray = self.pca_.transform(self._flat(X) - self.mean_)
        return codes

    def inverse_transform(self, H: ArrayLike) -> np.ndarray:
        """Return the rows that belong to codes, (N, ...)."""
        flat = self.pca_.inverse_transform(H) + self.mean_
        rows: np.ndarray = flat.reshape(len(flat), *self.shape_) * self.scale
        return rows

    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Return x̂ for rows (N, ...)."""
        return self.inverse_transform(self.transform(X))

    def _flat(self, X: ArrayLike) -> np.ndarray:
        scaled: np.ndarray = np.asarray(X, dtype=np.float64) / self.scale
        return scaled.reshape(len(scaled), -1)
