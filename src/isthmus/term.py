"""Terms: the summands of an objective, with one value per sample."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from .parts import Part
from .source import Source

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = ["AnyOrder", "NegativeLogLikelihood", "Seen", "Term"]


class Term(Part, kind="term"):
    r"""Base of terms: ``term(model, passed, source) -> (N,)``, with a weight that may change during the fit.

    A term is a pure function: it neither reduces nor steps, and does not depend on the progress of the fit. It reads
    values from the pass, which computes each of them once. A term with trainable weights overrides `build`; the module
    that `build` returns is then called instead of the term.

    Parameters
    ----------
    weight : the factor of the term in the loss.
    warmup : the fraction of the fit over which the factor rises linearly from zero.

    >>> class L1(Term):
    ...     "‖z‖₁, a sparse code."
    ...     def __call__(self, model, passed, source):
    ...         return passed.z.abs().sum(-1)
    >>> L1(0.01), L1().name
    (L1(weight=0.01), 'l1')
    """

    name: ClassVar[str] = ""
    """The term's column in the history; by default the class's name in lower case."""
    is_named: ClassVar[bool] = False

    weight: float = 1.0
    warmup: float = field(default=0.0, kw_only=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            cls.is_named = True
        elif not cls.is_named:
            cls.name = cls.__name__.lower()

    def check(self) -> None:
        self.require(self.weight >= 0, f"weight must not be negative, got {self.weight}")
        self.require(0 <= self.warmup <= 1, f"warmup is a fraction of the fit, in [0, 1], got {self.warmup}")

    def refuse(self, model: Model) -> None:
        """Raise `CompositionError`, with the reason, if the term makes no sense for that model."""

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the term of every sample, (N,), unweighted."""
        raise NotImplementedError

    @property
    def unweighted(self) -> bool:
        """Whether the weight is always 1."""
        return self.weight == 1 and not self.warmup and type(self).weight_at is Term.weight_at

    def weight_at(self, progress: float) -> float:
        """Return the weight at `progress`, the fraction of the fit that is done."""
        return self.weight * (min(1.0, progress / self.warmup) if self.warmup else 1.0)


class NegativeLogLikelihood(Term):
    """The reconstruction loss −log p(x|z), averaged over draws of z."""

    name: ClassVar[str] = "reconstruction"

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return −log p(x|z)."""
        return -mean_over_draws(passed.log_likelihood)


class AnyOrder(Term):
    r"""An unbiased estimate of −log p(x), averaged over all orders of the entries, from one step of one order.

    −(n/|H|) Σ_{j ∈ H} log p(xⱼ | visible entries), where H is the set of entries that the corruption hides.

    References
    ----------
    Benigno Uria, Iain Murray and Hugo Larochelle, "A Deep and Tractable Density Estimator", 2014,
        https://arxiv.org/abs/1310.1757, equation 12.
    Emiel Hoogeboom et al., "Autoregressive Diffusion Models", 2022, https://arxiv.org/abs/2110.02037.
    """

    name: ClassVar[str] = "likelihood"

    def refuse(self, model: Model) -> None:
        """Refuse a model without a corruption that hides entries."""
        self.require(model.corruption is not None, "needs a corruption that hides entries: AnySubset")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the estimate of −log p(x)."""
        hidden = ~_seen(passed)
        share = hidden.flatten(1).to(passed.x.dtype).mean(1)
        return -mean_over_draws(total_of(passed.entries, hidden)) / share


class Seen(Term):
    """−log p of the visible entries given their code, which makes the model reconstruct them."""

    name: ClassVar[str] = "reconstruction"

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return −Σ log p(xⱼ|z) over the visible entries."""
        return -mean_over_draws(total_of(passed.entries, _seen(passed)))


def _seen(passed: Pass) -> Tensor:
    """Return which entries the encoder sees; none where no corruption says so."""
    seen = passed.met.observed
    return torch.zeros_like(passed.batch.x, dtype=torch.bool) if seen is None else seen


def total_of(entries: Tensor, chosen: Tensor) -> Tensor:
    """Return the sum of the chosen entries of every row: (*draws, N, ...) and (N, ...) → (*draws, N)."""
    return torch.where(chosen, entries, 0.0).flatten(1 - chosen.ndim).sum(-1)


def mean_over_draws(values: Tensor) -> Tensor:
    """Return the mean of (*draws, N) over the draws, (N,)."""
    return values if values.ndim == 1 else values.flatten(0, -2).mean(0)
