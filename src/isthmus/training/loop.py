"""The training loop: players take turns on each batch; terms are summed on the device and read once an epoch."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..batch import Batch
from ..errors import FitError
from ..history import History
from ..model import Model
from ..seeds import TorchRandom
from ..source import Generated
from .average import Average, Best
from .captured import Captured, Take, can_capture
from .cause import cause
from .checkpoint import Checkpoints, Held
from .compiled import draws_from_torch
from .data import Rows, place_for
from .interrupt import Interrupts
from .life import begin, finish, move_to, moving_parts
from .mover import Mover, Turn
from .player import Turns, turns_of
from .settings import Training
from .state import State
from .validation import prefix, validate

__all__ = ["Run", "train"]

CHECK_EVERY_STEPS = 256
"""Steps between two checks, within an epoch, that the losses and weights are sound."""

STATE_COPIES = 12
"""Copies of the weights that three states take: each has weights, their average and the optimiser's two moments."""

FLUSH_EVERY_STEPS = 64
"""Steps between two flushes of the optimisers' denormal numbers to zero."""


@dataclass
class Run:
    """The settings of one fit, besides model, players and data.

    Attributes
    ----------
    epochs : the largest number of passes over the data.
    learning_rate : the highest rate that the schedule reaches.
    settings : optimiser, schedule, averaging, early stopping, budget, healing.
    generator : the source of all randomness in the fit, except for parts that draw from torch's own generators.
    torch_random : the random numbers of these parts; None starts from seed 0.
    validation : held-out rows, or None.
    monitor : called after each epoch with the model that would be returned now; its result goes into the history.
    watch : the column of the history that patience watches, lower is better; if there is no such column, patience
        watches the first player's held-out loss.
    report : called after each epoch with its row of the history.
    checkpoints : the place where the state is kept and found; None keeps nothing.
    endless : whether the end of the fit is unknown: it continues from the state that was found, for `epochs` more.
    interrupts : checked after each step; the caller enters this context.
    begins, finishes : whether to call `begin` of the model's parts, if no state was found, and their `finish`.
    """

    epochs: int
    learning_rate: float
    settings: Training
    generator: torch.Generator
    torch_random: TorchRandom | None = None
    validation: Rows | None = None
    monitor: Callable[[Model], dict[str, float]] = field(default=lambda model: {})
    watch: str = "validation_loss"
    report: Callable[[dict[str, float]], None] = field(default=lambda row: None)
    checkpoints: Checkpoints | Held | None = None
    endless: bool = False
    interrupts: Interrupts = field(default_factory=Interrupts)
    begins: bool = True
    finishes: bool = True


def train(model: Model, players: Turns, rows: Rows, run: Run) -> History:
    """Train the model on the rows and return the history; the model is left in evaluation mode.

    The model keeps the best weights by a held-out value if `Training.patience` is set, otherwise the moving average if
    `Training.averaging` is, otherwise the last weights. An interrupt ends the fit after the current step and keeps what
    was learnt.

    Raises
    ------
    FitError : the fit blew up before its first epoch was done and could not be healed; the message names the cause.
    """
    return _Game(model, players, rows, run).play()


