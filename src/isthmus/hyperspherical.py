"""Codes on the unit sphere: von Mises–Fisher posteriors and the uniform prior.

Densities are per area of the sphere S^{d−1} = {z ∈ ℝᵈ: ‖z‖ = 1}.

Tim R. Davidson, Luca Falorsi, Nicola De Cao, Thomas Kipf and Jakub M. Tomczak, "Hyperspherical Variational
Auto-Encoders", 2018, https://arxiv.org/abs/1804.00891.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints, register_kl
from torch.nn.functional import normalize, softplus

from .distributions import draw
from .errors import CompositionError
from .facts import Facts
from .posterior import Posterior
from .prior import Prior
from .source import Source

__all__ = ["SphereUniform", "UniformPrior", "VonMisesFisher", "VonMisesFisherPosterior", "log_area"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
"""Of the quadrature over the angle, on (−1, 1)."""

CELLS = 128
"""Cells of the angle within which the distribution function is taken for linear when a draw inverts it."""


def log_area(d: int) -> float:
    """Return log |S^{d−1}| = log (2π^{d/2}/Γ(d/2)).

    >>> round(math.exp(log_area(3)) / math.pi, 12)
    4.0
    """
    return math.log(2) + 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d)


class VonMisesFisher(Distribution):
    r"""p(z) ∝ exp(κ μᵀz) on the sphere.

    The angle's cosine w = μᵀz has the density ∝ exp(κw)(1 − w²)^{(d−3)/2}. Its normaliser and mean come from a
    quadrature, draws from the inverse of its distribution function, with gradients to μ and κ. Both go over the
    variable of Andrew T. A. Wood, "Simulation of the von Mises Fisher distribution", 1994,
    https://doi.org/10.1080/03610919408813161, in which the mass of any κ is spread alike.

    Parameters
    ----------
    direction : μ, unit vectors (..., d), d ≥ 2.
    concentration : κ > 0, (..., 1).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = False

    def __init__(self, direction: Tensor, concentration: Tensor) -> None:
        self.direction, self.concentration = direction, concentration
        self.m = direction.shape[-1] - 1
        self.b = self.m / (2 * concentration + (4 * concentration.square() + self.m**2).sqrt())
        super().__init__(direction.shape[:-1], direction.shape[-1:], validate_args=False)
        nodes, weights = (torch.as_tensor(a, dtype=direction.dtype, device=direction.device) for a in (NODES, WEIGHTS))
        cosines, log_density = self.at(0.5 * math.pi * (1 + nodes))
        self.cosines, self.log_masses = cosines, log_density + (0.5 * math.pi * weights).log()

    def at(self, angles: Tensor) -> tuple[Tensor, Tensor]:
        """Return w, and the log-density of φ up to a constant, where w = w(ε), ε = (1 − cos φ)/2, φ ∈ (0, π)."""
        e = (1 - angles.cos()) / 2
        below, spread = 1 - (1 - self.b) * e, (e * (1 - e)).log()
        cosines = self.cosine(e)
        tilt = self.concentration * (cosines - 1)
        power = 0.5 * (self.m - 2) * (spread + (4 * self.b).log() - 2 * below.log())
        return cosines, tilt + power + (2 * self.b).log() - 2 * below.log() + 0.5 * spread

    def cosine(self, e: Tensor) -> Tensor:
        """Return w for Wood's ε ∈ [0, 1]."""
        return (1 - (1 + self.b) * e) / (1 - (1 - self.b) * e)

    @property
    def mean(self) -> Tensor:
        """μ: not the mean, which lies within the sphere, but the code that stands for the distribution."""
        return self.direction

    @property
    def log_normaliser(self) -> Tensor:
        """Log of the integral of exp(κ(μᵀz − 1)) over the sphere, (...,)."""
        return self.log_masses.logsumexp(-1) + log_area(self.m)

    @property
    def mean_cosine(self) -> Tensor:
        """𝔼 μᵀz, (...,)."""
        return (self.log_masses.softmax(-1) * self.cosines).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density, (...,)."""
        w = (self.direction * value).sum(-1)
        return self.concentration.squeeze(-1) * (w - 1) - self.log_normaliser


@draw.register
def _(p: VonMisesFisher, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    mu = p.direction
    u = source.uniform((*shape, *p.batch_shape, 1), mu)
    middles = (torch.arange(CELLS, dtype=mu.dtype, device=mu.device) + 0.5) * (math.pi / CELLS)
    cells = p.at(middles)[1].softmax(-1)
    below = cells.cumsum(-1) - cells
    cell = (below <= u).sum(-1, keepdim=True).clamp(min=1, max=CELLS) - 1
    of_cell = [t.expand(*cell.shape[:-1], CELLS).gather(-1, cell) for t in (below, cells)]
    angle = (cell + (u - of_cell[0]) / of_cell[1].clamp(min=torch.finfo(u.dtype).tiny)) * (math.pi / CELLS)
    w = p.cosine((1 - angle.clamp(0, math.pi).cos()) / 2).clamp(-1, 1)
    noise = source.normal((*shape, *mu.shape), mu)
    across = normalize(noise - (noise * mu).sum(-1, keepdim=True) * mu, dim=-1)
    return w * mu + (1 - w.square()).clamp(min=1e-12).sqrt() * across


class SphereUniform(Distribution):
    """The uniform distribution on the sphere in ℝᵈ.

    Parameters
    ----------
    like : any tensor (d,), for its dtype and device.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, like: Tensor) -> None:
        self.like = like
        super().__init__(torch.Size(), like.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Zero."""
        return torch.zeros_like(self.like)

    @property
    def variance(self) -> Tensor:
        """1/d for each unit."""
        return torch.full_like(self.like, 1 / len(self.like))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −log |S^{d−1}|, (...,)."""
        return torch.full_like(value[..., 0], -log_area(value.shape[-1]))


@draw.register
def _(p: SphereUniform, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    return normalize(source.normal((*shape, *p.like.shape), p.like), dim=-1)


@register_kl(VonMisesFisher, SphereUniform)  # type: ignore[no-untyped-call, untyped-decorator]
def _(q: VonMisesFisher, p: SphereUniform) -> Tensor:
    """κ(𝔼w − 1) − log ∫exp(κ(w − 1)) + log |S^{d−1}|."""
    return q.concentration.squeeze(-1) * (q.mean_cosine - 1) - q.log_normaliser + log_area(len(p.like))


class VonMisesFisherPosterior(Posterior):
    r"""q(z|x) = vMF(μ(x), κ(x)); the encoder returns d numbers for the direction μ and one for κ = 1 + softplus.

    Tim R. Davidson, Luca Falorsi, Nicola De Cao, Thomas Kipf and Jakub M. Tomczak, "Hyperspherical Variational
    Auto-Encoders", 2018, https://arxiv.org/abs/1804.00891, section 3.
    """

    def width(self, facts: Facts) -> int:
        """Return d + 1."""
        return facts.latent_dim + 1

    def build(self, facts: Facts) -> nn.Module:
        """Return the module."""
        _require_sphere(facts)
        return _VonMisesFisher()


class UniformPrior(Prior):
    """p(z) uniform on the unit sphere."""

    def build(self, facts: Facts) -> nn.Module:
        """Return the module."""
        _require_sphere(facts)
        return _Uniform(facts.latent_dim)


def _require_sphere(facts: Facts) -> None:
    if facts.latent_dim < 2:
        raise CompositionError(f"a sphere needs a code of at least 2 units, got {facts.latent_dim}")


class _VonMisesFisher(nn.Module):
    def forward(self, context: Tensor) -> Distribution:
        return VonMisesFisher(normalize(context[..., :-1], dim=-1), 1 + softplus(context[..., -1:]))


class _Uniform(nn.Module):
    zero: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_dim))

    def forward(self, context: Tensor | None = None) -> Distribution:
        return SphereUniform(self.zero)
