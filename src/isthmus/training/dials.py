"""Numbers that change from step to step, where kernels on a device find them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Dials"]


class Dials:
    """Numbers by name, each in a place of its own on the device; one that stays as it is costs nothing.

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
        """Return the place of a number, which holds `value` from now on."""
        if name not in self._places:
            self._places[name] = torch.full((), value, device=self.device, dtype=dtype)
        elif value != self._values[name]:
            self._places[name].fill_(value)
        self._values[name] = value
        return self._places[name]
