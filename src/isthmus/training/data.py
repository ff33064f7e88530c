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

    An epoch visits every row once in random order. All batches but the last have exactly `size` rows; the last takes
    what is left as well, so that no batch is smaller than `size` unless the data are.
    """

    def __init__(self, x: Tensor, noisy: Tensor | None, batch_size: int, rows: Tensor | None = None) -> None:
        self.x = x
        self.noisy = noisy
        self.rows = torch.arange(len(x), device=x.device) if rows is None else rows.to(x.device)
        self.size = min(batch_size, len(self.rows))
        self.batches = max(1, len(self.rows) // batch_size)

    def __len__(self) -> int:
        return len(self.rows)

    def order(self, generator: torch.Generator) -> Tensor:
        """Return the rows in the order of one epoch."""
        return self.rows[torch.randperm(len(self), generator=generator, device=self.x.device)]

    def chosen(self, order: Tensor, start: int = 0) -> Iterator[Tensor]:
        """Yield which rows each batch of an epoch holds, from batch number `start` on."""
        for i in range(start, self.batches):
            yield order[i * self.size : (i + 1) * self.size if i < self.batches - 1 else len(order)]

    def gather(self, chosen: Tensor) -> Batch:
        """Return the batch of those rows."""
        noisy = None if self.noisy is None else self.noisy.index_select(0, chosen)
        return Batch(self.x.index_select(0, chosen), noisy)

    def in_order(self) -> Iterator[Batch]:
        """Yield all rows in their own order."""
        return map(self.gather, self.chosen(self.rows))
