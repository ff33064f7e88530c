"""Expectations of distributions, such that those of a mixture are averages, and the best guess that one stands for."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Distribution, Independent

__all__ = ["HasModes", "expectation", "guess_at"]


@runtime_checkable
class HasModes(Protocol):
    """A distribution whose mean is a mode in some entries, so that a mixture's mean is no average of means."""

    @property
    def expectation(self) -> Tensor:
        """The numbers' means and the levels' probabilities, of any width, which a mixture averages."""

    def guess_at(self, expectation: Tensor) -> Tensor:
        """Return the best guess of the entries for such an expectation: a number's mean, the likeliest level."""


def expectation(p: Distribution) -> Tensor:
    """Return what a mixture of distributions like p averages: the mean, and probabilities where that is a mode."""
    entries = p.base_dist if isinstance(p, Independent) else p
    return entries.expectation if isinstance(entries, HasModes) else p.mean


def guess_at(p: Distribution, expectation: Tensor) -> Tensor:
    """Return the mean that a distribution like p has whose `expectation` is given."""
    entries = p.base_dist if isinstance(p, Independent) else p
    return entries.guess_at(expectation) if isinstance(entries, HasModes) else expectation
