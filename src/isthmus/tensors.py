"""Arrays as tensors, without copies where none is needed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["as_tensor", "is_mapped", "log_mean_exp", "observed_in", "result_dtype"]


def as_tensor(X: np.ndarray, device: torch.device) -> Tensor:
    """Return X as a tensor on the device, sharing memory on a CPU; read-only arrays are only read."""
    if not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))
    if X.dtype.kind == "u" and X.dtype.itemsize > 1:
        X = X.astype(np.int64)
    if min(X.strides, default=0) < 0:
        X = np.ascontiguousarray(X)
    return torch.as_tensor(X if X.flags.writeable else np.asarray(_Unlocked(X)), device=device)


class _Unlocked:
    """A read-only array without its lock, of which torch would warn; the filters of warnings belong to all threads."""

    def __init__(self, X: np.ndarray) -> None:
        self.locked = X
        place = X.__array_interface__
        self.__array_interface__ = {**place, "data": (place["data"][0], False)}


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


def log_mean_exp(values: Tensor) -> Tensor:
    """Return log of the mean of exp over the first axis.

    >>> log_mean_exp(torch.tensor([[0.0], [0.0]]))
    tensor([0.])
    """
    return torch.logsumexp(values, 0) - math.log(len(values))


def result_dtype(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return the type of results for data of a type: float64 if the data have more digits than float32 keeps.

    >>> result_dtype(np.dtype("int32")), result_dtype(np.dtype("uint8")), result_dtype(np.dtype(">f4"))
    (<class 'numpy.float64'>, <class 'numpy.float32'>, <class 'numpy.float32'>)
    """
    return np.float64 if dtype.itemsize >= (8 if dtype.kind == "f" else 4) else np.float32
