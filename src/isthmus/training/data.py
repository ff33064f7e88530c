"""Training data on the device in its own dtype, gathered a batch at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..model import Batch

__all__ = ["Rows", "as_tensor"]


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


class Rows:
    """The rows of a fit: x, their noisy partners where there are any, and which of them take part.

    An epoch visits every row once in random order, in batches of nearly one size: none is smaller than
    `batch_size` unless the data are, so that no batch is left with a single row.
    """

    def __init__(self, x: Tensor, noisy: Tensor | None, batch_size: int, rows: Tensor | None = None) -> None:
        self.x = x
        self.noisy = noisy
        self.rows = torch.arange(len(x), device=x.device) if rows is None else rows.to(x.device)
        self.batches = max(1, len(self.rows) // batch_size)

    def __len__(self) -> int:
        return len(self.rows)

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        order = torch.randperm(len(self), generator=generator, device=self.x.device)
        return self._gather(self.rows[order])

    def in_order(self) -> Iterator[Batch]:
        """Yield all rows in their own order."""
        return self._gather(self.rows)

    def _gather(self, rows: Tensor) -> Iterator[Batch]:
        for chosen in torch.tensor_split(rows, self.batches):
            yield Batch(self.x[chosen], None if self.noisy is None else self.noisy[chosen])
