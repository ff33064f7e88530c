"""Charts as inline SVG that needs no script.

Marks are drawn in a square of 1000 × 1000 that is stretched to whatever room there is, strokes and dots keeping their
size; words stand beside it as HTML, so that they stay as large as text on a phone and on paper.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .shell import escape

__all__ = [
    "CLASSES",
    "RAMP",
    "Axis",
    "Dots",
    "Line",
    "bars",
    "binned",
    "chart",
    "dots_path",
    "histogram",
    "number",
    "ramp_index",
]

CLASSES = (
    "#3b7dd8",
    "#e07b39",
    "#2f9e5f",
    "#c9453f",
    "#8f63c9",
    "#a0694b",
    "#d765ae",
    "#8a8f98",
    "#b0a516",
    "#1fa3b8",
)
"""Colours of classes, readable on white and on near-black."""

RAMP = ("#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26")
"""Colours of numbers, small to large (viridis without its ends)."""

SIDE = 1000

FAR = 30
"""Ratio of largest to smallest value beyond which a learning curve is drawn on a logarithmic axis."""


@dataclass(frozen=True)
class Axis:
    """A range and its label; on a logarithmic axis the range is that of the decimal logarithm."""

    low: float
    high: float
    label: str
    log: bool = False

    @classmethod
    def of(cls, label: str, *values: np.ndarray, margin: float = 0.04, log: bool = False) -> Axis:
        """Return the axis that holds all values, with a little room; `log` where they are positive and far apart."""
        together = np.concatenate([np.ravel(v) for v in values]).astype(np.float64)
        low, high = float(together.min()), float(together.max())
        log = log and low > 0 and high > FAR * low
        if log:
            low, high, label = math.log10(low), math.log10(high), f"{label}, logarithmic"
        room = margin * (high - low) if high > low else 0.5 * max(abs(high), 1e-9)
        return cls(low - room, high + room, label, log)

    def place(self, values: Any) -> np.ndarray:
        """Return values on 0 to 1000."""
        x = np.asarray(values, dtype=np.float64)
        placed: np.ndarray = ((np.log10(x) if self.log else x) - self.low) / (self.high - self.low) * SIDE
        return placed

    def ticks(self, at_most: int = 5) -> np.ndarray:
        """Return round values within the range: 1, 2 or 5 times a power of ten apart, or on a logarithmic axis such."""
        if self.log:
            decades = np.arange(math.floor(self.low), math.ceil(self.high) + 1)
            fine = np.array([1.0, 2.0, 5.0] if self.high - self.low < 2 else [1.0])
            all_of = np.sort(np.ravel(10.0 ** decades[:, None] * fine))
            inside = all_of[(np.log10(all_of) >= self.low) & (np.log10(all_of) <= self.high)]
            kept: np.ndarray = inside[:: max(1, math.ceil(len(inside) / at_most))]
            return kept
        raw = (self.high - self.low) / at_most
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return np.arange(first, last + 1) * step


@dataclass(frozen=True)
class Line:
    """A line (or the outline of a histogram, filled) with its name and colour."""

    x: np.ndarray
    y: np.ndarray
    name: str
    colour: str = CLASSES[0]
    filled: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Dots:
    """Points (N, 2) of one colour."""

    points: np.ndarray
    name: str
    colour: str = CLASSES[0]


def chart(
    marks: Sequence[Line | Dots],
    x: Axis,
    y: Axis,
    alt: str,
    *,
    legend: bool = True,
    square: bool = False,
    hover: bool = False,
    attributes: str = "",
    whole: bool = False,
) -> str:
    """Return a chart: `whole` says that x counts, `hover` that its lines can be read off with pointer or arrow keys."""
    xs, ys = x.ticks(), y.ticks()
    if whole:
        xs = np.unique(xs.round())
    grid = "".join(f"M0 {SIDE - v:.0f}H{SIDE}" for v in y.place(ys))
    body = "".join(_mark(mark, x, y) for mark in marks)
    names = [(mark.name, mark.colour) for mark in marks if mark.name]
    key = _legend(names) if legend and len(names) > 1 else ""
    widest = max((number(v) for v in ys), key=len, default="")
    left = "".join(
        f'<span style="top:{100 - v / 10:.2f}%">{number(t)}</span>' for t, v in zip(ys, y.place(ys), strict=True)
    )
    below = "".join(
        f'<span style="left:{v / 10:.2f}%">{number(t)}</span>' for t, v in zip(xs, x.place(xs), strict=True)
    )
    data = f" data-lines='{_lines(marks, x, y)}' tabindex=\"0\"" if hover else ""
    return (
        f'<div class="chart{" square" if square else ""}"{data}{attributes} role="img" aria-label="{escape(alt)}">{key}'
        f'<div class="ylabel">{escape(y.label)}</div><div class="frame"><div class="yticks"><b>{widest}</b>{left}</div>'
        f'<div class="plot"><svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{grid}"/>{body}</svg></div>'
        f'<div class="xticks">{below}</div></div><div class="xlabel">{escape(x.label)}</div></div>'
    )


def _mark(mark: Line | Dots, x: Axis, y: Axis) -> str:
    if isinstance(mark, Dots):
        return dots_path(x.place(mark.points[:, 0]), SIDE - y.place(mark.points[:, 1]), mark.colour)
    px, py = x.place(mark.x), SIDE - y.place(mark.y)
    points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(px, py, strict=True))
    css = "line faint" if mark.faint else "line"
    drawn = f'<path class="{css}" stroke="{mark.colour}" d="M{points}"/>'
    if len(px) == 1:
        return dots_path(px, py, mark.colour)
    if mark.filled:
        base = SIDE - float(y.place(np.array([max(0.0, y.low)]))[0])
        area = f"M{px[0]:.1f} {base:.1f}L{points}L{px[-1]:.1f} {base:.1f}Z"
        drawn = f'<path class="fill" style="fill:{mark.colour}" d="{area}"/>{drawn}'
    return drawn


def dots_path(px: np.ndarray, py: np.ndarray, colour: str) -> str:
    """Return dots as one path of lines of no length with round ends."""
    d = "".join(f"M{a:.0f} {b:.0f}h0" for a, b in zip(px, py, strict=True))
    return f'<path class="dots" stroke="{colour}" d="{d}"/>'


def _lines(marks: Sequence[Line | Dots], x: Axis, y: Axis) -> str:
    """Return what the script reads off: for each line its name, colour, places and values as written."""
    found = [
        {
            "name": m.name,
            "colour": m.colour,
            "x": [round(float(v) / SIDE, 4) for v in x.place(m.x)],
            "y": [round(1 - float(v) / SIDE, 4) for v in y.place(m.y)],
            "at": [number(v) for v in m.x],
            "value": [number(v) for v in m.y],
        }
        for m in marks
        if isinstance(m, Line)
    ]
    return escape(json.dumps({"axis": x.label, "lines": found}, ensure_ascii=False, separators=(",", ":")))


def _legend(names: Sequence[tuple[str, str]]) -> str:
    items = "".join(f'<li><i style="background:{colour}"></i>{escape(name)}</li>' for name, colour in names)
    return f'<ul class="legend">{items}</ul>'


def histogram(groups: dict[str, np.ndarray], label: str, alt: str, trim: float = 0.0) -> str:
    """Return the shares of values in bins as a chart, a group a colour; see `binned`."""
    edges, shares = binned(groups, trim)
    marks = []
    for (name, share), colour in zip(shares.items(), CLASSES, strict=False):
        marks.append(Line(np.repeat(edges, 2)[1:-1], np.repeat(share, 2), name, colour, filled=True))
    top = max(float(mark.y.max()) for mark in marks)
    x, y = Axis(float(edges[0]), float(edges[-1]), label), Axis(0, 1.08 * top, "share of rows")
    return chart(marks, x, y, alt)


def binned(groups: dict[str, np.ndarray], trim: float = 0.0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return edges of 2 n^⅓ bins (the Rice rule, 8 to 40) and each group's shares; a share `trim` goes into either end.

    >>> edges, shares = binned({"a": np.arange(64.0)})
    >>> len(edges), shares["a"].sum()
    (9, np.float64(1.0))
    """
    together = np.concatenate(list(groups.values()))
    low, high = (float(v) for v in np.quantile(together, [trim, 1 - trim]))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    smallest = min(len(values) for values in groups.values())
    edges = np.linspace(low, high, min(40, max(8, round(2 * smallest ** (1 / 3)))) + 1)
    return edges, {name: np.histogram(np.clip(v, low, high), edges)[0] / len(v) for name, v in groups.items()}


