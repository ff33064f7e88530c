"""A table's columns: how each is distributed in real rows and in samples, and how they go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...diagnosis import Subject
from ...look import Rows
from ...metrics import correlations
from ...metrics.tables import column_shapes

__all__ = ["TableColumns", "table_columns"]

SHOWN = 12
"""Columns whose distributions are shown, at most: those that are farthest from the real ones."""

PAIRS = 3
"""Pairs of columns that are named, those whose correlation differs most."""


@dataclass(frozen=True)
class TableColumns:
    """Columns of held-out rows beside those of what a model makes.

    Attributes
    ----------
    of : what the model makes, "samples" or "reconstructions".
    names : of all columns.
    shown : the columns whose values are shown, by their place, the farthest first.
    real, made : values of all columns in the data's units, (N, n) and (M, n).
    distances : between their distribution functions, (n,).
    real_correlations, made_correlations : (n, n).
    pairs : places of the pairs of columns whose correlations differ most.
    categories : the places of columns that are categories.
    """

    of: str
    names: list[str]
    shown: np.ndarray
    real: np.ndarray
    made: np.ndarray
    distances: np.ndarray
    real_correlations: np.ndarray
    made_correlations: np.ndarray
    pairs: list[tuple[int, int]]
    categories: list[int]


def table_columns(subject: Subject) -> TableColumns | None:
    """Return columns of held-out rows beside those of samples, or of reconstructions where the model draws none."""
    if not isinstance(subject.look, Rows):
        return None
    if subject.drawn is not None:
        of, rows, made = "samples", subject.compared, subject.drawn
    elif subject.reconstructs:
        of, rows, made = "reconstructions", subject.held_out, subject.own_units(subject.held_out.x_hat)
    else:
        return None
    real, made = (np.asarray(X, dtype=np.float64).reshape(len(X), -1) for X in (rows.own, made))
    categories = subject.look.categories
    distances = 1 - column_shapes(real, made, categories)
    plain = np.array([j for j in range(real.shape[1]) if j not in categories], dtype=np.int64)
    of_made, of_real = (_correlations(subject.look.flat(x), plain) for x in (made, real))
    gaps = np.triu(np.abs(of_made - of_real), 1)
    order = np.argsort(-gaps, axis=None, kind="stable")[: PAIRS if len(plain) > 2 else max(0, len(plain) - 1)]
    places = [divmod(int(i), len(gaps)) for i in order]
    shown = np.argsort(-distances, kind="stable")[:SHOWN]
    names = subject.look.names
    return TableColumns(of, names, shown, real, made, distances, of_real, of_made, places, categories)


def _correlations(x: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Return the correlations of the columns that are numbers; 0 for every pair with another."""
    found = np.eye(x.shape[1])
    if len(plain):
        found[np.ix_(plain, plain)] = correlations(x[:, plain])
    return found
