"""Normalizing flows as posterior and as prior: invertible maps of a normal code, built by zuko.

zuko is the extra ``flows``; it is imported when a flow is built.

Danilo J. Rezende and Shakir Mohamed, "Variational Inference with Normalizing Flows", 2015,
https://arxiv.org/abs/1505.05770. François Rozet et al., "Zuko: Normalizing flows in PyTorch", 2022,
https://github.com/probabilists/zuko.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from .distributions import draw, event, normal
from .errors import MissingExtraError
from .facts import Facts
from .parts import Part
from .posterior import Posterior
from .prior import Prior
from .source import Source

__all__ = ["FlowPosterior", "FlowPrior", "Flowing"]


@cache
def _zuko() -> Any:
    """Return zuko's flows, without the change that importing it makes to all distributions of the process."""
    validates = Distribution._validate_args
    try:
        return import_module("zuko").flows
    except ModuleNotFoundError:
        raise MissingExtraError("zuko", "flows", "a flow as posterior or prior") from None
    finally:
        Distribution.set_default_validate_args(validates)


class Flowing(Distribution):
    r"""p(z) = N(f(z); 0, I) |det ∂f(z)/∂z| for an invertible f, drawn as z = f⁻¹(u), u ~ N(0, I).

    Parameters
    ----------
    transform : f, with ``inv`` and ``call_and_ladj``, as zuko's transforms have them.
    base : the distribution of u.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, transform: Any, base: Distribution) -> None:
        self.transform, self.base = transform, base
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """f⁻¹(0): not the mean, but a code that stands for the distribution."""
        z: Tensor = self.transform.inv(self.base.mean)
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the density by the change of variables, (...,)."""
        u, log_volume = self.transform.call_and_ladj(value)
        return torch.as_tensor(self.base.log_prob(u) + log_volume)


@draw.register
def _(p: Flowing, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    z: Tensor = p.transform.inv(draw(p.base, source, shape))
    return z


class _Flow(Part):
    """What both parts have: how the flow is built."""

    transforms: int = 4
    hidden: Sequence[int] = (64, 64)
    maps: Literal["affine", "spline"] = "affine"

    def check(self) -> None:
        self.require_count("transforms", self.transforms)
        for width in self.hidden:
            self.require_count("hidden widths", width)
        known = ("affine", "spline")
        self.require(self.maps in known, f"maps must be affine or spline, got {self.maps!r}")

    def flow(self, facts: Facts, context: int) -> nn.Module:
        """Return the module of the coupling flow: half of the units at a time are mapped given the other half."""
        zuko = _zuko()
        family = zuko.MAF if self.maps == "affine" else zuko.NSF
        made = family(
            facts.latent_dim, context, transforms=self.transforms, hidden_features=tuple(self.hidden), passes=2
        )
        return _Flows(made.transform, facts.latent_dim)


class FlowPosterior(Posterior, _Flow):
    r"""q(z|x), a coupling flow of which the encoder's outputs are the context.

    Danilo J. Rezende and Shakir Mohamed, "Variational Inference with Normalizing Flows", 2015,
    https://arxiv.org/abs/1505.05770. The maps: Laurent Dinh, Jascha Sohl-Dickstein and Samy Bengio, "Density estimation
    using Real NVP", 2017, https://arxiv.org/abs/1605.08803 (affine); Conor Durkan, Artur Bekasov, Iain Murray and
    George Papamakarios, "Neural Spline Flows", 2019, https://arxiv.org/abs/1906.04032 (spline).

    Parameters
    ----------
    transforms : the number of maps, one after the other; each moves all units.
    hidden : widths of the hidden layers of the network in each map.
    maps : ``"affine"`` or ``"spline"``.
    context : the number of outputs of the encoder.
    """

    context: int = 32

    def check(self) -> None:
        super().check()
        self.require_count("context", self.context)

    def width(self, facts: Facts) -> int:
        """Return the number of outputs of the encoder."""
        return self.context

    def build(self, facts: Facts) -> nn.Module:
        """Return the module of the flow."""
        return self.flow(facts, self.context)


class FlowPrior(Prior, _Flow):
    r"""p(z), a coupling flow that is learnt with the rest.

    Xi Chen, Diederik P. Kingma, Tim Salimans, Yan Duan, Prafulla Dhariwal, John Schulman, Ilya Sutskever and Pieter
    Abbeel, "Variational Lossy Autoencoder", 2017, https://arxiv.org/abs/1611.02731, section 3.2; the maps as in
    `FlowPosterior`.

    Parameters
    ----------
    transforms, hidden, maps : as in `FlowPosterior`.
    """

    def build(self, facts: Facts) -> nn.Module:
        """Return the module of the flow."""
        return self.flow(facts, 0)


class _Flows(nn.Module):
    zero: Tensor

    def __init__(self, transform: nn.Module, latent_dim: int) -> None:
        super().__init__()
        self.transform = transform
        self.register_buffer("zero", torch.zeros(latent_dim))

    def forward(self, context: Tensor | None = None) -> Distribution:
        zero = self.zero if context is None else self.zero.expand(*context.shape[:-1], -1)
        return Flowing(self.transform(context), event(normal(zero, torch.ones_like(zero)), 1))
