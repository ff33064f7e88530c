"""Distributions: what torch.distributions lacks here, and drawing with a `torch.Generator` passed along."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal, constraints
from torch.nn.functional import logsigmoid

__all__ = ["Delta", "bernoulli", "draw", "draw_by_row", "normal", "row_seeds", "seeded"]


_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


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
    """Return N(mean, std²), std of mean's shape or shared; the last `event_dims` dimensions are one event."""
    return Independent(_Normal(mean, std), event_dims, validate_args=False)


class _Normal(Normal):
    """N(loc, scale²) that keeps a scale shared by many entries as the one number it is, and takes its log once."""

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc, self.scale = loc, scale
        Distribution.__init__(self, loc.shape, validate_args=False)

    @property
    def stddev(self) -> Tensor:
        """The scale of every entry."""
        return self.scale.expand_as(self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −½((x − μ)/σ)² − log σ − ½ log 2π for every entry."""
        return -0.5 * ((value - self.loc) / self.scale).square() - (self.scale.log() + _HALF_LOG_TWO_PI)


def bernoulli(logits: Tensor, event_dims: int) -> Distribution:
    """Return independent Bernoullis; the last `event_dims` dimensions are one event."""
    return Independent(_Bernoulli(logits=logits, validate_args=False), event_dims, validate_args=False)


class _Bernoulli(Bernoulli):
    """B(σ(ℓ)), whose log-probability broadcasts x over draws and goes over memory thrice instead of five times."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return x log σ(ℓ) + (1 − x) log(1 − σ(ℓ)) = log σ(ℓ) + (x − 1) ℓ for every entry."""
        return torch.addcmul(logsigmoid(self.logits), value - 1.0, self.logits)


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
            with seeded(seed, generator.device):
                size = torch.Size(sample_shape)
                return p.rsample(size) if p.has_rsample else p.sample(size)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's own generators of the CPU and of that device for a while; the global state is left as it was."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def draw_by_row(q: Distribution, seeds: Tensor, draws: range) -> Tensor:
    """Draw from each of a batch of diagonal Gaussians with noise seeded by the row it belongs to: (len(draws), N, d).

    The same row gets the same draws, whichever rows it comes with and in whatever order, and different rows get
    independent ones; draw i does not depend on how many are asked for at once.

    Parameters
    ----------
    q : N diagonal Gaussians over (d,).
    seeds : one integer a row, (N,), such as `row_seeds` makes of the rows themselves.
    draws : which draws.
    """
    if not (isinstance(q, Independent) and isinstance(q.base_dist, Normal)):
        raise TypeError("draws seeded by rows are for diagonal Gaussians")
    loc, scale = q.base_dist.loc, q.base_dist.scale
    d = loc.shape[-1]
    counter = torch.arange(draws.start * d, draws.stop * d, device=seeds.device).reshape(len(draws), 1, d)
    bits = _mix(seeds[:, None] + counter * _GOLDEN) ^ -(2**63)  # read as unsigned, less 2⁶³
    uniform = ((bits >> 11).to(torch.float64) + 0.5) * 2.0**-52  # on (-1, 1)
    epsilon: Tensor = (torch.erfinv(uniform) * math.sqrt(2)).to(loc.dtype)
    return loc + scale * epsilon


_GOLDEN = -0x61C8864680B583EB  # 2⁶⁴ divided by the golden ratio, as a signed number: the step of SplitMix64


def _mix(z: Tensor) -> Tensor:
    """Scramble 64-bit integers, the finaliser of SplitMix64 (Steele, Lea & Flood 2014); overflow wraps around."""
    z = (z ^ ((z >> 30) & (2**34 - 1))) * -0x40A7B892E31B1A47
    z = (z ^ ((z >> 27) & (2**37 - 1))) * -0x6B2FB644ECCEEE15
    return z ^ ((z >> 31) & (2**33 - 1))


def row_seeds(x: Tensor) -> Tensor:
    """Return one 64-bit integer a row of floating-point numbers, (N, ...) → (N,), made of their bits and places."""
    flat = x.flatten(1)
    bits = flat.view(torch.int64 if flat.dtype == torch.float64 else torch.int32).to(torch.int64)
    place = _mix(torch.arange(flat.shape[1], device=x.device) * _GOLDEN)
    return _mix(_mix(bits + place).sum(1))
