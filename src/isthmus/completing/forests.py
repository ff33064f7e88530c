"""Forests that guess one column from the rest of a row, and say how far off a guess may be."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.sparse import csr_array
from sklearn.ensemble import ExtraTreesRegressor

__all__ = ["LEVELS", "ColumnForest"]

TREES = 50

LEVELS = np.arange(1, 100) / 100
"""The probabilities of the quantiles by which a distribution is told."""

CELLS_AT_ONCE = 1_000
"""Cells whose weights over all rows of the fit are held at once."""


class ColumnForest:
    """Extremely randomised trees that guess a column, and what another guess of it leaves over, from the rest of a row.

    Pierre Geurts, Damien Ernst and Louis Wehenkel, "Extremely randomized trees", 2006,
    https://doi.org/10.1007/s10994-006-6226-1. The distribution of what is left over is that of the rows of the fit in
    the same leaves: Nicolai Meinshausen, "Quantile Regression Forests", 2006,
    https://jmlr.org/papers/v7/meinshausen06a.html.

    Parameters
    ----------
    seed : of the trees.
    """

    def __init__(self, seed: int) -> None:
        self.trees = ExtraTreesRegressor(TREES, max_features=1 / 3, min_samples_leaf=2, random_state=seed)

    def fit(self, rows: np.ndarray, rest: np.ndarray, values: np.ndarray) -> Self:
        """Grow the trees.

        Parameters
        ----------
        rows : (N, n).
        rest : what the other guess leaves over, (N, w).
        values : of the column, (N, w).
        """
        self.trees.fit(rows, np.concatenate([rest, values], axis=1))
        order = np.argsort(rest[:, 0], kind="stable")
        self.sorted, leaves = rest[order, 0], self._leaves(rows[order])
        self.shares = leaves.T.multiply(1 / np.maximum(leaves.sum(axis=0), 1.0)[:, None]).tocsr()
        return self

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the means of what is left over and of the column's values, (N, w) each."""
        found: np.ndarray = self.trees.predict(rows)
        rest, values = np.split(found, 2, axis=1)
        return rest, values

    def quantiles(self, rows: np.ndarray) -> np.ndarray:
        """Return the quantiles of what is left over of a column of width one at `LEVELS`, (N, 99)."""
        found = []
        for start in range(0, len(rows), CELLS_AT_ONCE):
            reached = (self._leaves(rows[start : start + CELLS_AT_ONCE]) @ self.shares).toarray().cumsum(axis=1)
            at = [np.searchsorted(row / row[-1], LEVELS - 1e-12).clip(max=len(row) - 1) for row in reached]
            found.append(self.sorted[np.stack(at)])
        return np.concatenate(found)

    def _leaves(self, rows: np.ndarray) -> csr_array:
        """Return which leaves rows fall into, (N, nodes of all trees)."""
        sizes = np.array([tree.tree_.node_count for tree in self.trees.estimators_])
        leaves = self.trees.apply(rows) + np.cumsum(sizes) - sizes
        ends = np.arange(0, leaves.size + 1, leaves.shape[1])
        return csr_array((np.ones(leaves.size), leaves.ravel(), ends), shape=(len(rows), int(sizes.sum())))
