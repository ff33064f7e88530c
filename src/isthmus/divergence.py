"""Divergences D(q‖p) between posterior and prior, one value per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, kl_divergence

from .errors import CompositionError
from .facts import Facts
from .source import Source
from .term import Term, mean_over_draws

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = ["KL", "Capacity", "Divergence", "FreeBits"]


class Divergence(Term, kind="divergence"):
    """Base of divergences: terms that compare q(z|x) with p(z)."""

    name: ClassVar[str] = "divergence"


class KL(Divergence):
    r"""β·KL(q(z|x) ‖ p(z)), in closed form if torch knows one, otherwise as log q(z|x) − log p(z) at the drawn z.

    Parameters
    ----------
    weight : β; 1 makes the objective the evidence bound.
    warmup : the fraction of the fit over which the weight rises linearly from zero.

    References
    ----------
    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114,
        equation 3.
    Irina Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017,
        https://openreview.net/forum?id=Sy2fzU9gl, equation 4: β.
    Casper Kaae Sønderby et al., "Ladder Variational Autoencoders", 2016, https://arxiv.org/abs/1602.02282: warm-up.
    """

    warmup: float = 0.0

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without a density, and a model without a prior."""
        if not model.has_density:
            what = "no posterior" if model.posterior is None else "a posterior without a density"
            raise CompositionError(
                f"{type(self).__name__}: with {what} there is no divergence to measure: use DiagonalGaussian"
            )
        if model.prior is None:
            raise CompositionError(f"{type(self).__name__}: the model has no prior to measure a divergence from")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return KL(q‖p), (N,)."""
        return _kl(passed)


def _kl(passed: Pass) -> Tensor:
    """Return KL(q(z|x) ‖ p(z)), (N,): exact where there is a closed form, otherwise at the drawn z."""
    try:
        return torch.as_tensor(kl_divergence(passed.q, passed.p_z))
    except NotImplementedError:
        return mean_over_draws(passed.q.log_prob(passed.z) - passed.p_z.log_prob(passed.z))


class FreeBits(KL):
    r"""Σᵤ max(λ, KL(q(zᵤ|x) ‖ p(zᵤ))): no unit of the code is pressed below λ nats, so that units stay in use.

    Diederik P. Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", 2016,
    https://arxiv.org/abs/1606.04934, appendix C.8, with one unit a group and a minimum for each row.

    Parameters
    ----------
    nats : λ.
    """

    nats: float = 0.1

    def check(self) -> None:
        super().check()
        self.require(self.nats >= 0, f"nats must not be negative, got {self.nats}")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the sum over units, (N,)."""
        units = [_units(p) for p in (passed.q, passed.p_z)]
        try:
            each = torch.as_tensor(kl_divergence(*units))
        except NotImplementedError:
            raise CompositionError("FreeBits: the units of this posterior and prior have no divergence each") from None
        return each.clamp(min=self.nats).sum(-1)


def _units(p: Distribution) -> Distribution:
    """Return the distribution of every unit of a code whose units are independent."""
    if not isinstance(p, Independent):
        raise CompositionError(
            f"FreeBits: the units of a {type(p).__name__} are not independent; use DiagonalGaussian and StandardNormal"
        )
    units: Distribution = p.base_dist
    return units


class Capacity(KL):
    r"""γ|KL(q(z|x) ‖ p(z)) − C|, where the capacity C rises from 0 with the fit: a channel that widens.

    Christopher P. Burgess et al., "Understanding disentangling in β-VAE", 2018, https://arxiv.org/abs/1804.03599,
    equation 8.

    Parameters
    ----------
    weight : γ.
    nats : C at the end of its rise.
    rise : the fraction of the fit over which C rises linearly.
    """

    weight: float = 30.0
    nats: float = 25.0
    rise: float = 1.0

    def check(self) -> None:
        super().check()
        self.require(self.nats >= 0, f"nats must not be negative, got {self.nats}")
        self.require(0 < self.rise <= 1, f"rise is a fraction of the fit, in (0, 1], got {self.rise}")

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds C."""
        return _Capacity(self.nats, self.rise)

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return |KL − C| at the end of the rise, (N,)."""
        return (_kl(passed) - self.nats).abs()


class _Capacity(nn.Module):
    nats: Tensor

    def __init__(self, most: float, rise: float) -> None:
        super().__init__()
        self.most, self.rise = most, rise
        self.register_buffer("nats", torch.zeros(()))

    def at(self, progress: float) -> None:
        self.nats.fill_(self.most * min(1.0, progress / self.rise))

    def forward(self, model: Model, passed: Pass, source: Source) -> Tensor:
        return (_kl(passed) - self.nats).abs()
