"""Weights to keep: their moving average, and the best by a held-out value."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from ..model import Model

__all__ = ["Average", "Best"]


class Average:
    """An exponential moving average of the weights, θ̄ ← βₜ θ̄ + (1 − βₜ) θ with βₜ = min(decay, (1 + t)/(10 + t)).

    βₜ is smaller in the first steps, so that the untrained weights are soon forgotten. Floating-point buffers, such as
    those of batch normalisation, are averaged in the same way.

    References
    ----------
    Boris T. Polyak and Anatoli B. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992,
        https://doi.org/10.1137/0330046.
    Yasin Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", 2019,
        https://arxiv.org/abs/1806.04498.
    """

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
    """The weights with the lowest held-out value so far, and the number of epochs since.

    References
    ----------
    Lutz Prechelt, "Early Stopping - But When?", 1998, https://doi.org/10.1007/3-540-49430-8_3.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.value = float("inf")
        self.waited = 0
        self.weights: dict[str, Tensor] = {}

    def seen(self, weights: Mapping[str, Tensor], value: float) -> None:
        """Note a value, and keep the weights if it is the lowest so far."""
        if value < self.value:
            self.value, self.waited = value, 0
            self.weights = {name: weight.detach().clone() for name, weight in weights.items()}
        else:
            self.waited += 1

    @property
    def over(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= self.patience
