"""Everything about training that is not the data's or the model's, in one object."""

from __future__ import annotations

import math
from typing import Literal

from ..parts import Part
from .optimizer import Adam, Optimizer

__all__ = ["Training"]


class Training(Part, kind="training", final=True):
    r"""How a fit moves: optimiser, schedule, clipping, averaging, early stopping.

    The learning rate is the estimator's, times a factor that rises linearly over the first `warmup` of the fit and
    then falls by `decay`: to zero along a line or a half cosine, or not at all.

    Parameters
    ----------
    optimizer : one for every player; None is Adam().
    warmup : fraction of the fit.
    decay : ``"cosine"``, ``"linear"`` or ``"constant"``.
    clip_norm : the largest norm of a player's gradient, or None.
    averaging : decay of the exponential moving average of the weights that the fitted model gets; 0 keeps the last.
    patience : epochs without a better held-out loss until the fit stops and the best is kept; None never stops. It
        needs the estimator's `validation_fraction`.
    """

    optimizer: Optimizer | None = None
    warmup: float = 0.02
    decay: Literal["cosine", "linear", "constant"] = "cosine"
    clip_norm: float | None = None
    averaging: float = 0.0
    patience: int | None = None

    def check(self) -> None:
        self.require_part("optimizer", self.optimizer, Optimizer, or_none=True)
        self.require(0 <= self.warmup < 1, f"warmup is a fraction of the fit, in [0, 1), got {self.warmup}")
        self.require(
            self.decay in ("cosine", "linear", "constant"),
            f"decay must be cosine, linear or constant, got {self.decay!r}",
        )
        self.require(0 <= self.averaging < 1, f"averaging must lie in [0, 1), got {self.averaging}")
        self.require(self.clip_norm is None or self.clip_norm > 0, f"clip_norm must be positive, got {self.clip_norm}")
        self.require(self.patience is None or self.patience >= 1, f"patience must be at least 1, got {self.patience}")

    def make_optimizer(self) -> Optimizer:
        """Return the optimiser's blueprint."""
        return self.optimizer or Adam()

    def rate(self, step: int, steps: int) -> float:
        """Return the factor on the learning rate at a step of a fit of that many steps.

        >>> t = Training(warmup=0.1, decay="linear")
        >>> [round(t.rate(s, 100), 3) for s in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.011]
        """
        rise = self.warmup * steps
        if step < rise:
            return min(1.0, (step + 1) / rise)
        done = (step - rise) / (steps - rise)
        match self.decay:
            case "constant":
                return 1.0
            case "linear":
                return 1.0 - done
            case _:
                return 0.5 * (1.0 + math.cos(math.pi * done))
