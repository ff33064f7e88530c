"""One move of a player: the gradient of its mean loss, and the sums of its terms."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..model import Batch, Model
from ..objective import Objective, weighted_sum

__all__ = ["Step", "gradients", "in_pieces"]

Step = Callable[
    [Batch, torch.Generator, Mapping[str, float | Tensor]], tuple[Sequence[Tensor | None], dict[str, Tensor]]
]
"""``step(batch, generator, weights)`` returns a gradient for each weight, and the sum over rows of loss and terms."""


def gradients(
    model: Model,
    objective: Objective,
    parameters: Sequence[Tensor],
    batch: Batch,
    generator: torch.Generator,
    weights: Mapping[str, float | Tensor],
) -> tuple[Sequence[Tensor | None], dict[str, Tensor]]:
    """Return ∂/∂θ of the mean loss for every θ in `parameters`, and the sums over rows of the loss and its terms."""
    terms = objective(model, batch, generator)
    loss = weighted_sum(terms, weights)
    moved = torch.autograd.grad(loss.mean(), parameters, allow_unused=True)
    return moved, {name: value.detach().sum() for name, value in {"loss": loss, **terms}.items()}


def in_pieces(model: Model, objective: Objective, parameters: Sequence[nn.Parameter]) -> Step:
    """Return a step that cuts the batch into pieces, their gradients added up, once the device's memory runs out.

    The gradient is the whole batch's; draws are made a piece at a time, and batch normalisation sees a piece.
    """
    pieces = 1

    def step(
        batch: Batch, generator: torch.Generator, weights: Mapping[str, float | Tensor]
    ) -> tuple[Sequence[Tensor | None], dict[str, Tensor]]:
        nonlocal pieces
        while True:
            try:
                return _summed(model, objective, parameters, _cut(batch, pieces), generator, weights)
            except torch.OutOfMemoryError:
                if 2 * pieces > len(batch.x):
                    raise
                pieces *= 2
            if batch.x.is_cuda:
                torch.cuda.empty_cache()
            warnings.warn(
                f"the device's memory is full; a batch is taken in {pieces} pieces from now on, to the same gradient",
                stacklevel=2,
            )

    return step


def _cut(batch: Batch, pieces: int) -> list[Batch]:
    noisy = [None] * pieces if batch.noisy is None else batch.noisy.tensor_split(pieces)
    return [Batch(x, x_noisy) for x, x_noisy in zip(batch.x.tensor_split(pieces), noisy, strict=True)]


def _summed(
    model: Model,
    objective: Objective,
    parameters: Sequence[nn.Parameter],
    pieces: Sequence[Batch],
    generator: torch.Generator,
    weights: Mapping[str, float | Tensor],
) -> tuple[Sequence[Tensor | None], dict[str, Tensor]]:
    if len(pieces) == 1:
        return gradients(model, objective, parameters, pieces[0], generator, weights)
    rows = sum(len(piece.x) for piece in pieces)
    total: list[Tensor | None] = [None] * len(parameters)
    sums: dict[str, Tensor] = {}
    for piece in pieces:
        moved, added = gradients(model, objective, parameters, piece, generator, weights)
        share = len(piece.x) / rows
        total = [
            t if g is None else g * share if t is None else t + g * share for t, g in zip(total, moved, strict=True)
        ]
        sums = {name: sums[name] + value if sums else value for name, value in added.items()}
    return total, sums
