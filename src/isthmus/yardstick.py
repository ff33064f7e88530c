"""What every model is held against: principal component analysis with as many numbers a row."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

__all__ = ["PrincipalComponents"]

EXACT_WIDTH = 2_000
"""Features up to which the eigenvectors of the whole covariance are quicker than a randomised search for a few."""


class PrincipalComponents:
    """PCA of rows of any shape, with the methods of an estimator that encodes (Pearson 1901).

    h = Vᵀ(x/s − x̄), x̂ = s(x̄ + Vh), the columns of V the leading eigenvectors of the training rows' covariance: exact
    up to 2,000 features, found by a randomised search with a fixed seed beyond (Halko, Martinsson & Tropp, *Finding
    Structure with Randomness*, 2011, https://arxiv.org/abs/0909.4061).

    Parameters
    ----------
    n_components : numbers a row is encoded in, at most the lesser of training rows and features.
    scale : what the features are divided by before they are compared, s, broadcast to a row's shape.

    >>> pca = PrincipalComponents(1).fit(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    >>> pca.reconstruct(np.array([[4.0, 5.0]])).round(6)
    array([[4.5, 4.5]])
    """

    def __init__(self, n_components: int, scale: np.ndarray | float = 1.0) -> None:
        self.n_components, self.scale = n_components, scale

    def fit(self, X: Any) -> Self:
        """Learn mean and components from rows (N, ...)."""
        from sklearn.decomposition import PCA  # half a second that `isthmus --help` need not wait for

        self.shape_ = np.shape(X)[1:]
        flat = self._flat(X)
        self.mean_ = flat.mean(0)  # taken off first: the covariance of rows far from the origin would lose its digits
        solver = "covariance_eigh" if flat.shape[1] <= EXACT_WIDTH else "auto"
        self.pca_ = PCA(self.n_components, svd_solver=solver, random_state=0).fit(flat - self.mean_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return codes, (N, n_components)."""
        codes: np.ndarray = self.pca_.transform(self._flat(X) - self.mean_)
        return codes

    def inverse_transform(self, H: Any) -> np.ndarray:
        """Return the rows of codes, (N, ...)."""
        flat = self.pca_.inverse_transform(H) + self.mean_
        rows: np.ndarray = flat.reshape(len(flat), *self.shape_) * self.scale
        return rows

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return x̂ for rows (N, ...)."""
        return self.inverse_transform(self.transform(X))

    def _flat(self, X: Any) -> np.ndarray:
        scaled: np.ndarray = np.asarray(X, dtype=np.float64) / self.scale
        return scaled.reshape(len(scaled), -1)
