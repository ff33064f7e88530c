"""Conditionals: the common interface of posterior q(z|x), prior p(z|c) and likelihood p(x|z).

All three are distributions that depend on a context. A network produces the context, (..., width) numbers, and the
conditional turns it into a distribution:

- ``width(facts)`` is the number of context numbers that it needs from a network;
- ``build(facts)`` makes its module once the data's shape is known;
- ``module(context)`` returns the distribution, whose events have the shape of one sample or one code.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution

from .distributions import event
from .facts import Facts
from .parts import Part

__all__ = ["Conditional", "Entrywise"]


class Conditional(Part):
    """Base of posteriors, priors and likelihoods.

    If entries are independent given the context, a subclass only defines the number of parameters of each entry,
    `numbers`, and their `distribution`:

    >>> import torch
    >>> from torch.distributions import Laplace
    >>> class LaplaceDecoder(Conditional, kind="example"):
    ...     def event_shape(self, facts):
    ...         return facts.shape
    ...     def distribution(self, location):
    ...         return Laplace(location, torch.ones_like(location), validate_args=False)
    >>> module = LaplaceDecoder().build(Facts((2, 3), latent_dim=1))
    >>> module(torch.zeros(5, 6)).event_shape
    torch.Size([2, 3])

    Otherwise it overrides `width` and `build`.
    """

    numbers: ClassVar[int] = 1
    """Numbers of context for each entry of the event."""

    def event_shape(self, facts: Facts) -> tuple[int, ...]:
        """Return the shape of one event: a sample or a code."""
        raise NotImplementedError

    def width(self, facts: Facts) -> int:
        """Return the number of context numbers that a network must produce; 0 needs no network."""
        return self.numbers * math.prod(self.event_shape(facts))

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that turns a context (..., width) into a distribution."""
        return Entrywise(self, self.event_shape(facts))

    def distribution(self, *parameters: Any, **named: Any) -> Distribution:
        """Return the distribution of every entry; each of the `numbers` parameters has shape (..., *event_shape)."""
        raise NotImplementedError(f"{type(self).__name__} must define distribution() or build()")


class Entrywise(nn.Module):
    """A conditional whose entries are independent given the context.

    Parameters
    ----------
    family : makes the distribution of every entry from its numbers.
    event_shape : the shape of one event.
    """

    def __init__(self, family: Conditional, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.family, self.event_shape = family, event_shape

    def parameters_of(self, context: Tensor) -> tuple[Tensor, ...]:
        """Split a context (..., width) into one tensor (..., *event_shape) for each of the `numbers`."""
        numbers, batch = self.family.numbers, context.shape[:-1]
        if numbers == 1:
            return (context.reshape(*batch, *self.event_shape),)
        return context.reshape(*batch, numbers, *self.event_shape).unbind(len(batch))

    def forward(self, context: Tensor) -> Distribution:
        """Return the distribution, with one event for each context."""
        return event(self.family.distribution(*self.parameters_of(context)), len(self.event_shape))
