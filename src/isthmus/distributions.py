"""Distributions: what torch.distributions lacks here, and drawing with a `torch.Generator` passed along."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal, constraints

__all__ = ["Delta", "bernoulli", "draw", "draw_common", "normal"]


class Delta(Distribution):
    r"""A point mass δ(x − v): what an encoder without noise returns. It has a mean and draws, but no density.

    Parameters
    ----------
    value : v, of shape (N, d); the last dimension is the event.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, value: Tensor) -> None:
        self.value = value
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The point itself."""
        return self.value

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return the point, once a draw."""
        return self.value.expand(*sample_shape, *self.value.shape)


def normal(mean: Tensor, std: Tensor, event_dims: int) -> Distribution:
    """Return N(mean, std²) with independent entries; the last `event_dims` dimensions are one event."""
    return Independent(Normal(mean, std, validate_args=False), event_dims, validate_args=False)


def bernoulli(logits: Tensor, event_dims: int) -> Distribution:
    """Return independent Bernoullis; the last `event_dims` dimensions are one event."""
    return Independent(Bernoulli(logits=logits, validate_args=False), event_dims, validate_args=False)


def draw(p: Distribution, sample_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw from `p`, of shape ``sample_shape + batch_shape + event_shape``, with gradients wherever `p` has them.

    All randomness comes from `generator`. Distributions other than this library's own are drawn by their own
    ``rsample`` or ``sample`` under a seed taken from it; the global state is left as it was.
    """
    match p:
        case Independent():
            return draw(p.base_dist, sample_shape, generator)
        case Delta():
            return p.rsample(sample_shape)
        case Normal():
            shape = (*sample_shape, *p.loc.shape)
            epsilon = torch.randn(shape, generator=generator, dtype=p.loc.dtype, device=p.loc.device)
            return p.loc + p.scale * epsilon
        case Bernoulli():
            shape = (*sample_shape, *p.logits.shape)
            u = torch.rand(shape, generator=generator, dtype=p.logits.dtype, device=p.logits.device)
            return (u < p.probs).to(u.dtype)
        case _:
            seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
            devices = [generator.device] if generator.device.type == "cuda" else []
            with torch.random.fork_rng(devices=devices):
                torch.manual_seed(seed)
                size = torch.Size(sample_shape)
                return p.rsample(size) if p.has_rsample else p.sample(size)


def draw_common(q: Distribution, n: int, generator: torch.Generator) -> Tensor:
    """Draw n times from each of a batch of diagonal Gaussians with the same ε for all: (n, N, d).

    Common random numbers: what one row gets does not depend on which rows it came with.
    """
    if not (isinstance(q, Independent) and isinstance(q.base_dist, Normal)):
        raise TypeError("common random numbers are for diagonal Gaussians")
    loc, scale = q.base_dist.loc, q.base_dist.scale
    epsilon = torch.randn(n, 1, loc.shape[-1], generator=generator, dtype=loc.dtype, device=loc.device)
    return loc + scale * epsilon
