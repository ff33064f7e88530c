"""Players: each has an objective, the weights that it moves to minimise it, and how often it moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..errors import CompositionError
from ..model import Model
from ..objective import Objective
from .optimizer import Optimizer

__all__ = ["Player", "Turns", "objectives_of", "turns_of"]


@dataclass(frozen=True)
class Player:
    """One side of a game; an autoencoder is a game with one player.

    Attributes
    ----------
    name : precedes the names of the player's terms in the history if there is more than one player.
    objective : what the player minimises.
    moves : the networks and parts whose weights it moves (``"encoder"``, ``"likelihood"``, ...); empty means all.
    every : batches per move; with ``every=5`` a generator moves at each fifth batch, while D takes five steps.
    optimizer : the player's own optimiser; None uses the fit's.
    pace : the ratio of the player's learning rate to the fit's.
    clip_norm : the largest norm of its gradient if `Training.clip_norm` is ``"auto"``; None does not clip.
    """

    name: str
    objective: Objective
    moves: Sequence[str] = ()
    every: int = 1
    optimizer: Optimizer | None = None
    pace: float = 1.0
    clip_norm: float | None = None

    def parameters(self, model: Model) -> list[nn.Parameter]:
        """Return the weights that the player moves, each once.

        Raises
        ------
        CompositionError : the model has no network or part of a name in `moves`, or there are no weights to move.
        """
        there = {**dict(model.named_children()), **dict(model.networks.items())}
        absent = [name for name in self.moves if name not in there and not hasattr(model, name)]
        if absent:
            raise CompositionError(
                f"the player {self.name!r} moves {absent[0]!r}, which the model does not have; it has "
                f"{', '.join(model.networks)}"
            )
        parts = [there[name] for name in self.moves if name in there] if self.moves else [model]
        found = list({id(p): p for part in parts for p in part.parameters() if p.requires_grad}.values())
        if not found:
            raise CompositionError(f"the player {self.name!r} moves no weights")
        return found


Turns = Sequence[Player | Sequence[Player]]
"""The order of moves: players move one after the other; those in an inner sequence move at the same time, on the
gradients of one forward pass."""


def objectives_of(players: Turns) -> list[Objective]:
    """Return the objective of every player, in the order of moves."""
    return [player.objective for turn in turns_of(players) for player in turn]


def turns_of(players: Turns) -> list[tuple[Player, ...]]:
    """Return the turns, each a tuple of the players who move at the same time.

    Raises
    ------
    CompositionError : two players have the same name, or players of one turn differ in `every`.
    """
    turns = [(turn,) if isinstance(turn, Player) else tuple(turn) for turn in players]
    names = [player.name for turn in turns for player in turn]
    if len(set(names)) < len(names):
        raise CompositionError(f"players must have different names, got {', '.join(names)}")
    for turn in turns:
        if len({player.every for player in turn}) != 1:
            raise CompositionError(f"players of one turn must have the same `every`: {[p.name for p in turn]}")
    return turns
