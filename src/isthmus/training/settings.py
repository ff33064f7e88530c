"""Everything about training that is not the data's or the model's, in one object."""

from __future__ import annotations

import math
from typing import Literal

from ..parts import Part
from ..trackers import Trackers, as_trackers
from .optimizer import Adam, Optimizer

__all__ = ["Training"]

OWN = ("optimizer", "averaging")
"""What each system has its own of."""

PLACES = ("checkpoint", "every", "resume", "trackers")
"""What says where a fit is kept and told of; its result does not depend on it."""


class Training(Part, kind="training", final=True):
    r"""How a fit moves: optimiser, schedule, clipping, averaging, early stopping, budget, compiling, checkpoints.

    The learning rate is the estimator's, times a factor that rises linearly over the first `warmup` of the fit and
    then falls by `decay`: to zero along a line or a half cosine, or not at all.

    A loss that becomes NaN or infinite, or a thousand times what it was untrained, takes the fit back to its last good
    state, from where it goes on with half the rate (the column ``healed`` of the history counts it); after `retries`
    times it stops, the cause named.

    Parameters
    ----------
    optimizer : one for every player; None is the system's own.
    warmup : fraction of the fit.
    decay : ``"cosine"``, ``"linear"`` or ``"constant"``.
    clip_norm : the largest norm of a player's gradient; None is any, ``"auto"`` the player's own: 3√n for standardised
        rows of n features, where one row far out would undo what many taught, and any for all else.
    averaging : decay of the exponential moving average of the weights that the fitted model gets; 0 keeps the last,
        None is the system's own.
    patience : epochs without a better held-out value until the fit stops and the best is kept; None never stops. It
        needs the estimator's `validation_fraction`. The value is the held-out loss; for adversarial nets, whose losses
        do not say when to stop, the discrepancy of samples from the held-out rows, ``validation_mmd``.
    max_time : a budget in seconds beside the estimator's `max_epochs`; the schedule ends with whichever ends first.
        Under it results depend on the machine's speed.
    compile : whether steps are compiled, which costs half a minute once and gives the same numbers within rounding;
        ``"auto"`` does so where the fit is long enough to repay it and every part is this library's.
    capture : whether on a GPU what a step launches is captured once, as a CUDA graph, and replayed, to the same numbers
        within rounding; ``"auto"`` does so where every part is this library's.
    retries : how often a fit that blew up is healed before it stops.
    checkpoint : a folder that the state of the fit is written to, or None.
    every : steps between checkpoints; None is one a finished epoch.
    resume : whether to go on from the newest checkpoint in that folder, if there is one. On a CPU the result is, bit
        for bit, that of a fit that was never stopped.
    trackers : where the history goes as it grows, besides ``history_``: one of `isthmus.trackers` or several, or their
        names, such as ``"tensorboard:runs"``, ``"mlflow:experiment"``, ``"jsonlines:history.jsonl"``.
    """

    optimizer: Optimizer | None = None
    warmup: float = 0.02
    decay: Literal["cosine", "linear", "constant"] = "cosine"
    clip_norm: float | Literal["auto"] | None = "auto"
    averaging: float | None = None
    patience: int | None = None
    max_time: float | None = None
    compile: bool | Literal["auto"] = "auto"
    capture: bool | Literal["auto"] = "auto"
    retries: int = 3
    checkpoint: str | None = None
    every: int | None = None
    resume: bool = False
    trackers: Trackers = None

    def check(self) -> None:
        self.require_part("optimizer", self.optimizer, Optimizer, or_none=True)
        self.require(0 <= self.warmup < 1, f"warmup is a fraction of the fit, in [0, 1), got {self.warmup}")
        self.require(
            self.decay in ("cosine", "linear", "constant"),
            f"decay must be cosine, linear or constant, got {self.decay!r}",
        )
        self.require(0 <= (self.averaging or 0) < 1, f"averaging must lie in [0, 1), got {self.averaging}")
        clips = isinstance(self.clip_norm, int | float) and self.clip_norm > 0
        self.require(
            clips or self.clip_norm in (None, "auto"),
            f"clip_norm must be positive, None or 'auto', got {self.clip_norm!r}",
        )
        self.require(self.max_time is None or self.max_time > 0, f"max_time must be positive, got {self.max_time}")
        for name in ("compile", "capture"):
            value = getattr(self, name)
            self.require(value in (True, False, "auto"), f"{name} must be True, False or 'auto', got {value!r}")
        for name in ("patience", "every"):
            if getattr(self, name) is not None:
                self.require_count(name, getattr(self, name))
        whole = isinstance(self.retries, int) and not isinstance(self.retries, bool)
        self.require(whole and self.retries >= 0, f"retries must be 0 or more and whole, got {self.retries!r}")
        self.require(
            self.checkpoint is not None or not (self.every or self.resume), "every and resume need a checkpoint folder"
        )
        as_trackers(self.trackers)

    def portable(self) -> Training:
        """Return the same without the places on this machine that it writes to: what belongs into a file."""
        return type(self)(**self.get_params(deep=False) | dict.fromkeys(PLACES) | {"resume": False})

    def steady(self) -> Training:
        """Return the same for a fit whose end is not known: without a schedule, a budget or early stopping."""
        open_ended = {"warmup": 0.0, "decay": "constant", "patience": None, "max_time": None}
        return type(self)(**self.get_params(deep=False) | open_ended)

    def completed(self, recipe: Training) -> Training:
        """Return the same with a system's own optimiser and averaging where none is asked for."""
        own = {name: getattr(recipe, name) for name in OWN if getattr(self, name) is None}
        return type(self)(**self.get_params(deep=False) | own)

    def make_optimizer(self) -> Optimizer:
        """Return the optimiser's blueprint."""
        return self.optimizer or Adam()

    def rate(self, done: float, risen: float) -> float:
        """Return the factor on the learning rate of a step before which a fraction `done` of the fit was done.

        Parameters
        ----------
        done : in [0, 1).
        risen : the fraction with that step, `done` + 1/steps: the first step must not stand still.

        >>> t = Training(warmup=0.1, decay="linear")
        >>> [round(t.rate(s / 100, (s + 1) / 100), 3) for s in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.011]
        """
        if done < self.warmup:
            return min(1.0, risen / self.warmup)
        done = (done - self.warmup) / (1.0 - self.warmup)
        match self.decay:
            case "constant":
                return 1.0
            case "linear":
                return 1.0 - done
            case _:
                return 0.5 * (1.0 + math.cos(math.pi * done))
