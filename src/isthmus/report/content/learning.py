"""Learning curves by term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...training import History

__all__ = ["Curve", "learning"]

_ASIDE = ("epoch", "seconds")
_HELD_OUT = "validation_"
_COUNTS = {"active_units": "units", "healed": "times"}
"""Columns that are no terms of a loss, and what they count."""


@dataclass(frozen=True)
class Curve:
    """One term: its name, and for training and held-out rows the epochs (M,) and the means a row (M,), or a count."""

    term: str
    lines: dict[str, tuple[np.ndarray, np.ndarray]]
    unit: str = "mean a row"


def learning(history: History) -> list[Curve]:
    """Return a curve a term, held-out beside training, in the order of the history's columns; epochs without a finite
    value are left out.

    >>> [curve] = learning(History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "validation_loss": 3.0}]))
    >>> curve.term, curve.lines["training"][1].tolist(), curve.lines["held-out"][0].tolist()
    ('loss', [2.0, 1.0], [2])
    """
    terms: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    epochs = history["epoch"] if "epoch" in history.columns else np.arange(1, len(history) + 1)
    for column in history.columns:
        if column in _ASIDE:
            continue
        values = np.asarray(history[column], dtype=np.float64)
        finite = np.isfinite(values)
        if not finite.any():
            continue
        line = "held-out" if column.startswith(_HELD_OUT) else "training"
        terms.setdefault(column.removeprefix(_HELD_OUT), {})[line] = (epochs[finite], values[finite])
    return [Curve(term.replace("_", " "), lines, _COUNTS.get(term, "mean a row")) for term, lines in terms.items()]
