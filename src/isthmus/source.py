"""Sources of randomness, from which corruptions, distributions and terms draw their random numbers.

A source offers three kinds of draws. Its numbers come from a generator (`Generated`), from a list that was drawn
beforehand (`Replayed`, for compiled steps), or from the rows themselves (`ByRow`, so that the score of a row does not
depend on other rows). A part that draws from the source it gets works with all of them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from .errors import CompositionError

__all__ = ["ByRow", "Generated", "Recorded", "Replayed", "Request", "Source", "row_seeds"]

Shape = tuple[int, ...] | torch.Size


class Source(ABC):
    """Independent random numbers of a given shape, with the dtype and the device of the tensor `like`."""

    @abstractmethod
    def normal(self, shape: Shape, like: Tensor) -> Tensor:
        """Draw from N(0, 1)."""

    @abstractmethod
    def uniform(self, shape: Shape, like: Tensor) -> Tensor:
        """Draw from U(0, 1)."""

    @abstractmethod
    def integers(self, high: int, shape: Shape, like: Tensor) -> Tensor:
        """Draw integers from 0 to high − 1 with equal probability, as int64."""


class Request(NamedTuple):
    """A request to a source for one draw."""

    kind: Literal["normal", "uniform", "integers"]
    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    high: int = 0

    def drawn_from(self, generator: torch.Generator) -> Tensor:
        """Return the numbers of the request, drawn from a generator."""
        if self.kind == "normal":
            return torch.randn(self.shape, generator=generator, dtype=self.dtype, device=self.device)
        if self.kind == "uniform":
            return torch.rand(self.shape, generator=generator, dtype=self.dtype, device=self.device)
        return torch.randint(self.high, self.shape, generator=generator, device=self.device)


class _Requested(Source):
    """A source that serves all three kinds of draws by one method."""

    @abstractmethod
    def meet(self, request: Request) -> Tensor:
        """Return the numbers of a request."""

    def normal(self, shape: Shape, like: Tensor) -> Tensor:
        return self.meet(Request("normal", tuple(shape), like.dtype, like.device))

    def uniform(self, shape: Shape, like: Tensor) -> Tensor:
        return self.meet(Request("uniform", tuple(shape), like.dtype, like.device))

    def integers(self, high: int, shape: Shape, like: Tensor) -> Tensor:
        return self.meet(Request("integers", tuple(shape), torch.int64, like.device, high))


class Generated(_Requested):
    """Numbers from a `torch.Generator`.

    >>> source = Generated(torch.Generator().manual_seed(0))
    >>> source.normal((2, 3), like=torch.zeros(())).shape
    torch.Size([2, 3])
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def meet(self, request: Request) -> Tensor:
        """Draw from the generator."""
        return request.drawn_from(self.generator)


class Recorded(Generated):
    """Numbers from a generator, with a list of all requests."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.requests: list[Request] = []

    def meet(self, request: Request) -> Tensor:
        """Draw from the generator and keep the request."""
        self.requests.append(request)
        return super().meet(request)


class Replayed(_Requested):
    """Numbers that were drawn beforehand, in the order of the requests."""

    def __init__(self, drawn: Sequence[Tensor]) -> None:
        self.drawn: Iterator[Tensor] = iter(drawn)

    def meet(self, request: Request) -> Tensor:
        """Return the next numbers."""
        return next(self.drawn)


class ByRow(_Requested):
    """Numbers that depend only on their row and on the index of the draw.

    A row gets the same draws whatever other rows there are and in whatever order. Different rows get independent draws,
    and draw i does not depend on the number of draws per request. Every request is for (draws, rows, ...) numbers.

    Parameters
    ----------
    seeds : one integer per row, (N,), such as `row_seeds` makes of the rows.
    draws : the indices of the draws.
    """

    def __init__(self, seeds: Tensor, draws: range) -> None:
        self.seeds, self.draws = seeds, draws
        self.requests_met = 0

    def meet(self, request: Request) -> Tensor:
        """Return numbers that are computed from the seeds.

        Raises
        ------
        CompositionError : the request has no dimension of rows.
        """
        k, n = len(self.draws), len(self.seeds)
        if request.shape[:2] != (k, n):
            raise CompositionError(
                f"a draw of shape {request.shape} cannot be made a row at a time: scoring draws ({k}, {n}, ...) numbers"
            )
        each = math.prod(request.shape[2:])
        counter = torch.arange(self.draws.start * each, self.draws.stop * each, device=self.seeds.device)
        seeds = self.seeds if self.requests_met == 0 else _mix(self.seeds + self.requests_met * _SECOND)
        self.requests_met += 1
        bits = _mix(seeds[:, None] + counter.reshape(k, 1, each) * _GOLDEN) ^ -(2**63)  # unsigned, less 2⁶³
        two_sided = ((bits >> 11).to(torch.float64) + 0.5) * 2.0**-52  # on (−1, 1)
        normal = request.kind == "normal"
        numbers = torch.erfinv(two_sided) * math.sqrt(2) if normal else 0.5 * (two_sided + 1.0)
        if request.kind == "integers":
            numbers = (numbers * request.high).floor().clamp(max=request.high - 1)
        return numbers.to(request.dtype).reshape(request.shape)


_GOLDEN = -0x61C8864680B583EB
"""2⁶⁴ divided by the golden ratio, as a signed number: the step of SplitMix64."""

_SECOND = 0x1B56C4E9D2A33F71
"""An odd number that sets apart the requests within one scoring."""


def _mix(z: Tensor) -> Tensor:
    """Scramble 64-bit integers; overflow wraps around.

    The finaliser of SplitMix64: Guy Steele, Doug Lea and Christine Flood, "Fast splittable pseudorandom number
    generators", 2014, https://doi.org/10.1145/2660193.2660195.
    """
    z = (z ^ ((z >> 30) & (2**34 - 1))) * -0x40A7B892E31B1A47
    z = (z ^ ((z >> 27) & (2**37 - 1))) * -0x6B2FB644ECCEEE15
    return z ^ ((z >> 31) & (2**33 - 1))


def row_seeds(x: Tensor) -> Tensor:
    """Return one 64-bit integer per row of floating-point numbers, from their bits and positions: (N, ...) → (N,)."""
    flat = x.flatten(1)
    bits = flat.view(torch.int64 if flat.dtype == torch.float64 else torch.int32).to(torch.int64)
    place = _mix(torch.arange(flat.shape[1], device=x.device) * _GOLDEN)
    return _mix(_mix(bits + place).sum(1))
