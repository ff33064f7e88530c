"""Posteriors without a density: a network of x and noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from .distributions import draw
from .facts import Facts
from .networks import MLP
from .posterior import Posterior
from .source import Source

__all__ = ["Implicit", "ImplicitPosterior"]


class Implicit(Distribution):
    r"""The distribution of f(ε), ε ~ N(0, I): it can be drawn from, and has no density that is known.

    Parameters
    ----------
    push : f, (..., e) → (..., d).
    zero : ε = 0 for every member of the batch, (*batch, e).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, push: Callable[[Tensor], Tensor], zero: Tensor) -> None:
        self.push, self.zero = push, zero
        super().__init__(zero.shape[:-1], validate_args=False)

    @property
    def event_shape(self) -> torch.Size:
        """(d,)."""
        return self.mean.shape[-1:]

    @property
    def mean(self) -> Tensor:
        """f(0): not the mean, but a code that stands for the distribution."""
        return self.push(self.zero)


@draw.register
def _(p: Implicit, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    return p.push(source.normal((*shape, *p.zero.shape), p.zero))


class ImplicitPosterior(Posterior):
    r"""z = f(c(x), ε), ε ~ N(0, I), where c(x) is the encoder's output and f a network.

    Lars Mescheder, Sebastian Nowozin and Andreas Geiger, "Adversarial Variational Bayes", 2017,
    https://arxiv.org/abs/1701.04722, section 3.

    Parameters
    ----------
    noise : the width of ε.
    context : the width of c(x).
    hidden : widths of the hidden layers of f.
    """

    has_density: ClassVar[bool] = False

    noise: int = 16
    context: int = 32
    hidden: int | Sequence[int] = (64,)

    def check(self) -> None:
        self.require_count("noise", self.noise)
        self.require_count("context", self.context)

    def width(self, facts: Facts) -> int:
        """Return the width of c(x)."""
        return self.context

    def build(self, facts: Facts) -> nn.Module:
        """Return the module with f."""
        return _Implicit(MLP(self.hidden).encoder((self.context + self.noise,), facts.latent_dim), self.noise)


class _Implicit(nn.Module):
    def __init__(self, f: nn.Module, noise: int) -> None:
        super().__init__()
        self.f, self.noise = f, noise

    def forward(self, context: Tensor) -> Distribution:
        def push(noise: Tensor) -> Tensor:
            both = torch.cat([context.expand(*noise.shape[:-1], -1), noise], -1)
            z: Tensor = self.f(both.flatten(0, -2))
            return z.reshape(*noise.shape[:-1], -1)

        return Implicit(push, context.new_zeros(*context.shape[:-1], self.noise))
