"""The state of a fit, as tensors and facts: what healing goes back to and what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

__all__ = ["State", "optimizer_state", "restore_optimizer"]


@dataclass
class State:
    """Tensors by name, and facts that JSON can hold; `home` brings what is put into it to the CPU's memory."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    home: bool = True

    def put(self, prefix: str, tensors: Mapping[str, Tensor]) -> None:
        """Take copies of tensors under a prefix."""
        for name, tensor in tensors.items():
            place = torch.device("cpu") if self.home else tensor.device
            self.tensors[f"{prefix}/{name}"] = tensor.detach().to(place, copy=True)

    def get(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors under a prefix."""
        start = f"{prefix}/"
        return {name.removeprefix(start): t for name, t in self.tensors.items() if name.startswith(start)}


def _entries(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Any]]:
    for number, entries in optimizer.state_dict()["state"].items():
        yield from ((f"{number}.{name}", value) for name, value in entries.items())


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what an optimiser remembers: tensors, and the numbers that are none.

    Raises
    ------
    TypeError : it remembers something that is neither.
    """
    tensors = {name: value for name, value in _entries(optimizer) if isinstance(value, Tensor)}
    facts = {name: value for name, value in _entries(optimizer) if not isinstance(value, Tensor)}
    wrong = next((name for name, value in facts.items() if not isinstance(value, int | float | bool | None)), None)
    if wrong is not None:
        raise TypeError(f"{type(optimizer).__name__} remembers {wrong!r}, neither a tensor nor a number")
    return tensors, facts


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> None:
    """Put back what `optimizer_state` returned."""
    remembered: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **facts}.items():
        number, _, entry = name.partition(".")
        remembered.setdefault(int(number), {})[entry] = value.clone() if isinstance(value, Tensor) else value
    optimizer.load_state_dict({"state": remembered, "param_groups": optimizer.state_dict()["param_groups"]})
