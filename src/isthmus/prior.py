"""Priors p(z): where codes come from when there is no x.

A prior is a blueprint; its module is called with the model's ``encode`` (x ↦ q(z|x)), which priors made from the
posterior need, and returns a distribution of event shape (d,).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from .distributions import normal
from .parts import Facts, Part

__all__ = ["Prior", "StandardNormal", "VampPrior"]

Encode = Callable[[Tensor], Distribution]


class Prior(Part, kind="prior"):
    """Base of priors: ``build(facts)`` returns a module called with `encode`, which returns p(z)."""

    def build(self, facts: Facts) -> nn.Module:
        """Return the module of p(z)."""
        raise NotImplementedError


class StandardNormal(Prior):
    """p(z) = N(0, I)."""

    def build(self, facts: Facts) -> nn.Module:
        """Return the module of N(0, I) in d dimensions."""
        return _StandardNormal(facts.latent_dim)


class _StandardNormal(nn.Module):
    zero: Tensor
    one: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_dim))
        self.register_buffer("one", torch.ones(latent_dim))

    def forward(self, encode: Encode) -> Distribution:
        return normal(self.zero, self.one, 1)


class VampPrior(Prior):
    r"""p(z) = (1/K) Σₖ q(z|uₖ), a mixture of the posterior at K learned pseudo-inputs (Tomczak & Welling 2018, eq. 9).

    Parameters
    ----------
    components : K, the number of pseudo-inputs.
    """

    components: int = 500

    def check(self) -> None:
        self.require_count("components", self.components)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds the pseudo-inputs, started around the training mean."""
        mean = torch.zeros(facts.shape) if facts.mean is None else facts.mean.to(torch.get_default_dtype())
        return _VampPrior(mean + 0.1 * torch.randn(self.components, *facts.shape))


class _VampPrior(nn.Module):
    def __init__(self, pseudo_inputs: Tensor) -> None:
        super().__init__()
        self.pseudo_inputs = nn.Parameter(pseudo_inputs)

    def forward(self, encode: Encode) -> Distribution:
        q = encode(self.pseudo_inputs)
        if not (isinstance(q, Independent) and isinstance(q.base_dist, Normal)):
            raise TypeError("a VampPrior mixes Gaussian posteriors")
        mixture = Categorical(logits=torch.zeros(len(self.pseudo_inputs), device=q.mean.device), validate_args=False)
        return MixtureSameFamily(mixture, q, validate_args=False)
