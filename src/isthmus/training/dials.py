"""Numbers that change from step to step, kept on the device where a captured step reads them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Dials"]


class Dials:
    """Numbers by name, each in its own tensor on the device, which is only written when the number changes.

    >>> dials = Dials(torch.device("cpu"))
    >>> rate = dials.turned("rate", 0.5)
    >>> dials.turned("rate", 0.25) is rate, rate
    (True, tensor(0.2500))
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._places: dict[str, Tensor] = {}
        self._values: dict[str, float] = {}

    def turned(self, name: str, value: float, dtype: torch.dtype = torch.float32) -> Tensor:
        """Set a number to `value` and return its tensor, which is the same at every call."""
        if name not in self._places:
            self._places[name] = torch.full((), value, device=self.device, dtype=dtype)
        elif value != self._values[name]:
            self._places[name].fill_(value)
        self._values[name] = value
        return self._places[name]
