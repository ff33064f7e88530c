"""Training data on the device in its own dtype, gathered a batch at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ..model import Batch

__all__ = ["Rows", "as_tensor", "is_mapped", "place_for"]


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


def place_for(size: int, device: torch.device) -> torch.device:
    """Return where data of `size` bytes stay: on the device, or with the CPU where they would fill half of it."""
    if device.type == "cuda" and size > torch.cuda.mem_get_info(device)[0] // 2:
        return torch.device("cpu")
    return device


class Rows:
    """The rows of a fit: x, their noisy partners where there are any, and which of them take part.

    An epoch visits every row once in random order. All batches but the last have exactly `size` rows; the last takes
    what is left as well, so that no batch is smaller than `size` unless the data are.

    Parameters
    ----------
    x, noisy : the data, and their noisy partners or None.
    batch_size : rows a batch.
    rows : which rows take part; None is all.
    device : where batches are wanted; None is where the data are.
    ahead : whether the next batch is fetched while this one is trained on, as pays for data on disk or elsewhere.
    """

    def __init__(
        self,
        x: Tensor,
        noisy: Tensor | None,
        batch_size: int,
        rows: Tensor | None = None,
        *,
        device: torch.device | None = None,
        ahead: bool = False,
    ) -> None:
        self.x = x
        self.noisy = noisy
        self.device = x.device if device is None else device
        self.ahead = ahead or self.device != x.device
        self.rows = torch.arange(len(x), device=x.device) if rows is None else rows.to(x.device)
        self.size = min(batch_size, len(self.rows))
        self.batches = max(1, len(self.rows) // batch_size)

    def __len__(self) -> int:
        return len(self.rows)

    def order(self, generator: torch.Generator) -> Tensor:
        """Return the rows in the order of one epoch."""
        return self.rows[torch.randperm(len(self), generator=generator, device=self.device).to(self.x.device)]

    def chosen(self, order: Tensor, start: int = 0) -> Iterator[Tensor]:
        """Yield which rows each batch of an epoch holds, from batch number `start` on."""
        for i in range(start, self.batches):
            yield order[i * self.size : (i + 1) * self.size if i < self.batches - 1 else len(order)]

    def batches_of(self, order: Tensor, start: int = 0) -> Iterator[tuple[Tensor, Batch]]:
        """Yield which rows each batch of an epoch holds, and the batch, from batch number `start` on."""
        if not self.ahead:
            yield from ((chosen, self.gather(chosen)) for chosen in self.chosen(order, start))
            return
        with ThreadPoolExecutor(1) as loader:
            waiting = None
            for chosen in self.chosen(order, start):
                following = chosen, loader.submit(self.gather, chosen)
                if waiting is not None:
                    yield waiting[0], self._sent(waiting[1].result())
                waiting = following
            if waiting is not None:
                yield waiting[0], self._sent(waiting[1].result())

    def gather(self, chosen: Tensor) -> Batch:
        """Return the batch of those rows where the data are, in memory that a device can copy from by itself."""
        return self._each(Batch(self.x, self.noisy), lambda x: self._pinned(x.index_select(0, chosen)))

    def _pinned(self, x: Tensor) -> Tensor:
        return x if self.device == x.device else x.pin_memory()

    def _sent(self, batch: Batch) -> Batch:
        """Return the batch on the device; only the thread that trains asks that of it, since it may be capturing."""
        return self._each(batch, lambda x: x.to(self.device, non_blocking=True))

    @staticmethod
    def _each(batch: Batch, f: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(f(batch.x), None if batch.noisy is None else f(batch.noisy))

    def in_order(self) -> Iterator[Batch]:
        """Yield all rows in their own order."""
        return (batch for _, batch in self.batches_of(self.rows))
