"""Learning curves by term: the one place that reads a history's columns for a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...history import History

__all__ = ["Curve", "learning"]

NOT_DRAWN = ("epoch", "seconds")
HELD_OUT_PREFIX = "validation_"
COUNTED = {"active_units": "units", "healed": "times"}
"""Columns that are no terms of a loss, and what they count."""

MEAN = "mean a row"


@dataclass(frozen=True)
class Curve:
    """One term: its name and, for training and held-out rows, the epochs (M,) and the means a row (M,), or a count."""

    term: str
    lines: dict[str, tuple[np.ndarray, np.ndarray]]
    unit: str = MEAN


def learning(history: History) -> list[Curve]:
    """Return a curve for each term, held-out beside training, in the order of the history's columns.

    Epochs without a finite value are left out.

    >>> [curve] = learning(History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "validation_loss": 3.0}]))
    >>> curve.term, curve.lines["training"][1].tolist(), curve.lines["held-out"][0].tolist()
    ('loss', [2.0, 1.0], [2])
    """
    terms: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    epochs = history["epoch"] if "epoch" in history.columns else np.arange(1, len(history) + 1)
    for column in history.columns:
        values = np.asarray(history[column], dtype=np.float64)
        finite = np.isfinite(values)
        if column in NOT_DRAWN or not finite.any():
            continue
        line = "held-out" if column.startswith(HELD_OUT_PREFIX) else "training"
        terms.setdefault(column.removeprefix(HELD_OUT_PREFIX), {})[line] = (epochs[finite], values[finite])
    return [Curve(term.replace("_", " "), lines, COUNTED.get(term, MEAN)) for term, lines in terms.items()]
