"""Training data on the device in its own dtype, from which one batch at a time is gathered."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from ..batch import Batch

__all__ = ["Rows", "place_for"]


def place_for(size: int, device: torch.device) -> torch.device:
    """Return where to keep `size` bytes: on the device, or in the CPU's memory if they would fill half the device's."""
    if device.type == "cuda" and size > torch.cuda.mem_get_info(device)[0] // 2:
        return torch.device("cpu")
    return device


class Rows:
    """The rows of a fit, cut into batches.

    An epoch visits every row once in random order. All batches but the last have exactly `size` rows; the last also
    takes the remaining rows, so that no batch is smaller than `size` unless the data are.

    Parameters
    ----------
    data : all rows: x with its condition, weight and other tensors.
    batch_size : rows per batch.
    rows : the row numbers to use; None uses all.
    device : the device that batches are sent to; None is the data's own.
    ahead : whether to gather the next batch during the current step. This pays if the data are on disk; data on
        another device are always gathered ahead.
    """

    def __init__(
        self,
        data: Batch,
        batch_size: int,
        rows: Tensor | None = None,
        *,
        device: torch.device | None = None,
        ahead: bool = False,
    ) -> None:
        self.data, self.home = data, data.x.device
        self.device = self.home if device is None else device
        self.ahead = ahead or self.device != self.home
        self.rows = torch.arange(data.rows, device=self.home) if rows is None else rows.to(self.home)
        self.size = min(batch_size, len(self.rows))
        self.batches = max(1, len(self.rows) // batch_size)

    def __len__(self) -> int:
        return len(self.rows)

    def order(self, generator: torch.Generator) -> Tensor:
        """Return the rows in the order of one epoch."""
        return self.rows[torch.randperm(len(self), generator=generator, device=self.device).to(self.home)]

    def chosen(self, order: Tensor, start: int = 0) -> Iterator[Tensor]:
        """Yield the row numbers of each batch of an epoch, from batch number `start` on."""
        for i in range(start, self.batches):
            yield order[i * self.size : (i + 1) * self.size if i < self.batches - 1 else len(order)]

    def batches_of(self, order: Tensor, start: int = 0) -> Iterator[tuple[Tensor, Batch]]:
        """Yield the row numbers and the tensors of each batch of an epoch, from batch number `start` on."""
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
        """Return the batch of those rows in the data's memory, pinned if it has to be copied to a device."""
        batch = self.data.map(lambda tensor: tensor.index_select(0, chosen))
        return batch if self.device == self.home else batch.map(Tensor.pin_memory)

    def _sent(self, batch: Batch) -> Batch:
        """Return the batch on the device; called by the training thread alone, since that thread may be capturing."""
        return batch.map(lambda tensor: tensor.to(self.device, non_blocking=True))

    def in_order(self) -> Iterator[Batch]:
        """Yield all rows in their own order, a batch at a time, on the device."""
        return (batch for _, batch in self.batches_of(self.rows))

    @property
    def weight(self) -> float:
        """The sum of the rows' weights; without weights, the number of rows."""
        weight = self.data.weight
        return float(len(self)) if weight is None else float(weight[self.rows].sum())
