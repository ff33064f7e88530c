"""Exact log-likelihoods of held-out rows and of training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..metrics import Area, area_under_curve
from ..subsets import even_subset
from .held import Rows

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["Scored", "scored_of"]

HELD_OUT_ROWS, TRAINING_ROWS = 2_000, 1_000
"""The largest numbers of rows that are scored."""


class Scored(NamedTuple):
    """Log p(x) in nats of held-out rows, and of training rows if there are any."""

    rows: Rows
    held_out: np.ndarray
    training: np.ndarray | None

    @property
    def area(self) -> Area | None:
        """The probability that a training row is likelier under the model than a held-out row, with its interval."""
        return None if self.training is None else area_under_curve(self.training, self.held_out)


def scored_of(subject: Subject) -> Scored | None:
    """Score held-out and training rows; None unless the model has an exact likelihood."""
    if "likelihood" not in subject.fitted.abilities:
        return None

    def scores(rows: Rows) -> np.ndarray:
        asked = {} if rows.asked is None else {"condition": rows.asked}
        return np.asarray(subject.estimator.score_samples(rows.own, **asked), dtype=np.float64)

    rows = subject.held_out.some(even_subset(len(subject.held_out), HELD_OUT_ROWS))
    training = subject.training
    some = None if training is None else training.some(even_subset(len(training), TRAINING_ROWS))
    return Scored(rows, scores(rows), None if some is None else scores(some))
