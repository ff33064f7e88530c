"""All settings of training that concern neither the data nor the model, in one object."""

from __future__ import annotations

import math
from typing import Literal

from ..parts import Part
from ..trackers import Trackers, as_trackers
from .decay import Decay
from .optimizer import Adam, Optimizer

__all__ = ["Training"]

PER_SYSTEM = ("optimizer", "averaging", "patience")
"""Settings with a default of their own in each system."""

PLACES = ("checkpoint", "every", "resume", "trackers")
"""Settings that name places where a fit is saved or logged; the result of the fit does not depend on them."""


class Training(Part, kind="training", final=True):
    r"""Settings of a fit: optimiser, schedule, clipping, averaging, early stopping, budget, compiling, checkpoints.

    The learning rate is the estimator's, times a factor. The factor rises linearly over the first `warmup` of the fit
    and then falls to zero, linearly or along a half cosine, stays constant or changes in steps, as `decay` says.

    If the loss becomes NaN, infinite or a thousand times the untrained loss, the fit goes back to its last good state
    and continues with half the learning rate; the column ``healed`` of the history counts these events. After `retries`
    of them the fit stops and names the cause.

    Parameters
    ----------
    optimizer : the optimiser of every player that has none of its own; None is the system's own.
    warmup : the fraction of the fit over which the learning rate rises.
    decay : ``"cosine"``, ``"linear"``, ``"constant"``, or a `Decay`, such as ``Steps((1, 1), (1.0, 0.1))``.
    clip_norm : the largest norm of a player's gradient; None does not clip. ``"auto"`` takes the player's own: 3√n for
        standardised rows of n features, where one far-out row could undo what many have taught, otherwise None.
    averaging : the decay of the exponential moving average of the weights, which the fitted model gets; 0 keeps the
        last weights, None is the system's own.
    patience : epochs without a better held-out value after which the fit stops, keeping the best weights; None does
        not stop. It needs the estimator's `validation_fraction`. The value is the held-out loss. The losses of
        adversarial nets do not show when to stop, so there the value is ``validation_mmd``, the discrepancy between
        samples and held-out rows.
    max_time : a budget in seconds, beside the estimator's `max_epochs`. The fit, and its schedule with it, ends when
        the first of the two is used up. With a budget the result depends on the machine's speed.
    compile : whether to compile steps, which costs half a minute once and changes numbers only by rounding. ``"auto"``
        compiles if the fit is long enough to repay it and every part is this library's.
    capture : whether to capture steps on a GPU as CUDA graphs and replay them, which changes numbers only by rounding.
        ``"auto"`` captures if every part is this library's.
    retries : how many times a fit that blew up is healed before it stops.
    checkpoint : the folder for checkpoints, or None.
    every : steps between checkpoints; None writes one after each epoch.
    resume : whether to continue from the newest checkpoint in that folder, if there is one. On a CPU the result equals
        that of an uninterrupted fit, bit for bit.
    trackers : where to send the history as it grows, besides ``history_``: one of `isthmus.trackers`, several, or their
        names, such as ``"tensorboard:runs"``, ``"mlflow:experiment"``, ``"jsonlines:history.jsonl"``.

    References
    ----------
    Ilya Loshchilov and Frank Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
        https://arxiv.org/abs/1608.03983, equation 5: the cosine schedule.
    Priya Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
        https://arxiv.org/abs/1706.02677, section 2.2: warm-up.
    """

    optimizer: Optimizer | None = None
    warmup: float = 0.02
    decay: Literal["cosine", "linear", "constant"] | Decay = "cosine"
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
            isinstance(self.decay, Decay) or self.decay in ("cosine", "linear", "constant"),
            f"decay must be cosine, linear, constant or a Decay, got {self.decay!r}",
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
        """Return the same settings without places on this machine, as they are saved in a model's folder."""
        return type(self)(**self.get_params(deep=False) | dict.fromkeys(PLACES) | {"resume": False})

    def steady(self) -> Training:
        """Return the same for a fit whose end is not known: without a schedule, a budget or early stopping."""
        open_ended = {"warmup": 0.0, "decay": "constant", "patience": None, "max_time": None}
        return type(self)(**self.get_params(deep=False) | open_ended)

    def completed(self, recipe: Training) -> Training:
        """Return the same settings, with those of `recipe` that each system has of its own wherever they are None."""
        own = {name: getattr(recipe, name) for name in PER_SYSTEM if getattr(self, name) is None}
        return type(self)(**self.get_params(deep=False) | own)

    def make_optimizer(self) -> Optimizer:
        """Return the blueprint of the optimiser."""
        return self.optimizer or Adam()

    def rate(self, done: float, risen: float) -> float:
        """Return the factor on the learning rate of the next step.

        Parameters
        ----------
        done : the fraction of the fit that is done before the step, in [0, 1).
        risen : the fraction that is done after it, `done` + 1/steps. The warm-up uses this one, so that the first step
            does not have rate zero.

        >>> t = Training(warmup=0.1, decay="linear")
        >>> [round(t.rate(s / 100, (s + 1) / 100), 3) for s in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.011]
        """
        if done < self.warmup:
            return min(1.0, risen / self.warmup)
        done = (done - self.warmup) / (1.0 - self.warmup)
        if isinstance(self.decay, Decay):
            return self.decay(done)
        match self.decay:
            case "constant":
                return 1.0
            case "linear":
                return 1.0 - done
            case _:
                return 0.5 * (1.0 + math.cos(math.pi * done))
