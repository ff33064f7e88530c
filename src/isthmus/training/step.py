"""One step of the players of a turn: the gradients of their mean losses, and the sums of their terms."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..batch import Batch
from ..model import Model, Pass
from ..objective import Objective, Terms, weighted_sum
from ..source import Generated, Source

__all__ = ["Moved", "Side", "Step", "Weights", "gradients", "in_pieces", "mean_loss", "sums_of"]

Weights = Mapping[str, float | Tensor]
"""Weights of terms by name."""


class Side(NamedTuple):
    """The part of a player that a step needs: its objective, and the parameters that it moves."""

    objective: Objective
    parameters: Sequence[Tensor]


class Moved(NamedTuple):
    """The result of a step for one player: a gradient for each parameter, and the sums over rows of loss and terms."""

    gradients: Sequence[Tensor | None]
    sums: dict[str, Tensor]


Step = Callable[[Batch, torch.Generator, Sequence[Weights]], list[Moved]]
"""``step(batch, generator, weights)`` returns each player's result; `weights` are those of each player's terms."""


def mean_loss(loss: Tensor, batch: Batch) -> Tensor:
    """Return the weighted mean of losses (N,) over the rows; the rows' weights have mean 1 over the whole fit."""
    return (loss if batch.weight is None else loss * batch.weight).mean()


def sums_of(loss: Tensor, terms: Terms, batch: Batch) -> dict[str, Tensor]:
    """Return the weighted sums over rows of the loss and of its terms."""
    named = {"loss": loss, **terms}
    if batch.weight is not None:
        named = {name: value * batch.weight for name, value in named.items()}
    return {name: value.detach().sum() for name, value in named.items()}


def gradients(
    model: Model, sides: Sequence[Side], batch: Batch, source: Source, weights: Sequence[Weights]
) -> list[Moved]:
    """Return, for each player, ∂/∂θ of its mean loss for every θ that it moves, and the sums of its terms.

    Players whose objectives use the same number of draws share one forward pass.
    """
    passes: dict[tuple[int, ...], Pass] = {}
    moved = []
    for number, (side, own) in enumerate(zip(sides, weights, strict=True)):
        shape = side.objective.sample_shape
        passed = passes.setdefault(shape, Pass(model, batch, source, shape))
        terms = side.objective(model, passed, source)
        loss = weighted_sum(terms, own)
        later = number + 1 < len(sides)
        mean = mean_loss(loss, batch)
        slopes = torch.autograd.grad(mean, side.parameters, allow_unused=True, retain_graph=later)
        moved.append(Moved(slopes, sums_of(loss, terms, batch)))
    return moved


def in_pieces(model: Model, sides: Sequence[Side]) -> Step:
    """Return a step that splits the batch into pieces once the device runs out of memory, and adds up their gradients.

    The sum is the gradient of the whole batch, except that random draws and the moments of batch normalisation are
    those of each piece.
    """
    pieces = 1

    def step(batch: Batch, generator: torch.Generator, weights: Sequence[Weights]) -> list[Moved]:
        nonlocal pieces
        while True:
            try:
                return _summed(model, sides, batch.split(pieces) if pieces > 1 else [batch], generator, weights)
            except torch.OutOfMemoryError:
                if 2 * pieces > batch.rows:
                    raise
                pieces *= 2
            if batch.x.is_cuda:
                torch.cuda.empty_cache()
            warnings.warn(
                f"the device's memory is full; from now on each batch is split into {pieces} pieces, and the gradient "
                "stays the same",
                stacklevel=2,
            )

    return step


def _summed(
    model: Model,
    sides: Sequence[Side],
    pieces: Sequence[Batch],
    generator: torch.Generator,
    weights: Sequence[Weights],
) -> list[Moved]:
    source = Generated(generator)
    if len(pieces) == 1:
        return gradients(model, sides, pieces[0], source, weights)
    rows = sum(piece.rows for piece in pieces)
    totals: list[Moved] = []
    for piece in pieces:
        share = piece.rows / rows
        moved = [
            Moved([None if g is None else g * share for g in slopes], sums)
            for slopes, sums in gradients(model, sides, piece, source, weights)
        ]
        totals = [_added(a, b) for a, b in zip(totals, moved, strict=True)] if totals else moved
    return totals


def _added(a: Moved, b: Moved) -> Moved:
    slopes = [g if t is None else t if g is None else t + g for t, g in zip(a.gradients, b.gradients, strict=True)]
    return Moved(slopes, {name: a.sums[name] + value for name, value in b.sums.items()})
