"""Likelihoods p(x|z): what the decoder's outputs mean. The reconstruction loss is −log p(x|z).

A likelihood says how many numbers the decoder returns for each entry of x (`outputs`); what it builds turns that
many tensors (N, *shape) into a distribution over x, whose event is the last `event_dims` dimensions, so that its
``log_prob`` is (N,).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from .distributions import bernoulli, normal
from .parts import Facts, Part

__all__ = ["Bernoulli", "Gaussian", "HeteroscedasticGaussian", "HomoscedasticGaussian", "Likelihood"]


class Likelihood(Part, kind="likelihood"):
    """Base of likelihoods: what ``build(facts)`` returns maps decoder outputs to p(x|z)."""

    outputs: ClassVar[int] = 1
    unit_interval: ClassVar[bool] = False
    """Whether x must lie in [0, 1]; real-valued likelihoods see standardised data instead."""

    def __call__(self, parameters: tuple[Tensor, ...], event_dims: int) -> Distribution:
        """Turn the decoder's outputs into p(x|z)."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    r"""−log p(x|z) = −Σᵢ [xᵢ log x̂ᵢ + (1 − xᵢ) log(1 − x̂ᵢ)], the decoder returning logits of x̂.

    For binary data this is a probability. Grey values in [0, 1] may be used as everyone does; the value is then the
    same cross-entropy, a loss and not a normalised density (Loaiza-Ganem & Cunningham 2019).
    """

    unit_interval: ClassVar[bool] = True

    def __call__(self, parameters: tuple[Tensor, ...], event_dims: int) -> Distribution:
        """Return independent Bernoullis."""
        return bernoulli(parameters[0], event_dims)


class Gaussian(Likelihood):
    r"""p(x|z) = N(x̂, σ²I), σ fixed: −log p = ‖x − x̂‖²/2σ² + (n/2) log 2πσ².

    Parameters
    ----------
    std : σ in the model's units (standardised features); 1 gives ½‖x − x̂‖² up to a constant.
    """

    std: float = 1.0

    def check(self) -> None:
        self.require(self.std > 0, f"std must be positive, got {self.std}")

    def __call__(self, parameters: tuple[Tensor, ...], event_dims: int) -> Distribution:
        """Return N(x̂, σ²I)."""
        mean = parameters[0]
        std = torch.full((), self.std, dtype=mean.dtype, device=mean.device)
        return normal(mean, std, event_dims)


class HomoscedasticGaussian(Likelihood):
    r"""p(x|z) = N(x̂, diag σ²), one learned σ an entry, the same for every sample (cf. Rybkin et al. 2021).

    Parameters
    ----------
    shared : whether all entries share one σ, as probabilistic PCA does and pixels should.
    minimum_std : a floor in the model's units: a constant column must not have infinite density.
    """

    shared: bool = False
    minimum_std: float = 1e-3

    def check(self) -> None:
        self.require(self.minimum_std > 0, f"minimum_std must be positive, got {self.minimum_std}")

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds log σ, started at σ = 1."""
        return _Homoscedastic(() if self.shared else facts.shape, self.minimum_std)


class _Homoscedastic(nn.Module):
    def __init__(self, shape: tuple[int, ...], minimum_std: float) -> None:
        super().__init__()
        self.log_std = nn.Parameter(torch.zeros(shape))
        self.floor = math.log(minimum_std)

    def forward(self, parameters: tuple[Tensor, ...], event_dims: int) -> Distribution:
        mean = parameters[0]
        return normal(mean, self.log_std.clamp(min=self.floor).exp(), event_dims)


class HeteroscedasticGaussian(Likelihood):
    r"""p(x|z) = N(x̂(z), diag σ²(z)), the decoder returning both (Kingma & Welling 2014, appendix C.2).

    Parameters
    ----------
    minimum_std : a floor in the model's units: a constant column must not have infinite density.
    """

    outputs: ClassVar[int] = 2
    minimum_std: float = 1e-2

    def check(self) -> None:
        self.require(self.minimum_std > 0, f"minimum_std must be positive, got {self.minimum_std}")

    def __call__(self, parameters: tuple[Tensor, ...], event_dims: int) -> Distribution:
        """Return N(x̂, σ²), σ through a softplus."""
        mean, raw = parameters
        return normal(mean, self.minimum_std + softplus(raw), event_dims)
