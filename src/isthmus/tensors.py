"""Arrays as tensors, without copies where none is needed."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

__all__ = ["as_tensor", "is_mapped", "observed_in"]


def as_tensor(X: np.ndarray, device: torch.device) -> Tensor:
    """Return X as a tensor on the device, sharing memory on a CPU; read-only arrays are only read."""
    if not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))
    if X.dtype.kind == "u" and X.dtype.itemsize > 1:
        X = X.astype(np.int64)
    if min(X.strides, default=0) < 0:
        X = np.ascontiguousarray(X)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.as_tensor(X, device=device)


def is_mapped(X: np.ndarray) -> bool:
    """Return whether the array is a file's, mapped into memory."""
    base: object = X
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return isinstance(base, np.memmap)


def observed_in(x: Tensor) -> Tensor | None:
    """Return which entries are observed, which are those that are not NaN, of the shape of x; None where all are.

    >>> observed_in(torch.tensor([[1.0, torch.nan]])), observed_in(torch.ones(1, 2))
    (tensor([[ True, False]]), None)
    """
    missing = x.isnan()
    return ~missing if bool(missing.any()) else None