def bars(names: Sequence[str], values: Sequence[float], texts: Sequence[str], alt: str) -> str:
    """Return horizontal bars of shares in [0, 1], a line each, with its value written out."""
    rows = "".join(
        f'<div class="bar"><span title="{escape(name)}">{escape(name)}</span>'
        f'<i><b style="width:{100 * min(1, max(0, value)):.1f}%"></b></i><em>{escape(text)}</em></div>'
        for name, value, text in zip(names, values, texts, strict=True)
    )
    return f'<div class="bars" role="img" aria-label="{escape(alt)}">{rows}</div>'


def number(value: float) -> str:
    """Return a number as an axis writes it.

    >>> number(1234567.0), number(0.30000000000000004), number(-2.0), number(0.00001)
    ('1.23M', '0.3', '−2', '1e−05')
    """
    v = float(value)
    if v == 0 or not math.isfinite(v):
        return "0" if v == 0 else "–"
    if abs(v) >= 1e6 and abs(v) < 1e9:
        text = f"{v / 1e6:.3g}M"
    elif abs(v) >= 1e4 and abs(v) < 1e6:
        text = f"{v:,.0f}"
    else:
        text = f"{v:.4g}"
    return text.replace("-", "−")


def ramp_index(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the colour of each number by where it lies between the 2nd and the 98th percentile, and these two."""
    finite = values[np.isfinite(values)]
    low, high = (float(v) for v in np.quantile(finite, [0.02, 0.98])) if len(finite) else (0.0, 0.0)
    if not high > low:
        return np.zeros(len(values), dtype=np.int64), low, high
    place = np.nan_to_num((values - low) / (high - low), nan=0.0, posinf=1.0, neginf=0.0)
    return np.clip((place * len(RAMP)).astype(np.int64), 0, len(RAMP) - 1), low, high
