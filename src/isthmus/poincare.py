r"""Codes in the Poincaré ball {z ∈ ℝᵈ: ‖z‖ < 1} with the metric λ_z² I, λ_z = 2/(1−‖z‖²): there is room for trees.

Densities are per Riemannian volume, λ_zᵈ dz.

Emile Mathieu, Charline Le Lan, Chris J. Maddison, Ryota Tomioka and Yee Whye Teh, "Continuous Hierarchical
Representations with Poincaré Variational Auto-Encoders", 2019, https://arxiv.org/abs/1901.06033.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.nn.functional import softplus

from .distributions import draw
from .facts import Facts
from .posterior import Posterior
from .prior import Prior
from .source import Source

__all__ = ["WrappedNormal", "WrappedNormalPosterior", "WrappedNormalPrior", "moebius"]

EDGE = 1e-5
"""The least distance of a code from the edge of the ball, in float32."""


def moebius(x: Tensor, y: Tensor) -> Tensor:
    r"""Return x ⊕ y = ((1 + 2⟨x, y⟩ + ‖y‖²) x + (1 − ‖x‖²) y) / (1 + 2⟨x, y⟩ + ‖x‖²‖y‖²), (..., d).

    >>> x = torch.tensor([0.3, 0.1])
    >>> torch.allclose(moebius(-x, moebius(x, torch.tensor([0.2, -0.5]))), torch.tensor([0.2, -0.5]))
    True
    """
    xy, xx, yy = ((a * b).sum(-1, keepdim=True) for a, b in ((x, y), (x, x), (y, y)))
    return ((1 + 2 * xy + yy) * x + (1 - xx) * y) / (1 + 2 * xy + xx * yy).clamp(min=1e-12)


def _length(v: Tensor) -> Tensor:
    """Return ‖v‖, (..., 1), with a gradient at zero."""
    return (v.square().sum(-1, keepdim=True) + 1e-18).sqrt()


def _inside(z: Tensor) -> Tensor:
    """Return z, pulled back where rounding has put it on the edge of the ball."""
    most = 1 - (EDGE if z.dtype == torch.float32 else EDGE**2)
    return z * (most / _length(z)).clamp(max=1.0)


class WrappedNormal(Distribution):
    r"""The distribution of μ ⊕ tanh(‖v‖/2) v/‖v‖, v ~ N(0, σ²I): a normal step of length ‖v‖ along a geodesic from μ.

    log p(z) = log N(v; 0, σ²I) − (d − 1) log (sinh ‖v‖ / ‖v‖) (Mathieu et al. 2019, equation 6).

    Parameters
    ----------
    centre : μ in the ball, (..., d).
    scale : σ, broadcastable to it.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, centre: Tensor, scale: Tensor) -> None:
        self.centre, self.scale = centre, scale
        super().__init__(centre.shape[:-1], centre.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """μ: not the mean of the coordinates, but the code that stands for the distribution."""
        return self.centre

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density per Riemannian volume, (...,)."""
        apart = moebius(-self.centre, value)
        ratio = _length(apart)
        length = 2 * torch.atanh(ratio.clamp(max=1 - 1e-7 if ratio.dtype == torch.float32 else 1 - 1e-15))
        u = length * apart / ratio / self.scale
        normal = -0.5 * u.square() - self.scale.log() - 0.5 * math.log(2 * math.pi)
        log_sinh = length + torch.log(-torch.expm1(-2 * length)) - math.log(2)
        d = value.shape[-1]
        return normal.expand(value.shape).sum(-1) - (d - 1) * (log_sinh - length.log()).squeeze(-1)


@draw.register
def _(p: WrappedNormal, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    v = p.scale * source.normal((*shape, *p.centre.shape), p.centre)
    length = _length(v)
    return _inside(moebius(p.centre.expand(v.shape), torch.tanh(length / 2) * v / length))


class WrappedNormalPosterior(Posterior):
    r"""q(z|x), a wrapped normal; the encoder returns d numbers for μ = tanh(‖c‖/2) c/‖c‖ and d for σ by a softplus.

    Emile Mathieu, Charline Le Lan, Chris J. Maddison, Ryota Tomioka and Yee Whye Teh, "Continuous Hierarchical
    Representations with Poincaré Variational Auto-Encoders", 2019, https://arxiv.org/abs/1901.06033, section 3.
    """

    def width(self, facts: Facts) -> int:
        """Return 2d."""
        return 2 * facts.latent_dim

    def build(self, facts: Facts) -> nn.Module:
        """Return the module."""
        return _Wrapped()


class WrappedNormalPrior(Prior):
    """p(z), a wrapped normal of σ about the centre of the ball.

    Parameters
    ----------
    std : σ.
    """

    std: float = 1.0

    def check(self) -> None:
        self.require_positive("std", self.std)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module."""
        return _Centred(facts.latent_dim, self.std)


class _Wrapped(nn.Module):
    def forward(self, context: Tensor) -> Distribution:
        c, raw = context.chunk(2, -1)
        length = _length(c)
        return WrappedNormal(_inside(torch.tanh(length / 2) * c / length), softplus(raw) + 1e-4)


class _Centred(nn.Module):
    zero: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int, std: float) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.full((), std))

    def forward(self, context: Tensor | None = None) -> Distribution:
        return WrappedNormal(self.zero, self.scale)
