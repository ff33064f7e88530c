"""Likelihoods of values in [0, 1]: black and white, and grey."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from ..distributions import bernoulli
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
        return _TiltedUniform(logits)


class _TiltedUniform(Distribution):
    """The density ℓ exp(ℓx) / (exp ℓ − 1) on [0, 1] of every entry: a Bernoulli's cross-entropy, normalised.

    torch.distributions has it by its probability, which is clamped at 10⁻⁷ in float32: logits beyond 16 are lost there.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    flat_below = 0.1
    """Logits up to which the series about 0 is used."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """Return the distribution with a larger batch shape."""
        return _TiltedUniform(self.logits.expand(batch_shape))

    def _steep(self) -> tuple[Tensor, Tensor]:
        """Return whether |ℓ| is large enough for the closed forms, and |ℓ|, or 1 where it is not."""
        steep = self.logits.abs() > self.flat_below
        return steep, torch.where(steep, self.logits.abs(), 1.0)

    @property
    def mean(self) -> Tensor:
        """1/(1 − exp −ℓ) − 1/ℓ."""
        steep, a = self._steep()
        high = -1 / torch.expm1(-a) - 1 / a
        flat = 0.5 + self.logits / 12 * (1 - self.logits.square() / 60 * (1 - self.logits.square() / 42))
        return torch.where(steep, torch.where(self.logits > 0, high, 1 - high), flat)

    @property
    def variance(self) -> Tensor:
        """1/ℓ² − exp ℓ/(exp ℓ − 1)²."""
        steep, a = self._steep()
        square = self.logits.square()
        flat = 1 / 12 - square / 240 * (1 - square * 5 / 126)
        return torch.where(steep, a.square().reciprocal() - (-a).exp() / torch.expm1(-a).square(), flat)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ℓx − log((exp ℓ − 1)/ℓ) for every entry."""
        steep, a = self._steep()
        square = self.logits.square()
        flat = square / 24 * (1 - square / 120 * (1 - square * 2 / 126))
        log_integral = torch.where(steep, 0.5 * a + torch.log(-torch.expm1(-a)) - torch.log(a), flat)
        return self.logits * (value - 0.5) - log_integral

    def icdf(self, value: Tensor) -> Tensor:
        """Return the x below which a draw lies with that probability: log(1 + u (exp ℓ − 1))/ℓ."""
        rising, a = self.logits > 0, self.logits.abs().clamp(min=1e-3)
        falling = -torch.log1p(torch.where(rising, 1 - value, value) * torch.expm1(-a)) / a
        flat = value + self.logits / 2 * (value - value.square())
        return torch.where(self.logits.abs() > 1e-3, torch.where(rising, 1 - falling, falling), flat)


def _white(facts: Facts) -> float:
    """Return the value of white: 255 where values are kept as uint8 beyond 0 and 1."""
    return 255.0 if facts.dtype == "uint8" and facts.bounds is not None and facts.bounds[1] > 1 else 1.0
