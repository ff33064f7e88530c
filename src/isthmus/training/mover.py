"""A player in a fit: its weights, its optimiser, and the sums of its terms since the history last read them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..batch import Batch
from ..model import Model
from .compiled import compiled, pays
from .dials import Dials
from .player import Player
from .settings import Training
from .state import State, optimizer_state, restore_optimizer
from .step import Moved, Side, Step, Weights, in_pieces

__all__ = ["Mover", "Turn"]

BLOW_UP_FACTOR = 1e3
"""A fit has blown up if its mean loss is this many times the untrained model's."""


class Mover:
    """Moves the weights of one player.

    Parameters
    ----------
    player : the player.
    model : the model that all players share.
    learning_rate : the highest rate of the schedule; the player's `pace` multiplies it.
    settings : optimiser, clipping.
    dials : whether to keep the learning rate and the weights of terms on the device, as captured steps need.
    """

    def __init__(
        self, player: Player, model: Model, learning_rate: float, settings: Training, *, dials: bool = False
    ) -> None:
        player.objective.refuse(model)
        self.player = player
        self.parameters = player.parameters(model)
        self.rate = learning_rate * player.pace
        self.optimizer = (player.optimizer or settings.make_optimizer()).make(self.parameters, self.rate)
        self.clip_norm = player.clip_norm if settings.clip_norm == "auto" else settings.clip_norm
        self.dtype = model.dtype
        self.dials = Dials(self.parameters[0].device) if dials else None
        self.weights: Weights = {}
        self.sums: dict[str, Tensor] = {}
        self.rows = 0
        self.first: Tensor | None = None

    def set(self, progress: float, factor: float) -> None:
        """Set the learning rate and the weights of terms for the next step."""
        rate: float | Tensor = self.rate * factor
        weights: Weights = self.player.objective.weights(progress)
        if self.dials is not None:
            rate = self.dials.turned("rate", float(rate))
            weights = {name: self.dials.turned(f"of {name}", float(w), self.dtype) for name, w in weights.items()}
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.weights = weights

    def move(self, moved: Moved, rows: int) -> None:
        """Take one step down the gradient. The step may be captured: a replayed turn does not call this method."""
        for parameter, gradient in zip(self.parameters, moved.gradients, strict=True):
            parameter.grad = gradient
        if self.clip_norm is not None:
            self._clip(self.clip_norm)
        self.optimizer.step()
        for parameter in self.parameters:
            parameter.grad = None
        if self.first is None:
            self.first = (moved.sums["loss"] / rows).abs()
        for name, value in moved.sums.items():
            if name in self.sums:
                self.sums[name] += value
            else:
                self.sums[name] = value.clone()

    def _clip(self, longest: float) -> None:
        """Shorten the gradient if it is longer (Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, algorithm 1).

        On a GPU the norm is not compared first, since reading it would wait for the device.
        """
        norm = nn.utils.get_total_norm([weight.grad for weight in self.parameters if weight.grad is not None])
        if norm.device.type != "cpu" or not norm + 1e-6 <= longest:  # otherwise the factor is 1
            nn.utils.clip_grads_with_norm_(self.parameters, longest, norm)

    def count(self, rows: int) -> None:
        """Add to the number of rows that the sums are over."""
        self.rows += rows

    def flush(self) -> None:
        """Set the denormal numbers in the optimiser's state to zero.

        If the gradient of a weight stays zero, as for a dead unit, its moments decay until rounding holds them at a
        few times the smallest denormal number. A CPU is many times slower on such numbers; it can be set to flush
        them, but only in one thread at a time. A GPU is as fast on them as on others.
        """
        if self.parameters[0].device.type != "cpu":
            return
        for entries in self.optimizer.state.values():
            for value in entries.values():
                if isinstance(value, Tensor) and value.is_floating_point():
                    value.copy_(nn.functional.hardshrink(value, torch.finfo(value.dtype).tiny))

    def means(self) -> dict[str, float]:
        """Return the mean over rows of the loss and of each term since `reset`; this waits for the device."""
        return {name: float(total) / self.rows for name, total in self.sums.items()} if self.rows else {}

    def sound(self) -> bool:
        """Return whether the mean loss since `reset` is finite and not far above the untrained model's."""
        if self.first is None or not self.rows:
            return True
        return abs(float(self.sums["loss"])) / self.rows <= BLOW_UP_FACTOR * (1.0 + float(self.first))

    def reset(self) -> None:
        """Set the sums to zero."""
        self.rows = 0
        for total in self.sums.values():
            total.zero_()

    def put(self, state: State) -> None:
        """Add the optimiser's state and the sums to the state of a fit."""
        name = self.player.name
        tensors, facts = optimizer_state(self.optimizer)
        state.put(f"{name}/optimizer", tensors)
        state.put(f"{name}/sums", self.sums)
        state.put(f"{name}/first", {} if self.first is None else {"loss": self.first})
        state.facts[name] = {"rows": self.rows, "optimizer": facts}

    def take(self, state: State, device: torch.device) -> None:
        """Restore them from the state of a fit."""
        name = self.player.name
        facts = state.facts[name]
        restore_optimizer(self.optimizer, state.get(f"{name}/optimizer"), facts["optimizer"])
        self.sums = {key: value.to(device).clone() for key, value in state.get(f"{name}/sums").items()}
        self.rows = facts["rows"]
        first = state.get(f"{name}/first").get("loss")
        self.first = None if first is None else first.to(device)


class Turn:
    """The players who move at the same time: one step, compiled if that pays, computes a gradient for each of them.

    Parameters
    ----------
    movers : the players, each with its optimiser.
    model : the model that all players share.
    settings : whether steps are compiled.
    visits : the number of rows that the fit will visit, counted once an epoch.
    """

    def __init__(self, movers: Sequence[Mover], model: Model, settings: Training, visits: int) -> None:
        self.movers = movers
        self.every = movers[0].player.every
        sides = [Side(mover.player.objective, mover.parameters) for mover in movers]
        self.step: Step = in_pieces(model, sides)
        objectives = [side.objective for side in sides]
        wanted = settings.compile
        if wanted == "auto":
            wanted = pays(model, objectives, visits // self.every, settings)
        if wanted:
            self.step = compiled(model, sides, self.step, loud=settings.compile is True)

    @property
    def name(self) -> str:
        """The names of the players, joined."""
        return " and ".join(mover.player.name for mover in self.movers)

    def take(self, batch: Batch, generator: torch.Generator) -> None:
        """Let every player take one step down the gradient of its mean loss."""
        moved = self.step(batch, generator, [mover.weights for mover in self.movers])
        for mover, own in zip(self.movers, moved, strict=True):
            mover.move(own, batch.rows)
