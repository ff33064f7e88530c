"""The life of a part in a fit: `begin` before the first step, `at` before every step, `finish` once the fit is done.

A module that a part builds may define any of the three methods. The loop calls them on every module that has them, in
the order of the model's modules. They must keep their results in buffers or parameters: then a checkpoint contains
them, healing restores them, and a captured step reads them.
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
        """Set buffers or parameters from the data; not called when a fit is resumed."""


@runtime_checkable
class Moves(Protocol):
    """A module that changes with the progress of the fit: a temperature, a noise level."""

    def at(self, progress: float) -> None:
        """Set buffers in place to their values at `progress`, the fraction of the fit that is done."""


@runtime_checkable
class Finishes(Protocol):
    """A module that is fitted once the other modules have learnt: a mixture or a flow on the codes."""

    def finish(self, model: Model, rows: Rows) -> None:
        """Fit the module; the model is in evaluation mode and has the weights that the user will get."""


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
def codes_of(model: Model, rows: Rows, drawn_by: int | None = None) -> Tensor:
    """Return the codes of a fit's rows, the posterior's means, (N, d) in the order of the rows.

    For use in `begin` and `finish`. Rows are encoded uncorrupted and in evaluation mode.

    Parameters
    ----------
    model, rows : of the fit.
    drawn_by : a seed, to draw one code a row from q(z|x) instead of taking its mean.
    """
    training = model.training
    model.eval()
    source = Generated(torch.Generator(rows.device).manual_seed(drawn_by or 0))
    passes = (Pass(model, batch, source, x_tilde=model.scaled(batch.x)) for batch in rows.in_order())
    codes = [passed.q.mean if drawn_by is None else passed.z for passed in passes]
    model.train(training)
    return torch.cat(codes)
