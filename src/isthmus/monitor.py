"""Monitors: metrics that go into the history after each epoch, beside the losses."""

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
    """Whether the monitor needs held-out rows, and is left out without them."""

    def __call__(self, model: Model, batch: Batch) -> dict[str, float]:
        """Return metrics of the rows, by the names of their columns."""
        raise NotImplementedError


class ActiveUnits(Monitor):
    """The number of units of the code that vary with x.

    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
    https://arxiv.org/abs/1509.00519, section 5.2.
    """

    def __call__(self, model: Model, batch: Batch) -> dict[str, float]:
        """Return ``active_units``."""
        passed = Pass(model, batch, Generated(torch.Generator(batch.x.device)), x_tilde=model.scaled(batch.x))
        return {"active_units": active_units(passed.q.mean.cpu().numpy())}


class Discrepancy(Monitor):
    """The maximum mean discrepancy between samples and held-out rows, with the same draws every time.

    Arthur Gretton et al., "A Kernel Two-Sample Test", 2012, https://jmlr.org/papers/v13/gretton12a.html.
    """

    needs_held_out: ClassVar[bool] = True

    def __call__(self, model: Model, batch: Batch) -> dict[str, float]:
        """Return ``validation_mmd``."""
        passed = Pass(model, batch, Generated(torch.Generator(batch.x.device).manual_seed(0)))
        real, fake = passed.x, passed.generated
        if not bool(fake.isfinite().all()):
            return {"validation_mmd": float("inf")}
        return {"validation_mmd": mmd(real.cpu().numpy(), fake.cpu().numpy())}
