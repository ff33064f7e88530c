"""Priors p(z), the distributions of codes before any x is seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from .conditional import Conditional
from .distributions import event, normal
from .errors import CompositionError
from .facts import Facts

__all__ = ["ConditionalGaussian", "Prior", "StandardNormal", "VampPrior"]


class Prior(Conditional, kind="prior"):
    """Base of priors: distributions of a code (d,).

    Most priors have `width` 0, no context, and are called with None. A prior with a context is p(z|c): it is called
    with the output of the network named ``prior`` for the condition c.
    """

    def event_shape(self, facts: Facts) -> tuple[int, ...]:
        """Return (d,)."""
        return (facts.latent_dim,)

    def width(self, facts: Facts) -> int:
        """Return 0: no context."""
        return 0


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

    def forward(self, context: Tensor | None = None) -> Distribution:
        return event(normal(self.zero, self.one), 1)


class ConditionalGaussian(Prior):
    r"""p(z|c) = N(μ(c), diag σ²(c)), the prior of a conditional variational autoencoder.

    Kihyuk Sohn, Honglak Lee and Xinchen Yan, "Learning Structured Output Representation using Deep Conditional
    Generative Models", 2015, https://papers.nips.cc/paper/5775, equation 4.
    """

    numbers = 2

    def width(self, facts: Facts) -> int:
        """Return 2d, for μ and log σ²."""
        self.require(facts.condition > 0, "needs a condition: fit(X, condition=C)")
        return 2 * facts.latent_dim

    def distribution(self, mu: Tensor, log_variance: Tensor) -> Distribution:
        """Return N(μ, σ²)."""
        return normal(mu, torch.exp(0.5 * log_variance.clamp(-20.0, 20.0)))


class VampPrior(Prior):
    r"""p(z) = (1/K) Σₖ q(z|uₖ), a mixture of the posteriors of K learned pseudo-inputs.

    Jakub M. Tomczak and Max Welling, "VAE with a VampPrior", 2018, https://arxiv.org/abs/1705.07120, equation 9.

    Parameters
    ----------
    components : K, the number of pseudo-inputs.
    """

    components: int = 500

    def check(self) -> None:
        self.require_count("components", self.components)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds the pseudo-inputs, which start near the mean of the training rows."""
        if facts.encode is None:
            raise CompositionError("VampPrior: mixes the encoder's posteriors, and this model has no encoder")
        centre = torch.zeros(facts.shape) if facts.centre is None else facts.centre.to(torch.get_default_dtype())
        return _VampPrior(centre + 0.1 * torch.randn(self.components, *facts.shape), facts)


class _VampPrior(nn.Module):
    def __init__(self, pseudo_inputs: Tensor, facts: Facts) -> None:
        super().__init__()
        self.pseudo_inputs = nn.Parameter(pseudo_inputs)
        self.encode = facts.encode

    def forward(self, context: Tensor | None = None) -> Distribution:
        assert self.encode is not None
        q = self.encode(self.pseudo_inputs)
        if not (isinstance(q, Independent) and isinstance(q.base_dist, Normal)):
            raise CompositionError("VampPrior: mixes Gaussian posteriors; use posterior=DiagonalGaussian()")
        mixture = Categorical(logits=torch.zeros(len(self.pseudo_inputs), device=q.mean.device), validate_args=False)
        return MixtureSameFamily(mixture, q, validate_args=False)
