"""Posteriors q(z|x): what the encoder's outputs mean.

A posterior says how many numbers the encoder returns for each unit of the code (`outputs`) and turns that many
tensors (N, d) into a distribution over z of event shape (d,).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from .distributions import Delta, normal
from .parts import Part

__all__ = ["Deterministic", "DiagonalGaussian", "Posterior"]


class Posterior(Part, kind="posterior"):
    """Base of posteriors: ``posterior(parameters) -> Distribution``."""

    outputs: ClassVar[int] = 1
    has_density: ClassVar[bool] = True

    def __call__(self, parameters: tuple[Tensor, ...]) -> Distribution:
        """Turn the encoder's outputs, a tuple of (N, d), into q(z|x)."""
        raise NotImplementedError


class Deterministic(Posterior):
    """q(z|x) = δ(z − f(x)): the code of an ordinary autoencoder."""

    has_density: ClassVar[bool] = False

    def __call__(self, parameters: tuple[Tensor, ...]) -> Distribution:
        """Return the point mass at the encoder's output."""
        return Delta(parameters[0])


class DiagonalGaussian(Posterior):
    r"""q(z|x) = N(μ(x), diag σ²(x)), the encoder returning μ and log σ² (Kingma & Welling 2014, equation 9)."""

    outputs: ClassVar[int] = 2

    def __call__(self, parameters: tuple[Tensor, ...]) -> Distribution:
        """Return N(μ, σ²); log σ² is kept within ±20, beyond which σ² is no longer a useful number."""
        mu, log_variance = parameters
        return normal(mu, torch.exp(0.5 * log_variance.clamp(-20.0, 20.0)), 1)
