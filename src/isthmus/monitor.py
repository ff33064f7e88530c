"""Monitors: what is measured after each epoch and goes into the history, since losses do not say it."""

from __future__ import annotations

from typing import ClassVar

import torch

from .batch import Batch
from .metrics import active_units, mmd
from .model import Model, Pass
from .parts import Part
from .source import Generated

__all__ = ["ActiveUnits", "Discrepancy", "Monitor"]


class Monitor(Part, kind="monitor"):
    """Base of monitors: ``monitor(model, batch)`` returns columns of the history; the model is in evaluation mode."""

    needs_held_out: ClassVar[bool] = False
    """Whether it measures only where rows are held out."""

    def __call__(self, model: Model, batch: Batch) -> dict[str, float]:
        """Return what is measured on the rows, by the name of its column."""
        raise NotImplementedError


class ActiveUnits(Monitor):
    """How many units of the code vary with x.

    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
    https://arxiv.org/abs/1509.00519, section 5.2.
    """

    def __call__(self, model: Model, batch: Batch) -> dict[str, float]:
        """Return ``active_units``."""
        passed = Pass(model, batch, Generated(torch.Generator(batch.x.device)), x_tilde=model.scaled(batch.x))
        return {"active_units": active_units(passed.q.mean.cpu().numpy())}


class Discrepancy(Monitor):
    """The maximum mean discrepancy of samples from held-out rows, of the same draws every time."""

    needs_held_out: ClassVar[bool] = True

    def __call__(self, model: Model, batch: Batch) -> dict[str, float]:
        """Return ``validation_mmd``."""
        passed = Pass(model, batch, Generated(torch.Generator(batch.x.device).manual_seed(0)))
        real, fake = passed.x, passed.generated
        if not bool(fake.isfinite().all()):
            return {"validation_mmd": float("inf")}
        return {"validation_mmd": mmd(real.cpu().numpy(), fake.cpu().numpy())}
