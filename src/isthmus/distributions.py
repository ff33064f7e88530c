"""Distributions: additions to torch.distributions, draws from a `Source`, and log-densities with gaps.

isthmus makes every draw by ``draw(p, source, shape)``. Two lines teach it a distribution of your own; name the class in
``draw.register(Class)``, since an annotation alone cannot be resolved inside a function:

>>> import torch
>>> from torch.distributions import Distribution
>>> class Triangular(Distribution):
...     "U + U' on (0, 2)."
>>> @draw.register(Triangular)
... def _(p, source, shape=()):
...     return source.uniform((*shape, *p.batch_shape), torch.zeros(())) + source.uniform((*shape,), torch.zeros(()))
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
    TransformedDistribution,
    constraints,
)
from torch.nn.functional import logsigmoid

from .errors import CompositionError
from .source import Source

__all__ = [
    "Chain",
    "Delta",
    "HasEntries",
    "HasModes",
    "bernoulli",
    "draw",
    "draw_rows",
    "event",
    "expectation",
    "guess_at",
    "log_prob",
    "log_probs",
    "normal",
]


_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


@runtime_checkable
class HasEntries(Protocol):
    """A distribution of independent entries that says the log-probability of each of them."""

    def entries(self, value: Tensor) -> Tensor:
        """Return the log-probability of every entry, of the shape of a sample."""


@runtime_checkable
class HasModes(Protocol):
    """A distribution whose mean is a mode in some entries, so that a mixture's mean is no average of means."""

    @property
    def expectation(self) -> Tensor:
        """The numbers' means and the levels' probabilities, of any width, which a mixture averages."""

    def guess_at(self, expectation: Tensor) -> Tensor:
        """Return the best guess of the entries for such an expectation: a number's mean, the likeliest level."""


