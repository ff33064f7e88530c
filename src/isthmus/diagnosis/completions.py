"""Hidden cells: what a model that was trained to predict them makes of them, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..look import Rows as TableRows
from ..subsets import even_subset

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["Completions", "completions_of"]

HIDDEN_SHARE = 0.2
"""The share of known cells that are hidden."""

MOST_ROWS = 1_000
"""The largest number of held-out rows whose cells are hidden."""

FEWEST_CELLS = 20
"""The number of hidden cells of a column without which it is not judged."""


class Completions(NamedTuple):
    """Errors on hidden cells of each column, beside those of a guess that does not look at the row.

    Attributes
    ----------
    rows : the number of rows.
    judged : the indices of columns with enough hidden cells, (k,).
    categories : which of these are categories, (k,).
    errors, guessed : of a category, the share of wrong levels, and that of the commonest level; of a number, the root
        mean squared error over the column's standard deviation, and that of the mean; (k,).
    worse : by how many standard errors the model's loss exceeds that of the guess, (k,); negative if it is better.
    """

    rows: int
    judged: np.ndarray
    categories: np.ndarray
    errors: np.ndarray
    guessed: np.ndarray
    worse: np.ndarray


def completions_of(subject: Subject) -> Completions | None:
    """Hide some cells of held-out rows, complete them, and compare with what was there."""
    look = subject.look
    if not subject.hides or not isinstance(look, TableRows) or not hasattr(subject.estimator, "complete"):
        return None
    held = subject.held_out.some(even_subset(len(subject.held_out), MOST_ROWS))
    x = np.asarray(held.own, dtype=np.float64)
    hidden = (subject.random().random(x.shape) < HIDDEN_SHARE) & ~np.isnan(x)
    asked = {} if held.asked is None else {"condition": held.asked}
    completed = np.asarray(subject.estimator.complete(np.where(hidden, np.nan, x), **asked), dtype=np.float64)
    known = np.asarray(subject.known.own, dtype=np.float64)
    judged = np.flatnonzero((hidden.sum(0) >= FEWEST_CELLS) & ~np.isnan(known).all(0))
    found = [
        _of_column(
            x[hidden[:, j], j], completed[hidden[:, j], j], known[~np.isnan(known[:, j]), j], j in look.categories
        )
        for j in judged
    ]
    errors, guessed, worse = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return Completions(len(x), judged, np.isin(judged, look.categories), errors, guessed, worse)


def _of_column(x: np.ndarray, completed: np.ndarray, known: np.ndarray, category: bool) -> tuple[float, float, float]:
    """Return the model's error, that of a guess, and by how many standard errors the first exceeds the second."""
    if category:
        levels, counts = np.unique(known, return_counts=True)
        losses = (np.rint(completed) != x).astype(float), (levels[counts.argmax()] != x).astype(float)
        errors = [float(loss.mean()) for loss in losses]
    else:
        scale = float(known.std()) or 1.0
        losses = ((completed - x) / scale) ** 2, ((known.mean() - x) / scale) ** 2
        errors = [float(loss.mean() ** 0.5) for loss in losses]
    difference = losses[0] - losses[1]
    error = float(difference.std(ddof=1)) / len(x) ** 0.5
    mean = float(difference.mean())
    return errors[0], errors[1], mean / error if error > 0 else 0.0
