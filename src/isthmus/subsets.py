"""Subsets of rows, for measurements and pictures that need only some of them."""

from __future__ import annotations

import numpy as np

__all__ = ["even_subset", "random_subset"]


def even_subset(n: int, at_most: int) -> np.ndarray:
    """Return the indices of at most `at_most` of n rows, spread evenly from the first to the last.

    >>> even_subset(9, 3).tolist(), even_subset(2, 3).tolist()
    ([0, 4, 8], [0, 1])
    """
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).round().astype(np.int64))


def random_subset(n: int, at_most: int, seed: int) -> np.ndarray:
    """Return the indices of at most `at_most` of n rows, drawn at random without repetition, in ascending order.

    >>> random_subset(3, 5, seed=0).tolist(), len(random_subset(100, 5, seed=0))
    ([0, 1, 2], 5)
    """
    if n <= at_most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, at_most, replace=False))
