"""Guesses blended: for each column the weights that would have been best on cells that were hidden."""

from __future__ import annotations

from itertools import combinations

import numpy as np

__all__ = ["blend_weights", "simplex_minimum"]

POOLED_CELLS = 100.0
"""How many hidden cells of its own a column's weights must have to count as much as those of all columns together."""


def simplex_minimum(gram: np.ndarray) -> np.ndarray:
    r"""Return the w that minimises wᵀGw among weights that are not negative and sum to one.

    The minimum on each face of the simplex is in closed form, w ∝ G⁻¹1 on its corners, and the least of those that lie
    within their face is the minimum of all: exact, for the few guesses that are blended.

    Parameters
    ----------
    gram : G, symmetric and positive definite, (k, k).

    >>> simplex_minimum(np.diag([1.0, 3.0])).tolist()
    [0.75, 0.25]
    """
    k, best, least = len(gram), np.zeros(len(gram)), np.inf
    for size in range(1, k + 1):
        for face in combinations(range(k), size):
            w = np.linalg.solve(gram[np.ix_(face, face)], np.ones(size))
            value = 1 / w.sum()
            if (w >= 0).all() and value < least:
                best, least = np.zeros(k), value
                best[list(face)] = w * value
    return best


def blend_weights(errors: np.ndarray, column: np.ndarray, columns: int) -> np.ndarray:
    r"""Return the weights of k guesses for each column, (columns, k).

    A column's weights minimise the squared error of the blend over its own cells and, counting as `POOLED_CELLS`, over
    those of all columns: few cells cannot tell two guesses apart.

    Parameters
    ----------
    errors : of each guess in every hidden cell, (cells, k, width), in units in which columns compare; the width is that
        of the widest column, and what a narrower one does not use is zero.
    column : of each cell, (cells,).
    columns : how many columns there are.
    """
    grams = np.einsum("ckw,clw->ckl", errors, errors)
    k = errors.shape[1]
    ridge = 1e-9 * np.eye(k)
    pooled = grams.mean(0) if len(grams) else np.eye(k)
    found = []
    for number in range(columns):
        own = grams[column == number]
        gram = (own.sum(0) + POOLED_CELLS * pooled) / (len(own) + POOLED_CELLS)
        found.append(simplex_minimum(gram + ridge * max(np.trace(gram), 1e-12)))
    return np.stack(found)
