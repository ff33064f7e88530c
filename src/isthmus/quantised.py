"""Vector quantisation: each stretch of a code is the nearest of a codebook's entries.

Aäron van den Oord, Oriol Vinyals and Koray Kavukcuoglu, "Neural Discrete Representation Learning", 2017,
https://arxiv.org/abs/1711.00937, sections 3.1 to 3.3; the codebook follows the encoder by the moving averages of
appendix A.1.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, TransformedDistribution
from torch.distributions.transforms import ReshapeTransform

from .distributions import Delta, draw, event
from .errors import CompositionError
from .facts import Facts
from .model import Model, Pass
from .posterior import Deterministic
from .prior import Prior
from .source import Source
from .term import Term
from .training import Rows, codes_of

__all__ = ["Commitment", "QuantisedPrior", "VectorQuantised"]

LEAST_COUNT = 1e-5
"""What an entry that no code is nearest to counts in the moving averages."""


class VectorQuantised(Deterministic):
    r"""q(z|x) = δ(z − e(x)): each stretch of the encoder's output is replaced by the nearest entry of its codebook.

    The gradient passes through as if nothing had been replaced. Entries are the moving averages of the outputs that
    they stand for; they start at outputs of the untrained encoder.

    Parameters
    ----------
    entries : the number of entries of each codebook.
    stretch : the width of a stretch, of which the code is a multiple; each stretch has a codebook of its own.
    decay : of the moving averages.
    """

    entries: int = 64
    stretch: int = 2
    decay: float = 0.99

    def check(self) -> None:
        self.require_count("entries", self.entries)
        self.require_count("stretch", self.stretch)
        self.require(0 <= self.decay < 1, f"decay must lie in [0, 1), got {self.decay}")

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds the codebooks."""
        stretches, rest = divmod(facts.latent_dim, self.stretch)
        self.require(rest == 0, f"the code's width must be a multiple of {self.stretch}, got {facts.latent_dim}")
        return _Codebooks(stretches, self.entries, self.stretch, self.decay)


class QuantisedPrior(Prior):
    r"""p(z) = Πₛ Categorical: how often each entry of each codebook stands for a training row, counted in the end.

    Before the end of the fit every entry is equally likely. The posterior must be `VectorQuantised`.

    Parameters
    ----------
    entries, stretch : those of the posterior.
    """

    entries: int = 64
    stretch: int = 2

    def check(self) -> None:
        VectorQuantised(self.entries, self.stretch)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds the counts."""
        return _Counts(facts.latent_dim // self.stretch, self.entries, self.stretch)


class Commitment(Term):
    r"""‖f(x) − sg[e(x)]‖², which keeps the encoder's outputs near the entries that stand for them.

    Aäron van den Oord, Oriol Vinyals and Koray Kavukcuoglu, "Neural Discrete Representation Learning", 2017,
    https://arxiv.org/abs/1711.00937, equation 3.
    """

    weight: float = 0.25

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without codebooks."""
        if not isinstance(model.posterior, _Codebooks):
            raise CompositionError("Commitment: the posterior has no codebook; use posterior=VectorQuantised()")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the squared distance of each row's output from its entries, (N,)."""
        return cast(Quantised, passed.q).distance


class Quantised(Distribution):
    """The point mass at the entries nearest to an encoder's output.

    Attributes
    ----------
    mean : the entries, with the gradient of the output.
    distance : the squared distance of the output from them, (N,).
    nearest : the number of each stretch's entry, (N, stretches).
    """

    arg_constraints: ClassVar[dict[str, torch.distributions.constraints.Constraint]] = {}

    def __init__(self, mean: Tensor, distance: Tensor, nearest: Tensor) -> None:
        self._mean, self.distance, self.nearest = mean, distance, nearest
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The entries."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Zero."""
        return torch.zeros_like(self._mean)


