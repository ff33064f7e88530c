"""What a picture is before anything draws it: panels, made of marks, axes and words.

Everything that isthmus shows is one of these. `page` writes them as HTML and SVG, `axes` draws them with matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["CLASSES", "RAMP", "Axis", "Bars", "Chart", "Dots", "Group", "Line", "Matrix", "Picture", "Strip", "Table"]
__all__ += ["Shares", "binned", "histogram", "number"]

CLASSES = ("#3b7dd8", "#e07b39", "#2f9e5f", "#c9453f", "#8f63c9", "#a0694b", "#d765ae", "#8a8f98", "#b0a516", "#1fa3b8")
"""Colours of classes, readable on white and on near-black."""

RAMP = ("#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26")
"""Colours of numbers from small to large: viridis without its ends."""

LOGARITHMIC_RATIO = 30
"""Ratio of the largest to the smallest value beyond which an axis that may be logarithmic is."""


@dataclass(frozen=True)
class Axis:
    """A range and its label; on a logarithmic axis the range is that of the decimal logarithm."""

    low: float
    high: float
    label: str
    log: bool = False
    whole: bool = False

    @classmethod
    def of(cls, label: str, *values: np.ndarray, margin: float = 0.04, log: bool = False, whole: bool = False) -> Axis:
        """Return the axis that holds all values but NaN, with some room; `log` if they are positive and far apart."""
        together = np.concatenate([np.ravel(v) for v in values]).astype(np.float64)
        low, high = float(np.nanmin(together)), float(np.nanmax(together))
        log = log and low > 0 and high > LOGARITHMIC_RATIO * low
        if log:
            low, high, label = math.log10(low), math.log10(high), f"{label}, logarithmic"
        room = margin * (high - low) if high > low else 0.5 * max(abs(high), 1e-9)
        return cls(low - room, high + room, label, log, whole)

    def place(self, values: Any) -> np.ndarray:
        """Return where values stand on the axis, from 0 at its low end to 1 at its high end."""
        x = np.asarray(values, dtype=np.float64)
        placed: np.ndarray = ((np.log10(x) if self.log else x) - self.low) / (self.high - self.low)
        return placed

    def ticks(self, at_most: int = 5) -> np.ndarray:
        """Return round values within the range: 1, 2 or 5 times a power of ten apart, or powers of ten."""
        if self.log:
            decades = np.arange(math.floor(self.low), math.ceil(self.high) + 1)
            fine = np.array([1.0, 2.0, 5.0] if self.high - self.low < 2 else [1.0])
            candidates = np.sort(np.ravel(10.0 ** decades[:, None] * fine))
            inside = candidates[(np.log10(candidates) >= self.low) & (np.log10(candidates) <= self.high)]
            kept: np.ndarray = inside[:: max(1, math.ceil(len(inside) / at_most))]
            return kept
        raw = (self.high - self.low) / at_most
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
        ticks = np.arange(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1) * step
        return np.unique(ticks.round()) if self.whole else ticks


@dataclass(frozen=True)
class Line:
    """A line with its name and colour; a filled one is the outline of an area above zero."""

    x: np.ndarray
    y: np.ndarray
    name: str
    colour: str = CLASSES[0]
    style: Literal["solid", "dashed", "faint", "filled"] = "solid"


@dataclass(frozen=True)
class Dots:
    """Points (N, 2) of one colour."""

    points: np.ndarray
    name: str
    colour: str = CLASSES[0]


@dataclass(frozen=True)
class Chart:
    """Marks on two axes. `alt` says in words what is seen; with `readable`, a pointer reads values off the lines.

    A `ramp` legend shows colours of numbers side by side, the least first. `map_data` is what a page's script needs in
    order to show the sample behind a dot.
    """

    marks: Sequence[Line | Dots]
    x: Axis
    y: Axis
    alt: str
    title: str = ""
    caption: str = ""
    square: bool = False
    readable: bool = False
    ramp: bool = False
    map_data: Mapping[str, Any] | None = None

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Names and colours; none where a single mark needs no name."""
        named = [(mark.name, mark.colour) for mark in self.marks if mark.name or self.ramp]
        return named if len(named) > 1 else []


