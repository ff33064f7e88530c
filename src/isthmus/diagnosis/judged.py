"""What a discriminator says of held-out rows and of generated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ..batch import Batch
from ..model import Pass
from ..source import Generated
from ..tensors import as_tensor

if TYPE_CHECKING:
    from ..objective import Discriminate
    from .subject import Subject

__all__ = ["Judged", "judged_by"]


class Judged(NamedTuple):
    """D's logits of real and of fake rows, and how strongly G's loss pulls at a fake one."""

    real: np.ndarray
    fake: np.ndarray
    slope: float
    gradient: float


def judged_by(game: Discriminate, subject: Subject) -> Judged:
    """Show D what is real and what is fake of the held-out rows that samples are compared with."""
    model, judge = subject.model, game.judge
    rows = subject.compared
    given = None if rows.given is None else as_tensor(rows.given, model.device)
    passed = Pass(model, Batch(as_tensor(rows.own, model.device), condition=given), Generated(subject.generator()))
    with torch.no_grad():
        real, fake = judge.real(passed), judge.fake(passed)
        real_logits = judge.logits(model, real, passed.condition)
    fake = fake.detach().requires_grad_()
    logits = judge.logits(model, fake, passed.condition)
    loss = game.value.generator(real_logits, logits)
    (slope,) = torch.autograd.grad(loss.sum(), logits, retain_graph=True)
    (gradient,) = torch.autograd.grad(loss.sum(), fake)
    return Judged(
        real_logits.cpu().numpy().astype(np.float64).ravel(),
        logits.detach().cpu().numpy().astype(np.float64).ravel(),
        float(slope.abs().mean()),
        float(gradient.flatten(1).norm(dim=1).mean()),
    )