@draw.register
def _(p: Quantised, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    return p.mean.expand(*shape, *p.mean.shape)


class _Codebooks(nn.Module):
    entries: Tensor
    sums: Tensor
    counts: Tensor

    def __init__(self, stretches: int, entries: int, width: int, decay: float) -> None:
        super().__init__()
        self.width, self.decay = width, decay
        self.register_buffer("entries", torch.randn(stretches, entries, width))
        self.register_buffer("sums", torch.zeros(stretches, entries, width))
        self.register_buffer("counts", torch.ones(stretches, entries))

    def begin(self, model: Model, rows: Rows) -> None:
        """Start at outputs of the encoder for evenly spaced rows, so that every entry stands for something."""
        batches = rows.in_order()
        outputs = self.stretches_of(torch.cat([self.context_of(model, batch.x) for batch in batches]))
        chosen = torch.linspace(0, len(outputs) - 1, self.entries.shape[1], device=outputs.device).long()
        self.entries.copy_(outputs[chosen].transpose(0, 1))
        self.sums.copy_(self.entries)

    @staticmethod
    def context_of(model: Model, x: Tensor) -> Tensor:
        """Return what the encoder makes of rows in the data's units, before it is quantised."""
        return model.through("encoder", model.scaling.inputs(model.scaled(x))).flatten(1)

    def stretches_of(self, code: Tensor) -> Tensor:
        """Return the stretches of codes, (..., d) → (..., stretches, width)."""
        return code.reshape(*code.shape[:-1], -1, self.width)

    def forward(self, context: Tensor) -> Distribution:
        outputs = self.stretches_of(context)
        apart = outputs[..., None, :] - self.entries  # (N, stretches, entries, width)
        nearest = apart.square().sum(-1).argmin(-1)
        hit = nn.functional.one_hot(nearest, self.entries.shape[1]).to(context.dtype)
        code = torch.einsum("nse,sew->nsw", hit, self.entries).flatten(-2)
        if self.training and torch.is_grad_enabled():
            self._follow(hit, outputs.detach())
        straight = code + (context - context.detach())
        return Quantised(straight, (context - code).square().sum(-1), nearest)

    @torch.no_grad()
    def _follow(self, hit: Tensor, outputs: Tensor) -> None:
        self.counts.mul_(self.decay).add_(hit.sum(0), alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(torch.einsum("nse,nsw->sew", hit, outputs), alpha=1 - self.decay)
        stands = self.counts > LEAST_COUNT
        followed = self.sums / self.counts.clamp(min=LEAST_COUNT)[..., None]
        self.entries.copy_(torch.where(stands[..., None], followed, self.entries))


class _Counts(nn.Module):
    entries: Tensor
    counts: Tensor

    def __init__(self, stretches: int, entries: int, width: int) -> None:
        super().__init__()
        self.register_buffer("entries", torch.randn(stretches, entries, width))
        self.register_buffer("counts", torch.ones(stretches, entries))

    def forward(self, context: Tensor | None = None) -> Distribution:
        each = MixtureSameFamily(
            Categorical(self.counts, validate_args=False), event(Delta(self.entries), 1), validate_args=False
        )
        stretches, width = len(self.counts), self.entries.shape[2]
        joined = ReshapeTransform(torch.Size((stretches, width)), torch.Size((stretches * width,)))
        return TransformedDistribution(event(each, 1), joined, validate_args=False)

    def finish(self, model: Model, rows: Rows) -> None:
        """Take the entries of the posterior, and count them."""
        books = model.posterior
        if not isinstance(books, _Codebooks):
            raise CompositionError("QuantisedPrior: counts a codebook's entries; use posterior=VectorQuantised()")
        self.entries.copy_(books.entries)
        codes = books.stretches_of(codes_of(model, rows))
        nearest = (codes[..., None, :] - books.entries).square().sum(-1).argmin(-1)
        self.counts.copy_(nn.functional.one_hot(nearest, self.counts.shape[1]).sum(0))