class _Game:
    """A fit in progress. `state` copies everything that changes, so that a fit can be healed, stopped and resumed."""

    def __init__(self, model: Model, players: Turns, rows: Rows, run: Run) -> None:
        settings, visits = run.settings, run.epochs * len(rows)
        turns = turns_of(players)
        self.model, self.rows, self.run, self.settings = model, rows, run, settings
        self.players = [player for turn in turns for player in turn]
        captures = can_capture(model, self.players, settings, rows.device)
        rate = run.learning_rate
        of = [[Mover(player, model, rate, settings, dials=captures) for player in turn] for turn in turns]
        self.turns = [Turn(movers, model, settings, visits) for movers in of]
        self.movers = [mover for movers in of for mover in movers]
        self.captured = Captured(self._turn, run.generator, loud=settings.capture is True) if captures else None
        self.take: Take = self.captured or self._turn
        self.average = Average(model, settings.averaging) if settings.averaging else None
        self.best = None if settings.patience is None or run.validation is None else Best(settings.patience)
        self.moving = moving_parts(model)
        self.history = History()
        self.steps = run.epochs * rows.batches
        self.epoch, self.index, self.step = 1, 0, 0
        self.scale, self.healed, self.tries, self.seconds, self.elapsed = 1.0, 0, 0, 0.0, 0.0
        self.opening = self.now = run.generator.get_state()
        self.over, self.clock = False, time.perf_counter()
        self.torch_random = run.torch_random or TorchRandom(0, rows.device)
        draws = draws_from_torch(model, *(player.objective for player in self.players))
        self.drawing = self.torch_random.lent if draws else nullcontext

    # Playing.

    def play(self) -> History:
        self.model.train()
        if self.run.checkpoints is not None and self.run.checkpoints.found is not None:
            self.restore(self.run.checkpoints.found)
            if self.run.endless:
                self._begin_epoch()
                self.steps += self.step
            self.over = self.index == 0 and self._ended()
        elif self.run.begins:
            with self.drawing():
                begin(self.model, self.rows)
            if self.average is not None:
                self.average.model.load_state_dict(self.model.state_dict())
        self.home = not self._holds_copies()
        self.start = self.good = self.kept = self.state()
        self.clock = time.perf_counter()
        try:
            while not self.over:
                self._play_epoch()
        finally:
            if self.captured is not None:
                self.captured.forget()
        self._hand_out()
        if self.run.finishes:
            with self.drawing():
                finish(self.model, self.rows)
        return self.history

    def _play_epoch(self) -> None:
        for _, batch in self.rows.batches_of(self._order(), self.index):
            with self.drawing():
                self._move(batch)
            self._tick()
            if self.run.interrupts.met:
                self._interrupted()
                return
            if self.step % CHECK_EVERY_STEPS == 0 and self.index < self.rows.batches:
                if not self._sound():
                    self._heal()
                    return
                self.good = self.state()
            self._checkpoint(due=self.settings.every is not None and self.step % self.settings.every == 0)
            if self.done >= 1.0:
                break
        if self._sound():
            self._close_epoch()
        else:
            self._heal()

    def _order(self) -> Tensor:
        """Return the order of this epoch's rows, and leave the generator in the state that the next batch needs."""
        generator = self.run.generator
        generator.set_state(self.opening)
        order = self.rows.order(generator)
        if self.index:
            generator.set_state(self.now)
        return order

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds, self.elapsed, self.clock = self.seconds + now - self.clock, self.elapsed + now - self.clock, now

    @property
    def done(self) -> float:
        """The fraction of the fit that is done, by steps or by time, whichever is larger."""
        by_time = 0.0 if self.settings.max_time is None else self.elapsed / self.settings.max_time
        return min(1.0, max(self.step / self.steps, by_time))

    @property
    def progress(self) -> float:
        """The progress that schedules use: `done`, or 1 if the end of the fit is unknown."""
        return 1.0 if self.run.endless else self.done

    def _ended(self) -> bool:
        return self.done >= 1.0 or (self.best is not None and self.best.over)

    def _move(self, batch: Batch) -> None:
        done = self.progress
        factor = self.scale * self.settings.rate(done, done + 1 / self.steps)
        due = self._due()
        move_to(self.moving, done)
        movers = [mover for turn in due for mover in turn.movers]
        for mover in movers:
            mover.set(done, factor)
        self.take(due, batch)
        for mover in movers:
            mover.count(batch.rows)
        if self.average is not None:
            self.average.update(self.step)
        self.step, self.index = self.step + 1, self.index + 1
        if self.step % FLUSH_EVERY_STEPS == 0:
            for mover in self.movers:
                mover.flush()

    def _turn(self, due: Sequence[Turn], batch: Batch) -> None:
        for turn in due:
            turn.take(batch, self.run.generator)

    def _due(self) -> list[Turn]:
        return [turn for turn in self.turns if self.step % turn.every == 0]

    def _close_epoch(self) -> None:
        row = {"epoch": self.epoch, **self._read()}
        handed_out = self.average.model if self.average else self.model
        was_training = handed_out.training
        handed_out.eval()
        move_to(moving_parts(handed_out), self.progress)
        with torch.no_grad(), self.drawing():
            if self.run.validation is not None:
                row.update(validate(handed_out, self.players, self.run.validation))
            row.update(self.run.monitor(handed_out))
        handed_out.train(was_training)
        healed = self.healed - sum(past.get("healed", 0) for past in self.history)
        if healed:
            row["healed"] = healed
        self._tick()
        row["seconds"] = self.seconds
        self.history.rows.append(row)
        if self.best is not None:
            first = f"validation_{self.players[0].name}_loss"
            self.best.seen(handed_out.state_dict(), row[self.run.watch if self.run.watch in row else first])
        self.epoch, self.seconds = self.epoch + 1, 0.0
        self._begin_epoch()
        self.over = self._ended()
        self.good, self.tries = self.state(), 0
        self._checkpoint(due=self.settings.every is None)
        self.run.report(row)

    def _begin_epoch(self) -> None:
        self.index, self.opening = 0, self.run.generator.get_state()

    def _read(self) -> dict[str, float]:
        means: dict[str, float] = {}
        for mover in self.movers:
            means |= {prefix(mover.player, self.players) + name: mean for name, mean in mover.means().items()}
            mover.reset()
        return means

    # Ending.

    def _interrupted(self) -> None:
        said = f"interrupted after {self.done:.0%} of the fit; the estimator keeps what it has learnt"
        if not self._sound():
            self.restore(self.good)
        self._checkpoint(due=True)
        begun = {"epoch": self.epoch, **self._read()}
        if len(begun) > 1:
            self.history.rows.append(begun | {"seconds": self.seconds})
        self.over = True
        warnings.warn(said, stacklevel=5)

    def _hand_out(self) -> None:
        if self.best is not None and self.best.weights:
            self.model.load_state_dict(self.best.weights)
        elif self.average is not None:
            self.model.load_state_dict(self.average.model.state_dict())
        self.model.eval()

    def _checkpoint(self, due: bool) -> None:
        if due and self.run.checkpoints is not None:
            self.run.checkpoints.write(self.state(), self.step)

    # Healing.

    def _sound(self) -> bool:
        """Return whether every loss is within bounds and every weight is finite."""
        finite = torch.stack([weight.detach().isfinite().all() for weight in self.model.parameters()]).all()
        return all(mover.sound() for mover in self.movers) and bool(finite)

    def _heal(self) -> None:
        """Go back to an earlier state and continue with half the learning rate; stop after `retries` attempts.

        The first attempt goes back to the last good state. Later ones go back to the start of the fit, since the loss
        may already have been rising in the last good state.
        """
        epoch, healed, scale, elapsed, tries = self.epoch, self.healed, self.scale, self.elapsed, self.tries
        if len(self.good.facts["history"]) >= len(self.kept.facts["history"]):
            self.kept = self.good
        if healed == self.settings.retries:
            self._give_up(epoch)
            return
        self.good = self.start if tries else self.good
        self.restore(self.good)
        self.healed, self.scale, self.elapsed, self.tries = healed + 1, scale / 2, elapsed, tries + 1

    def _give_up(self, epoch: int) -> None:
        self.restore(self.good)
        with self.drawing():
            why = self._explain()
        tried = f" and {self.settings.retries} smaller steps did not heal it" if self.settings.retries else ""
        furthest = max(epoch, len(self.kept.facts["history"]) + 1)
        said = f"the fit blew up in epoch {furthest}{tried}: {why}; look at those rows, lower learning_rate, or set "
        said += "training=Training(clip_norm=1.0)"
        self.restore(self.kept)
        if not self.history:
            raise FitError(said)
        self.over = True
        warnings.warn(f"{said}. The state after {len(self.history)} epochs is kept", stacklevel=6)

    def _explain(self) -> str:
        """Replay the fit from the last good state, and describe the first thing that is not finite."""
        generator = self.run.generator
        for chosen, batch in self.rows.batches_of(self._order(), self.index):
            done = self.progress
            move_to(self.moving, done)
            for turn in self._due():
                before = generator.get_state()
                for mover in turn.movers:
                    objective = mover.player.objective
                    why = cause(self.model, objective, batch, chosen, Generated(generator), objective.weights(done))
                    if why is not None:
                        return f"{mover.player.name}: {why}" if len(self.movers) > 1 else why
                    generator.set_state(before)
                    mover.set(done, self.scale * self.settings.rate(done, done + 1 / self.steps))
                turn.take(batch, generator)
                for mover in turn.movers:
                    mover.count(batch.rows)
                for name, weight in self.model.named_parameters():
                    if not bool(weight.isfinite().all()):
                        return f"the weights {name!r} became nan or infinite"
            self.step, self.index = self.step + 1, self.index + 1
        grown = next((m for m in self.movers if not m.sound()), self.movers[0])
        return (
            f"the loss of {grown.player.name} grew to {grown.means()['loss']:.3g}, from {float(grown.first or 0):.3g}"
        )

    # State.

    def _holds_copies(self) -> bool:
        """Return whether the device has room for the copies of the state that healing needs."""
        weights = sum(weight.nbytes for weight in self.model.parameters())
        return place_for(STATE_COPIES * weights, self.rows.device) == self.rows.device

    def state(self) -> State:
        """Return a copy of everything that changes during the fit."""
        state = State(home=self.home)
        state.put("model", self.model.state_dict())
        if self.average is not None:
            state.put("average", self.average.model.state_dict())
        if self.best is not None:
            state.put("best", self.best.weights)
            state.facts["best"] = {"value": self.best.value, "waited": self.best.waited}
        for mover in self.movers:
            mover.put(state)
        own = {"opening": self.opening, "now": self.run.generator.get_state()}
        state.put("random", {**own, **self.torch_random.states})
        state.facts |= {name: getattr(self, name) for name in _COUNTS}
        state.facts["history"] = [dict(row) for row in self.history]
        return state

    def restore(self, state: State) -> None:
        """Go back to a state."""
        device = self.rows.device
        if self.captured is not None:
            self.captured.forget()
        self.model.load_state_dict(state.get("model"))
        if self.average is not None:
            self.average.model.load_state_dict(state.get("average"))
        if self.best is not None:
            self.best.weights = state.get("best")
            self.best.value, self.best.waited = state.facts["best"]["value"], state.facts["best"]["waited"]
        for mover in self.movers:
            mover.take(state, device)
        random = state.get("random")
        self.opening, self.now = random["opening"], random["now"]
        self.run.generator.set_state(self.now)
        self.torch_random.states = {name: random.get(name, own) for name, own in self.torch_random.states.items()}
        for name in _COUNTS:
            setattr(self, name, state.facts[name])
        self.history = History(state.facts["history"])


_COUNTS = ("epoch", "index", "step", "scale", "healed", "seconds", "elapsed", "over")
