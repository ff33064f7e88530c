"""A player at work: its weights, its optimiser, and the sums of its terms since they were last read."""

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
"""A mean loss that is larger than the untrained model's by this factor is a blow-up."""


class Mover:
    """Moves one player's weights and no others.

    Parameters
    ----------
    player : who moves what.
    model : the model all players share.
    learning_rate : the highest rate of the schedule, before the player's own pace.
    settings : optimiser, clipping.
    dials : whether rate and weights of terms are kept on the device, as steps that are captured need it.
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
        """Set rate and weights of terms for the step to come."""
        rate: float | Tensor = self.rate * factor
        weights: Weights = self.player.objective.weights(progress)
        if self.dials is not None:
            rate = self.dials.turned("rate", float(rate))
            weights = {name: self.dials.turned(f"of {name}", float(w), self.dtype) for name, w in weights.items()}
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.weights = weights

    def move(self, moved: Moved, rows: int) -> None:
        """Take one step down the gradient; this may be captured, and is not always called."""
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
        """Shorten the gradient where it is longer; a device is not asked whether it is, which would wait for it."""
        norm = nn.utils.get_total_norm([weight.grad for weight in self.parameters if weight.grad is not None])
        if norm.device.type != "cpu" or not norm + 1e-6 <= longest:  # else the factor is 1
            nn.utils.clip_grads_with_norm_(self.parameters, longest, norm)

    def count(self, rows: int) -> None:
        """Take note that it moved on so many rows."""
        self.rows += rows

    def flush(self) -> None:
        """Set to zero what the optimiser remembers in denormal numbers.

        The moments of a weight whose gradient stays zero, such as those of a unit that died, decay until rounding
        holds them at a few times the least denormal number, on which a processor is many times slower than on any
        other. It can flush them itself, but by thread. A GPU is as fast on them as on others.
        """
        if self.parameters[0].device.type != "cpu":
            return
        for entries in self.optimizer.state.values():
            for value in entries.values():
                if isinstance(value, Tensor) and value.is_floating_point():
                    value.copy_(nn.functional.hardshrink(value, torch.finfo(value.dtype).tiny))

    def means(self) -> dict[str, float]:
        """Return the mean a row of the loss and each term since `reset`; this waits for the device."""
        return {name: float(total) / self.rows for name, total in self.sums.items()} if self.rows else {}

    def sound(self) -> bool:
        """Return whether the loss since `reset` is finite and not far above an untrained model's."""
        if self.first is None or not self.rows:
            return True
        return abs(float(self.sums["loss"])) / self.rows <= BLOW_UP_FACTOR * (1.0 + float(self.first))

    def reset(self) -> None:
        """Begin the sums anew."""
        self.rows = 0
        for total in self.sums.values():
            total.zero_()

    def put(self, state: State) -> None:
        """Add what it remembers to a state."""
        name = self.player.name
        tensors, facts = optimizer_state(self.optimizer)
        state.put(f"{name}/optimizer", tensors)
        state.put(f"{name}/sums", self.sums)
        state.put(f"{name}/first", {} if self.first is None else {"loss": self.first})
        state.facts[name] = {"rows": self.rows, "optimizer": facts}

    def take(self, state: State, device: torch.device) -> None:
        """Go back to a state."""
        name = self.player.name
        facts = state.facts[name]
        restore_optimizer(self.optimizer, state.get(f"{name}/optimizer"), facts["optimizer"])
        self.sums = {key: value.to(device).clone() for key, value in state.get(f"{name}/sums").items()}
        self.rows = facts["rows"]
        first = state.get(f"{name}/first").get("loss")
        self.first = None if first is None else first.to(device)


class Turn:
    """The players who move at once: one step, which is compiled where that pays, gives each its gradient.

    Parameters
    ----------
    movers : the players at work.
    model : the model all players share.
    settings : whether steps are compiled.
    visits : how many rows the fit will visit.
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
        """The names of the players."""
        return " and ".join(mover.player.name for mover in self.movers)

    def take(self, batch: Batch, generator: torch.Generator) -> None:
        """Have every player take one step down the mean of its loss."""
        moved = self.step(batch, generator, [mover.weights for mover in self.movers])
        for mover, own in zip(self.movers, moved, strict=True):
            mover.move(own, batch.rows)
