"""Likelihoods of values in [0, 1]: black and white, and grey."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.distributions import Distribution

from ..distributions import bernoulli, continuous_bernoulli
from ..facts import Facts
from ..scaling import Scaling
from .base import Likelihood

__all__ = ["Bernoulli", "ContinuousBernoulli"]


class Bernoulli(Likelihood):
    r"""−log p(x|z) = −Σᵢ [xᵢ log x̂ᵢ + (1 − xᵢ) log(1 − x̂ᵢ)], the decoder returning logits of x̂.

    For binary data this is a probability. Grey values in [0, 1] may be used as everyone does; the value is then the
    same cross-entropy, a loss and not a normalised density. It holds the row's own entropy, so that scores of rows do
    not compare: what is grey looks odd, what is black or white usual. `ContinuousBernoulli` is the density.
    """

    support: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def units(self, facts: Facts) -> Scaling:
        """Return the map to [0, 1]: grey values kept as uint8 are divided by 255."""
        return Scaling.identity(facts.shape, _white(facts), discrete=True)

    def distribution(self, logits: Tensor) -> Distribution:
        """Return a Bernoulli for every entry."""
        return bernoulli(logits)


class ContinuousBernoulli(Likelihood):
    r"""p(x|z) = Πᵢ ℓᵢ exp(ℓᵢxᵢ) / (exp ℓᵢ − 1) on [0, 1], the decoder returning ℓ: a density of grey values.

    The Bernoulli's λˣ(1 − λ)¹⁻ˣ, ℓ being the logit of λ, divided by its integral over x (Gabriel Loaiza-Ganem and
    John P. Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders", 2019,
    https://arxiv.org/abs/1907.06845, equations 7 and 8).

    >>> import torch
    >>> p = ContinuousBernoulli().build(Facts((1,), 1))(torch.tensor([[0.0], [5.0]]))
    >>> p.log_prob(torch.tensor([[0.5], [0.5]])), p.mean.flatten()
    (tensor([ 0.0000, -0.8838]), tensor([0.5000, 0.8068]))
    """

    support: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def units(self, facts: Facts) -> Scaling:
        """Return the map to [0, 1]: grey values kept as uint8 are divided by 255."""
        return Scaling.identity(facts.shape, _white(facts))

    def plain_units(self, facts: Facts) -> Scaling:
        return Scaling.identity(facts.shape)

    def distribution(self, logits: Tensor) -> Distribution:
        """Return a continuous Bernoulli for every entry."""
        return continuous_bernoulli(logits)


def _white(facts: Facts) -> float:
    """Return the value of white: 255 where values are kept as uint8 beyond 0 and 1."""
    return 255.0 if facts.dtype == "uint8" and facts.bounds is not None and facts.bounds[1] > 1 else 1.0
