"""Optimisers as parts: blueprints that make torch's optimisers."""

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
    """Adam, fused; weight decay is decoupled from the gradient, as in AdamW.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← (1 − ηλ)θ − η m̂ / (√v̂ + ε), with m̂ = m/(1 − β₁ᵗ) and
    v̂ = v/(1 − β₂ᵗ).

    Parameters
    ----------
    beta1, beta2 : β₁ and β₂, decay rates of the two moments.
    eps : ε.
    weight_decay : λ.

    References
    ----------
    Diederik P. Kingma and Jimmy Ba, "Adam: A Method for Stochastic Optimization", 2015,
        https://arxiv.org/abs/1412.6980, algorithm 1.
    Ilya Loshchilov and Frank Hutter, "Decoupled Weight Decay Regularization", 2019, https://arxiv.org/abs/1711.05101.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def check(self) -> None:
        self.require(0 <= self.beta1 < 1 and 0 <= self.beta2 < 1, "beta1 and beta2 must lie in [0, 1)")

    def make(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
        """Return torch's fused AdamW, which is Adam if the weight decay is zero."""
        betas = (self.beta1, self.beta2)
        return torch.optim.AdamW(
            parameters, learning_rate, betas=betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, fused: b ← μb + g + λθ, θ ← θ − ηb.

    Parameters
    ----------
    momentum : μ.
    weight_decay : λ.

    References
    ----------
    Boris T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964,
        https://doi.org/10.1016/0041-5553(64)90137-5.
    Ilya Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013,
        https://proceedings.mlr.press/v28/sutskever13.html.
    """

    momentum: float = 0.9
    weight_decay: float = 0.0

    def make(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
        """Return torch's fused SGD."""
        return torch.optim.SGD(
            parameters, learning_rate, momentum=self.momentum, weight_decay=self.weight_decay, fused=True
        )
