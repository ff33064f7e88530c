"""Rows as every metric sees them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError

__all__ = ["flat", "same_shape", "same_width"]


def flat(X: Any) -> np.ndarray:
    """Return X as float64 rows (N, n)."""
    x = np.asarray(X, dtype=np.float64)
    return x.reshape(len(x), -1)


def same_shape(*arrays: Any) -> tuple[np.ndarray, ...]:
    """Return the arrays as float64 rows; raise `DataError` unless they have one shape."""
    shapes = {np.shape(a) for a in arrays}
    if len(shapes) > 1:
        raise DataError(f"arrays must have one shape, got {', '.join(str(np.shape(a)) for a in arrays)}")
    return tuple(flat(a) for a in arrays)


def same_width(*arrays: Any) -> tuple[np.ndarray, ...]:
    """Return the arrays as float64 rows; raise `DataError` unless their rows have one number of features."""
    rows = tuple(flat(a) for a in arrays)
    if len({r.shape[1] for r in rows}) > 1:
        raise DataError(f"rows must have as many features each, got {', '.join(str(r.shape[1]) for r in rows)}")
    return rows
