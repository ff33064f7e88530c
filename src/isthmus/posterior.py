"""Posteriors q(z|x), the distributions of codes given the encoder's outputs."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .conditional import Conditional
from .distributions import Delta, normal
from .facts import Facts

__all__ = ["Deterministic", "DiagonalGaussian", "KSparse", "Posterior"]


class Posterior(Conditional, kind="posterior"):
    """Base of posteriors: distributions of a code (d,), given the encoder's output."""

    has_density: ClassVar[bool] = True
    """Whether log q(z|x) exists. A point mass has no density, and therefore no divergence from a prior."""

    def event_shape(self, facts: Facts) -> tuple[int, ...]:
        """Return (d,)."""
        return (facts.latent_dim,)


class Deterministic(Posterior):
    """q(z|x) = δ(z − f(x)), the code of an ordinary autoencoder."""

    has_density: ClassVar[bool] = False

    def distribution(self, code: Tensor) -> Distribution:
        """Return the point mass at the encoder's output."""
        return Delta(code)


class KSparse(Deterministic):
    r"""A code of which the k largest units are kept and all others are zero.

    Alireza Makhzani and Brendan Frey, "k-Sparse Autoencoders", 2014, https://arxiv.org/abs/1312.5663, algorithm 1.

    Parameters
    ----------
    units : k.
    """

    units: int = 10

    def check(self) -> None:
        self.require_count("units", self.units)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module, for a code of at least k units."""
        self.require(self.units <= facts.latent_dim, f"units is {self.units}, and the code has {facts.latent_dim}")
        return super().build(facts)

    def distribution(self, code: Tensor) -> Distribution:
        """Return the point mass at the encoder's k largest outputs."""
        kept = code.topk(self.units, dim=-1).indices
        return Delta(torch.zeros_like(code).scatter(-1, kept, code.gather(-1, kept)))


class DiagonalGaussian(Posterior):
    r"""q(z|x) = N(μ(x), diag σ²(x)); the encoder returns μ and log σ².

    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114,
    equation 9.
    """

    numbers: ClassVar[int] = 2

    def distribution(self, mu: Tensor, log_variance: Tensor) -> Distribution:
        """Return N(μ, σ²); log σ² is clipped to ±20, so that σ² neither overflows nor vanishes."""
        return normal(mu, torch.exp(0.5 * log_variance.clamp(-20.0, 20.0)))
