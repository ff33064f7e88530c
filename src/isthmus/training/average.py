"""Weights to keep: their moving average, and the best by a held-out value."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from ..model import Model

__all__ = ["Average", "Best"]


class Average:
    """An exponential moving average of the weights; its start is forgotten as 1/t at first."""

    def __init__(self, model: Model, decay: float) -> None:
        self.model = copy.deepcopy(model)
        self.decay = decay
        pairs = zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        floating = [(mean, now) for mean, now in pairs if now.is_floating_point()]
        self._means, self._now = [list(side) for side in zip(*floating, strict=True)]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the weights after step number `step`, counted from 0."""
        torch._foreach_lerp_(self._means, self._now, 1 - min(self.decay, (1 + step) / (10 + step)))


class Best:
    """The best weights by a held-out value, lower is better, and how long ago they were met."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.value = float("inf")
        self.waited = 0
        self.weights: dict[str, Tensor] = {}

    def seen(self, weights: Mapping[str, Tensor], value: float) -> None:
        """Take note of a value."""
        if value < self.value:
            self.value, self.waited = value, 0
            self.weights = {name: weight.detach().clone() for name, weight in weights.items()}
        else:
            self.waited += 1

    @property
    def over(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= self.patience