@dataclass(frozen=True)
class Strip:
    """Tiles (N, H, W, 3) side by side, read like a page."""

    tiles: np.ndarray
    title: str
    columns: int
    caption: str = ""


@dataclass(frozen=True)
class Bars:
    """Shares between 0 and 1 as horizontal bars, the first at the top."""

    names: Sequence[str]
    values: np.ndarray
    alt: str


@dataclass(frozen=True)
class Table:
    """Cells by row, the first of each the row's name; a cell may be a pair: its small heading and its value."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | tuple[str, str]]]


@dataclass(frozen=True)
class Matrix:
    """A number between −1 and 1 for every two of several names, (n, n), as coloured squares."""

    names: Sequence[str]
    values: np.ndarray
    title: str


@dataclass(frozen=True)
class Shares:
    """Shares between 0 and 1 of several names in each of several groups, as bars beneath each other."""

    names: Sequence[str]
    groups: Mapping[str, np.ndarray]
    title: str
    caption: str = ""

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Names and colours of the groups."""
        return list(zip(self.groups, CLASSES, strict=False))

    @property
    def largest(self) -> float:
        """The largest share, which has the longest bar."""
        return max(float(shares.max()) for shares in self.groups.values()) or 1.0


Panel = Chart | Strip | Bars | Table | Matrix | Shares


@dataclass(frozen=True)
class Group:
    """Panels that stand together.

    `layout` is a class of the style sheet: ``"grid"``, ``"grid two"`` or ``"grid wide"`` for panels side by side,
    ``"strips"`` or ``"strips pairs"`` for panels beneath each other that scroll together.
    """

    panels: Sequence[Panel]
    layout: str = ""
    heading: str = ""
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """What a section of a page shows: its first group is the picture itself, the others stand beside it.

    `details` is a question and its answer, a click away.
    """

    name: str
    title: str
    note: str
    groups: Sequence[Group]
    details: tuple[str, str] | None = None


def histogram(groups: Mapping[str, np.ndarray], label: str, caption: str, trim: float) -> Chart:
    """Return the shares of values in bins as a chart, a colour for each group; see `binned`."""
    edges, shares = binned(groups, trim)
    marks = [
        Line(np.repeat(edges, 2)[1:-1], np.repeat(share, 2), name, colour, "filled")
        for (name, share), colour in zip(shares.items(), CLASSES, strict=False)
    ]
    x = Axis(float(edges[0]), float(edges[-1]), label)
    y = Axis(0, 1.08 * max(float(mark.y.max()) for mark in marks), "share of rows")
    return Chart(marks, x, y, f"Histogram of the {label}: {', '.join(groups)}", caption=caption)


def binned(groups: Mapping[str, np.ndarray], trim: float = 0.0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the edges of 2 n^⅓ bins (the Rice rule, 8 to 40) and the share of each group in each bin.

    The smallest and the largest share `trim` of the values are counted in the first and the last bin; NaN is left out.

    >>> edges, shares = binned({"a": np.arange(64.0)})
    >>> len(edges), float(shares["a"].sum())
    (9, 1.0)
    """
    groups = {name: v[~np.isnan(v)] for name, v in groups.items()}
    together = np.concatenate(list(groups.values()))
    low, high = (float(v) for v in np.quantile(together, [trim, 1 - trim]))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    smallest = min(len(values) for values in groups.values())
    edges = np.linspace(low, high, min(40, max(8, round(2 * smallest ** (1 / 3)))) + 1)
    return edges, {name: np.histogram(np.clip(v, low, high), edges)[0] / len(v) for name, v in groups.items()}


def number(value: float) -> str:
    """Return a number as an axis writes it.

    >>> number(1234567.0), number(0.30000000000000004), number(-2.0), number(0.00001)
    ('1.23M', '0.3', '−2', '1e−05')
    """
    v = float(value)
    if v == 0 or not math.isfinite(v):
        return "0" if v == 0 else "–"
    if 1e6 <= abs(v) < 1e9:
        text = f"{v / 1e6:.3g}M"
    else:
        text = f"{v:,.0f}" if 1e4 <= abs(v) < 1e6 else f"{v:.4g}"
    return text.replace("-", "−")
