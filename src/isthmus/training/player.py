"""Players: who moves which weights, by what objective, how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..errors import CompositionError
from ..model import Model
from ..objective import Objective
from .optimizer import Optimizer

__all__ = ["Player", "Turns", "turns_of"]


@dataclass(frozen=True)
class Player:
    """One side of a game; an autoencoder is a game with one player.

    Attributes
    ----------
    name : goes before the names of its terms in the history when there is more than one player.
    objective : what it minimises.
    moves : the networks and parts whose weights it moves (``"encoder"``, ``"likelihood"``, ...); empty means all.
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
        """Return the weights it moves, each once.

        Raises
        ------
        CompositionError : it moves a network or part that the model does not have, or one without weights alone.
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
"""Who moves when: one after the other, or, in a sequence within the sequence, at once, from one forward pass."""


def turns_of(players: Turns) -> list[tuple[Player, ...]]:
    """Return the turns as tuples of those who move at once.

    Raises
    ------
    CompositionError : two players have one name, or players who move at once do so at different intervals.
    """
    turns = [(turn,) if isinstance(turn, Player) else tuple(turn) for turn in players]
    names = [player.name for turn in turns for player in turn]
    if len(set(names)) < len(names):
        raise CompositionError(f"players must have names of their own, got {', '.join(names)}")
    for turn in turns:
        if len({player.every for player in turn}) != 1:
            raise CompositionError(f"players who move at once must do so equally often: {[p.name for p in turn]}")
    return turns
