"""Players: who moves which weights, by what objective, how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..model import Model
from ..objective import Objective
from .optimizer import Optimizer

__all__ = ["Player"]


@dataclass(frozen=True)
class Player:
    """One side of a game; an autoencoder is a game with one player.

    Attributes
    ----------
    name : goes before the names of its terms in the history when there is more than one player.
    objective : what it minimises.
    moves : the model's parts whose weights it moves; empty means all.
    every : it moves at every such batch: a generator with ``every=5`` lets D take five steps to its one.
    optimizer : its own; None is the fit's.
    pace : its learning rate over the fit's.
    clip_norm : the largest norm of its gradient where the fit's is ``"auto"``; None is any.
    """

    name: str
    objective: Objective
    moves: Sequence[str] = ()
    every: int = 1
    optimizer: Optimizer | None = None
    pace: float = 1.0
    clip_norm: float | None = None

    def parameters(self, model: Model) -> list[nn.Parameter]:
        """Return the weights it moves, each once."""
        parts = [getattr(model, name) for name in self.moves] if self.moves else [model]
        return list({id(p): p for part in parts if isinstance(part, nn.Module) for p in part.parameters()}.values())
