"""Optimisers as parts: blueprints of torch.optim's."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from ..parts import Part

__all__ = ["SGD", "Adam", "Optimizer"]


class Optimizer(Part, kind="optimizer"):
    """Base of optimisers: ``optimizer.make(parameters, learning_rate) -> torch.optim.Optimizer``."""

    def make(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
        """Return the optimiser over those parameters."""
        raise NotImplementedError


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015), fused; with weight decay, decoupled from the gradient (Loshchilov & Hutter 2019)."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def check(self) -> None:
        self.require(0 <= self.beta1 < 1 and 0 <= self.beta2 < 1, "beta1 and beta2 must lie in [0, 1)")

    def make(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
        """Return torch's fused AdamW, which is Adam where the decay is zero."""
        betas = (self.beta1, self.beta2)
        return torch.optim.AdamW(
            parameters, learning_rate, betas=betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, fused."""

    momentum: float = 0.9
    weight_decay: float = 0.0

    def make(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
        """Return torch's fused SGD."""
        return torch.optim.SGD(
            parameters, learning_rate, momentum=self.momentum, weight_decay=self.weight_decay, fused=True
        )
