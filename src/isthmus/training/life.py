"""The life of a part in a fit: `begin` before the first step, `at` before every step, `finish` once the fit is done.

A module that a part builds may have any of the three; the loop calls those that are there, in the order in which the
model holds them. What they set is in buffers or parameters, so that a checkpoint holds it, healing goes back to it, and
a captured step reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ..model import Model, Pass
from ..source import Generated
from .data import Rows

__all__ = ["Begins", "Finishes", "Moves", "begin", "codes_of", "finish", "move_to", "moving_parts"]


@runtime_checkable
class Begins(Protocol):
    """A module that looks at the data before the first step: a centre, pseudo-inputs, a codebook."""

    def begin(self, model: Model, rows: Rows) -> None:
        """Set what the fit begins with; not called for a fit that is resumed."""


@runtime_checkable
class Moves(Protocol):
    """A module that depends on how far the fit is: a temperature, a noise level."""

    def at(self, progress: float) -> None:
        """Set what holds when a fraction `progress` of the fit is done, in place."""


@runtime_checkable
class Finishes(Protocol):
    """A module that is fitted to what the others have learnt: a mixture or a flow on the codes."""

    def finish(self, model: Model, rows: Rows) -> None:
        """Set what the fit ends with; the model has the weights that are handed out, in evaluation mode."""


def begin(model: Model, rows: Rows) -> None:
    """Call every `begin` of a model's modules."""
    with torch.no_grad():
        for module in list(model.modules()):
            if isinstance(module, Begins):
                module.begin(model, rows)


def moving_parts(model: Model) -> list[Moves]:
    """Return a model's modules that have an `at`."""
    return [module for module in model.modules() if isinstance(module, Moves)]


@torch.no_grad()
def move_to(parts: Sequence[Moves], progress: float) -> None:
    """Call the `at` of modules."""
    for part in parts:
        part.at(progress)


def finish(model: Model, rows: Rows) -> None:
    """Call every `finish` of a model's modules."""
    for module in list(model.modules()):
        if isinstance(module, Finishes):
            module.finish(model, rows)


@torch.no_grad()
def codes_of(model: Model, rows: Rows) -> Tensor:
    """Return the codes of a fit's rows in their own order, the posterior's means, (N, d): for `begin` and `finish`."""
    training = model.training
    model.eval()
    source = Generated(torch.Generator(rows.device))  # which is not drawn from: rows are encoded as they are
    passes = (Pass(model, batch, source, x_tilde=model.scaled(batch.x)) for batch in rows.in_order())
    codes = [passed.q.mean for passed in passes]
    model.train(training)
    return torch.cat(codes)
