"""Checked rows for every metric, and the distances between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike

__all__ = ["about_the_mean", "distance_blocks", "flat", "labelled", "same_shape", "same_width", "square_blocks"]

BLOCK_MIB = 128
"""The largest size of one block of distances, in MiB."""


def flat(X: ArrayLike) -> np.ndarray:
    """Return X as float64 rows (N, n); raise `DataError` if it has none."""
    x = np.asarray(X, dtype=np.float64)
    if x.size == 0 or x.ndim == 0:
        raise DataError(f"rows must be (N, ...) with at least one number, got shape {x.shape}")
    return x.reshape(len(x), -1)


def same_shape(*arrays: ArrayLike) -> tuple[np.ndarray, ...]:
    """Return the arrays as float64 rows; raise `DataError` unless they have the same shape."""
    shapes = {np.shape(a) for a in arrays}
    if len(shapes) > 1:
        raise DataError(f"arrays must have the same shape, got {', '.join(str(np.shape(a)) for a in arrays)}")
    return tuple(flat(a) for a in arrays)


def same_width(*arrays: ArrayLike) -> tuple[np.ndarray, ...]:
    """Return the arrays as float64 rows; raise `DataError` unless all have the same number of features."""
    rows = tuple(flat(a) for a in arrays)
    if len({r.shape[1] for r in rows}) > 1:
        raise DataError(f"rows must have the same number of features, got {', '.join(str(r.shape[1]) for r in rows)}")
    return rows


def about_the_mean(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets as rows minus the mean of x, because distances far from the origin would lose digits."""
    x, y = same_width(x, y)
    mean = x.mean(0)
    return x - mean, y - mean


def labelled(H: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Return the labels as an array (N,); raise `DataError` unless every row has one."""
    n, labels = len(np.asarray(H)), np.asarray(y)
    if labels.shape != (n,):
        raise DataError(f"{n} rows need labels of shape ({n},), got {labels.shape}")
    return labels


def distance_blocks(x: np.ndarray, y: np.ndarray, *, squared: bool = False) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield ‖xᵢ − yⱼ‖, or its square, in blocks of some rows i and every j, each of bounded size."""
    from sklearn.metrics import pairwise_distances_chunked

    start = 0
    for block in pairwise_distances_chunked(x, y, metric="euclidean", working_memory=BLOCK_MIB, squared=squared):
        yield slice(start, start + len(block)), block
        start += len(block)


def square_blocks(x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield ‖xᵢ − xⱼ‖² for each block of rows: within the block, and between the block and all rows after it."""
    from sklearn.metrics.pairwise import euclidean_distances

    size = max(1, int(BLOCK_MIB * 2**17 / len(x)))
    for start in range(0, len(x), size):
        block = x[start : start + size]
        squares = euclidean_distances(block, x[start:], squared=True)
        yield squares[:, : len(block)], squares[:, len(block) :]
