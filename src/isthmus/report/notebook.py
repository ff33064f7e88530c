"""What a notebook shows of a fit: the terms of the loss, first, last and on the way."""

from __future__ import annotations

import numpy as np

from ..training import History
from .charts import CLASSES, number
from .content.learning import learning
from .shell import escape

__all__ = ["history_html"]


def history_html(history: History) -> str:
    """Return a small table that brings its own style, since a notebook has one of its own.

    >>> history_html(History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])).count("<tr>")
    2
    """
    rows = []
    for curve in learning(history):
        for line, (_, values) in curve.lines.items():
            name = curve.term if line == "training" else f"{curve.term}, {line}"
            cells = f"<td>{number(values[0])}</td><td>{_spark(values)}</td><td>{number(values[-1])}</td>"
            rows.append(f"<tr><td style='text-align:left'>{escape(name)}</td>{cells}</tr>")
    head = "<tr><th style='text-align:left'>by epoch</th><th>first</th><th></th><th>last</th></tr>"
    count = f"{len(history)} epoch{'' if len(history) == 1 else 's'}"
    return (
        f"<table style='font-variant-numeric:tabular-nums;margin-top:.5em'><caption style='text-align:left'>{count}"
        f"</caption><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _spark(values: np.ndarray) -> str:
    """Return a curve the size of a word."""
    low, high = float(values.min()), float(values.max())
    y = 18 - 16 * (values - low) / ((high - low) or 1.0)
    x = np.linspace(1, 99, len(values))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        "<svg width='100' height='20' role='img' aria-label='curve'>"
        f"<polyline points='{points}' fill='none' stroke='{CLASSES[0]}' stroke-width='1.5'/></svg>"
    )