class Delta(Distribution):
    r"""A point mass δ(x − v) at each entry of v, as returned by an encoder without noise.

    It has a mean and draws, but no density.

    Parameters
    ----------
    value : v, of any shape.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, value: Tensor) -> None:
        self.value = value
        super().__init__(value.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The point itself."""
        return self.value

    @property
    def variance(self) -> Tensor:
        """Zero."""
        return torch.zeros_like(self.value)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return the point, once a draw."""
        return self.value.expand(*sample_shape, *self.value.shape)


class Chain(Distribution):
    r"""p(a) p(b|a): the joint distribution of two stretches of a code, the second given the first.

    Either may be a chain itself, so that a code has any number of stochastic layers.

    Parameters
    ----------
    first : p(a), with events (k,).
    second : a ↦ p(b|a), with events (l,).
    reverse : whether the code is (b, a) instead of (a, b), as a prior has it that draws the last layer first.

    >>> one = torch.ones(())
    >>> p = Chain(event(normal(torch.zeros(2), one), 1), lambda a: event(normal(a[..., :1], one), 1))
    >>> p.event_shape, p.log_prob(torch.zeros(5, 3)).shape
    (torch.Size([3]), torch.Size([5]))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, first: Distribution, second: Callable[[Tensor], Distribution], *, reverse: bool = False) -> None:
        self.first, self.second, self.reverse = first, second, reverse
        super().__init__(first.batch_shape, validate_args=False)

    @property
    def event_shape(self) -> torch.Size:
        """(k + l,)."""
        return torch.Size((self.mean.shape[-1],))

    def joined(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the code that a and b are the stretches of."""
        return torch.cat((b, a) if self.reverse else (a, b), -1)

    def stretches(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return a and b."""
        k = self.first.event_shape[0]
        return (code[..., -k:], code[..., :-k]) if self.reverse else (code[..., :k], code[..., k:])

    @property
    def mean(self) -> Tensor:
        """The mean of a, and that of b given it: not the mean of b, but a code that stands for the distribution."""
        a = self.first.mean
        return self.joined(a, self.second(a).mean)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(a) + log p(b|a)."""
        a, b = self.stretches(value)
        return torch.as_tensor(self.first.log_prob(a) + self.second(a).log_prob(b))


class _Normal(Normal):
    """N(loc, scale²) that keeps a scale shared by many entries as the one number it is, and takes its log once."""

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc, self.scale = loc, scale
        Distribution.__init__(self, loc.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Normal:
        """Return the distribution with a larger batch shape."""
        return _Normal(self.loc.expand(batch_shape), self.scale)

    @property
    def stddev(self) -> Tensor:
        """The scale of every entry."""
        return self.scale.expand_as(self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −½((x − μ)/σ)² − log σ − ½ log 2π for every entry."""
        return -0.5 * ((value - self.loc) / self.scale).square() - (self.scale.log() + _HALF_LOG_TWO_PI)


class _Bernoulli(Bernoulli):
    """B(σ(ℓ)), whose log-probability broadcasts x over draws and goes over memory thrice instead of five times."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return x log σ(ℓ) + (1 − x) log(1 − σ(ℓ)) = log σ(ℓ) + (x − 1) ℓ for every entry."""
        return torch.addcmul(logsigmoid(self.logits), value - 1.0, self.logits)


def normal(mean: Tensor, std: Tensor) -> Normal:
    """Return N(mean, std²) for every entry; std has the mean's shape, or is shared."""
    return _Normal(mean, std)


def bernoulli(logits: Tensor) -> Bernoulli:
    """Return a Bernoulli for every entry."""
    return _Bernoulli(logits=logits, validate_args=False)


def event(p: Distribution, dims: int) -> Distribution:
    """Return p with its last `dims` batch dimensions taken as one event, whose parts are independent."""
    return Independent(p, dims, validate_args=False) if dims else p


def expectation(p: Distribution) -> Tensor:
    """Return what a mixture of distributions like p averages: the mean, and probabilities where that is a mode."""
    entries = p.base_dist if isinstance(p, Independent) else p
    return entries.expectation if isinstance(entries, HasModes) else p.mean


def guess_at(p: Distribution, expectation: Tensor) -> Tensor:
    """Return the mean that a distribution like p has whose `expectation` is given."""
    entries = p.base_dist if isinstance(p, Independent) else p
    return entries.guess_at(expectation) if isinstance(entries, HasModes) else expectation


def log_prob(p: Distribution, x: Tensor, observed: Tensor | None = None) -> Tensor:
    """Return log p(x), or the log-density of the observed entries alone.

    Parameters
    ----------
    p : with events of the shape of one sample.
    x : samples; what an unobserved entry holds makes no difference.
    observed : which entries are known, of the shape of x; None is all.

    Raises
    ------
    CompositionError : the entries of p are not independent, so that none can be left out.
    """
    if observed is None:
        return torch.as_tensor(p.log_prob(x))
    if isinstance(p, Independent):
        x = torch.where(observed, x, p.base_dist.mean.detach())
    entries = torch.where(observed, log_probs(p, x), 0.0)
    return entries.flatten(1 - observed.ndim).sum(-1)


def log_probs(p: Distribution, x: Tensor) -> Tensor:
    """Return log p of every entry of x, which are independent of each other.

    Raises
    ------
    CompositionError : the entries of p are not independent.
    """
    if isinstance(p, HasEntries):
        return p.entries(x)
    if isinstance(p, Independent) and not p.base_dist.event_shape:
        return torch.as_tensor(p.base_dist.log_prob(x))
    raise CompositionError(
        f"{type(p).__name__} has no density of some entries alone; gaps need a likelihood of independent entries"
    )


@singledispatch
def draw(p: Distribution, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    """Draw from p, of shape ``shape + batch_shape + event_shape``, with gradients wherever p has them.

    A class without a method here is drawn by its inverse distribution function, if it has one. To add a method for a
    class, register it by ``@draw.register(Class)``; see the top of this module.

    Raises
    ------
    CompositionError : the class has neither.
    """
    if type(p).icdf is Distribution.icdf or p.event_shape:
        raise CompositionError(
            f"isthmus cannot draw from {type(p).__name__}, which has no inverse distribution function; "
            f"register a method with @isthmus.distributions.draw.register({type(p).__name__})"
        )
    like = p.mean
    tiny = torch.finfo(like.dtype).tiny
    return p.icdf(source.uniform((*shape, *p.batch_shape), like).clamp(min=tiny, max=1 - torch.finfo(like.dtype).eps))


def draw_rows(p: Distribution, n: int, source: Source) -> Tensor:
    """Draw n events from p, or one event from each of its batch if p is already a distribution for every row."""
    return draw(p, source, () if p.batch_shape else (n,))


@draw.register(Independent)
def _(p: Any, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    return draw(p.base_dist, source, shape)


@draw.register
def _(p: Delta, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    return p.rsample(shape)


@draw.register
def _(p: Normal, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    return p.loc + p.scale * source.normal((*shape, *p.loc.shape), p.loc)


@draw.register
def _(p: MultivariateNormal, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    noise = source.normal((*shape, *p.loc.shape), p.loc)
    drawn: Tensor = p.loc + (p.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)
    return drawn


@draw.register
def _(p: Chain, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    a = draw(p.first, source, shape)
    return p.joined(a, draw(p.second(a), source))


@draw.register
def _(p: Bernoulli, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    u = source.uniform((*shape, *p.logits.shape), p.logits)
    return (u < p.probs).to(u.dtype)


@draw.register
def _(p: Categorical, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    u = source.uniform((*shape, *p.batch_shape, 1), p.logits)
    below: Tensor = (u >= p.probs.cumsum(-1)).sum(-1)
    return below.clamp(max=p.logits.shape[-1] - 1)


@draw.register
def _(p: OneHotCategorical, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    chosen = draw(Categorical(logits=p.logits, validate_args=False), source, shape)
    return (chosen.unsqueeze(-1) == torch.arange(p.event_shape[0], device=chosen.device)).to(p.logits.dtype)


@draw.register
def _(p: MixtureSameFamily, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    component = draw(p.mixture_distribution, source, shape)
    each = draw(p.component_distribution, source, shape)
    dims = len(p.event_shape)
    place = component.reshape(*component.shape, *[1] * (dims + 1)).expand(*component.shape, 1, *p.event_shape)
    return each.gather(component.ndim, place).squeeze(component.ndim)


@draw.register
def _(p: TransformedDistribution, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    x = draw(p.base_dist, source, shape)
    for transform in p.transforms:
        x = transform(x)
    return x


@draw.register
def _(p: Poisson, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    r"""Invert P(K ≤ k) = Q(k + 1, λ), the regularised incomplete gamma function, by bisection."""
    rate = p.rate.double()
    u = source.uniform((*shape, *rate.shape), p.rate).double()
    low = torch.full_like(u, -1.0)
    high = (rate + 12 * rate.sqrt() + 24).floor().expand_as(u)
    for _ in range(int(torch.log2(high.max() + 2).ceil()) if high.numel() else 0):
        middle = ((low + high) / 2).floor()
        enough = torch.special.gammaincc(middle + 1, rate) >= u
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return high.to(p.rate.dtype)
