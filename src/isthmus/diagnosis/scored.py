"""Exact log-likelihoods of held-out rows and of training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ..binned_units import BinnedUnits
from ..metrics import Area, area_under_curve
from ..subsets import even_subset
from .held import Rows

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["Scored", "scored_of"]

HELD_OUT_ROWS, TRAINING_ROWS = 2_000, 1_000
"""The largest numbers of rows that are scored."""


class Scored(NamedTuple):
    """Log p(x) in nats of held-out rows, and of training rows if there are any.

    Attributes
    ----------
    rows : the held-out rows.
    held_out, training : log p(x).
    by_network : the same without the densities of values within their bins, which are those of the training values:
        what the network says of held-out and of training rows; None without training rows.
    """

    rows: Rows
    held_out: np.ndarray
    training: np.ndarray | None
    by_network: tuple[np.ndarray, np.ndarray] | None

    @property
    def area(self) -> Area | None:
        """The probability that the network finds a training row likelier than a held-out row, with its interval."""
        return None if self.by_network is None else area_under_curve(self.by_network[1], self.by_network[0])


def scored_of(subject: Subject) -> Scored | None:
    """Score held-out and training rows; None unless the model has an exact likelihood."""
    if "likelihood" not in subject.fitted.abilities:
        return None

    def scores(rows: Rows) -> np.ndarray:
        asked = {} if rows.asked is None else {"condition": rows.asked}
        return np.asarray(subject.estimator.score_samples(rows.own, **asked), dtype=np.float64)

    rows = subject.held_out.some(even_subset(len(subject.held_out), HELD_OUT_ROWS))
    held_out = scores(rows)
    if subject.training is None:
        return Scored(rows, held_out, None, None)
    some = subject.training.some(even_subset(len(subject.training), TRAINING_ROWS))
    training = scores(some)
    by_network = held_out - _within_bins(subject, rows), training - _within_bins(subject, some)
    return Scored(rows, held_out, training, by_network)


def _within_bins(subject: Subject, rows: Rows) -> np.ndarray:
    """Return the log-densities of the values of rows within their bins, (N,); 0 if the likelihood has no bins."""
    units = subject.model.scaling
    if not isinstance(units, BinnedUnits):
        return np.zeros(len(rows))
    x = torch.as_tensor(np.asarray(rows.own, dtype=np.float64), device=units.edges.device).to(units.edges.dtype)
    known = units.has_gap | ~x.flatten(1).isnan()
    found: np.ndarray = torch.where(known, units.log_share(x), 0.0).sum(1).cpu().numpy()
    return found
