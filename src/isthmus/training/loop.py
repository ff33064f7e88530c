"""The one training loop: players take turns on a batch, terms are added up on the device and read once an epoch."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..errors import FitError
from ..model import Model
from ..objective import Terms
from .data import Rows
from .history import History
from .player import Player
from .settings import Training

__all__ = ["Run", "train"]


@dataclass
class Run:
    """What a fit is given besides model, players and data.

    Attributes
    ----------
    epochs : at most so many passes over the data.
    learning_rate : the highest rate the schedule reaches.
    settings : optimiser, schedule, averaging, early stopping.
    generator : all randomness of the fit.
    validation : held-out rows, or None.
    report : called after each epoch with its row of the history.
    """

    epochs: int
    learning_rate: float
    settings: Training
    generator: torch.Generator
    validation: Rows | None = None
    report: Callable[[dict[str, float]], None] = field(default=lambda row: None)


class _Mover:
    """A player at work: its weights, its optimiser and the sums of its terms over an epoch."""

    def __init__(self, player: Player, model: Model, run: Run) -> None:
        player.objective.refuse(model)
        self.player = player
        self.parameters = player.parameters(model)
        self.rate = run.learning_rate * player.pace
        self.optimizer = (player.optimizer or run.settings.make_optimizer()).make(self.parameters, self.rate)
        self.clip_norm = run.settings.clip_norm
        self.sums: dict[str, Tensor] = {}
        self.rows = 0

    def move(self, terms: Terms, factor: float) -> None:
        """Take one step down the mean of the loss, moving these weights and no others."""
        loss = terms.loss()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss.mean(), inputs=self.parameters)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor
        self.optimizer.step()
        _add(self.sums, {"loss": loss, **terms.values})
        self.rows += len(loss)

    def read(self, prefix: str) -> dict[str, float]:
        """Return the means since the last reading, and start anew."""
        means = {prefix + name: float(total) / max(1, self.rows) for name, total in self.sums.items()}
        self.sums, self.rows = {}, 0
        return means


def _add(sums: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    for name, value in values.items():
        total = value.detach().sum()
        sums[name] = sums[name] + total if name in sums else total


def train(model: Model, players: Sequence[Player], rows: Rows, run: Run) -> History:
    """Play the game on the rows and return its history; the model is left in evaluation mode.

    The last weights are kept, their moving average where `Training.averaging` asks for it, or the best by held-out
    loss where `Training.patience` does. Ctrl-C ends the fit at a step's edge and keeps what was learnt.

    Raises
    ------
    FitError : a loss became NaN or infinite; the message names player, term and epoch.
    """
    movers = [_Mover(player, model, run) for player in players]
    average = _Average(model, run.settings.averaging) if run.settings.averaging else None
    best = _Best(run.settings.patience) if run.settings.patience is not None else None
    steps, step, history = run.epochs * rows.batches, 0, History()
    model.train()
    try:
        for epoch in range(1, run.epochs + 1):
            started = time.perf_counter()
            for batch in rows.epoch(run.generator):
                factor = run.settings.rate(step, steps)
                for mover in movers:
                    if step % mover.player.every == 0:
                        terms = mover.player.objective(model, batch, run.generator, step / steps)
                        mover.move(terms, factor)
                if average is not None:
                    average.update(step)
                step += 1
            row = {"epoch": epoch, **_read(movers, players)}
            _refuse_divergence(row)
            if run.validation is not None:
                row.update(_validate(average.model if average else model, players, run.validation))
            row["seconds"] = time.perf_counter() - started
            history.rows.append(row)
            run.report(row)
            if best is not None and best.seen(
                average.model if average else model, row[f"validation_{_prefix(players[0], players)}loss"]
            ):
                break
    except KeyboardInterrupt:
        if step == 0:
            raise
        begun = {"epoch": epoch, **_read(movers, players)}
        if len(begun) > 1:
            history.rows.append(begun)
        warnings.warn(f"interrupted after {step / steps:.0%} of the fit; what was learnt is kept", stacklevel=3)
    if best is not None:
        best.restore(model)
    elif average is not None:
        model.load_state_dict(average.model.state_dict())
    _refuse_broken_weights(model, epoch)
    model.eval()
    return history


def _prefix(player: Player, players: Sequence[Player]) -> str:
    return f"{player.name}_" if len(players) > 1 else ""


def _read(movers: Sequence[_Mover], players: Sequence[Player]) -> dict[str, float]:
    return {name: mean for mover in movers for name, mean in mover.read(_prefix(mover.player, players)).items()}


def _refuse_broken_weights(model: Model, epoch: int) -> None:
    for name, weight in model.named_parameters():
        if not bool(weight.isfinite().all()):
            raise FitError(f"the weights {name!r} became nan or infinite in epoch {epoch}; lower learning_rate")


def _refuse_divergence(row: dict[str, float]) -> None:
    for name, value in sorted(row.items(), key=lambda item: item[0].endswith("loss")):  # the cause before the sum
        if not abs(value) < float("inf"):
            raise FitError(
                f"the term {name!r} became {value} in epoch {row['epoch']:g}; lower learning_rate, or set "
                "training=Training(clip_norm=1.0)"
            )


@torch.no_grad()
def _validate(model: Model, players: Sequence[Player], rows: Rows) -> dict[str, float]:
    """Return every term's mean over held-out rows, with the same draws every time."""
    was_training = model.training
    model.eval()
    means: dict[str, float] = {}
    for player in players:
        generator = torch.Generator(rows.x.device).manual_seed(0)
        sums: dict[str, Tensor] = {}
        for batch in rows.in_order():
            terms = player.objective(model, batch, generator, 1.0)
            _add(sums, {"loss": terms.loss(), **terms.values})
        for name, total in sums.items():
            means[f"validation_{_prefix(player, players)}{name}"] = float(total) / len(rows)
    model.train(was_training)
    return means


class _Average:
    """An exponential moving average of the weights; its start is forgotten as 1/t at first."""

    def __init__(self, model: Model, decay: float) -> None:
        self.model = copy.deepcopy(model)
        self.decay = decay
        self._pairs = [
            (mean, now)
            for mean, now in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
            if now.is_floating_point()
        ]

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        means, now = [list(side) for side in zip(*self._pairs, strict=True)]
        torch._foreach_lerp_(means, now, 1 - decay)


class _Best:
    """The best weights by held-out loss, and how long ago they were met."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.loss = float("inf")
        self.state: dict[str, Tensor] = {}
        self.waited = 0

    def seen(self, model: Model, loss: float) -> bool:
        """Take note of a loss; return whether patience has run out."""
        if loss < self.loss:
            self.loss, self.waited = loss, 0
            self.state = {name: value.clone() for name, value in model.state_dict().items()}
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model: Model) -> None:
        """Put the best weights back."""
        if self.state:
            model.load_state_dict(self.state)
