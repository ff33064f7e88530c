"""Pictures on matplotlib's axes: the same panels that `page` writes as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ..errors import MissingExtraError
from .pictures import CLASSES, Bars, Chart, Line, Matrix, Panel, Picture, Strip, number
from .rasters import montage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "picture_figure"]

INK, MUTED = "#1b2a38", "#7b8794"

STYLE: dict[str, Any] = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 130,
}

STYLES = {"solid": "-", "filled": "-", "dashed": "--", "faint": "-"}
"""How matplotlib names the style of a line."""


def draw(picture: Picture, ax: Axes | None) -> Axes:
    """Draw a picture's first group on axes, or on a new figure; several charts share the axes' room as insets.

    Raises
    ------
    MissingExtraError : matplotlib is not installed.
    """
    panels = picture.groups[0].panels
    with styled():
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots(figsize=(7.2, height_of(panels)), layout="tight")[1]
        draw_panels(panels, ax)
        if not ax.get_title("left"):
            ax.set_title(plain(picture.title), loc="left")
    return ax


def picture_figure(picture: Picture) -> Figure:
    """Return a picture's first group as a figure of its own, which no window shows."""
    with styled():
        from matplotlib.figure import Figure

        panels = picture.groups[0].panels
        figure = Figure(figsize=(8, height_of(panels)), layout="tight")
        draw_panels(panels, figure.subplots())
    return figure


@contextmanager
def styled() -> Iterator[None]:
    """Draw in isthmus's style within this block."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError("matplotlib", "plots", "drawing pictures") from None
    with mpl.rc_context(cast(Any, STYLE)):
        yield


def height_of(panels: Sequence[Panel]) -> float:
    """Return the height in inches that panels want on a figure of usual width."""
    if all(isinstance(panel, Strip) for panel in panels):
        shapes = [montage(panel.tiles, panel.columns).shape for panel in panels if isinstance(panel, Strip)]
        return 0.5 + sum(6.0 * int(h) / int(w) for h, w, _ in shapes)
    return 4.0 if len(panels) == 1 else 2.4 * math.ceil(len(panels) / 3)


def draw_panels(panels: Sequence[Panel], ax: Axes) -> None:
    """Draw strips beneath each other, one chart or bars on the axes themselves, several charts on insets."""
    strips = [panel for panel in panels if isinstance(panel, Strip)]
    charts = [panel for panel in panels if isinstance(panel, Chart)]
    if strips:
        draw_strips(strips, ax)
    elif len(charts) == 1:
        draw_chart(charts[0], ax)
    elif charts:
        draw_insets(charts, ax)
    for panel in panels:
        if isinstance(panel, Matrix):
            ax.imshow(panel.values, cmap="RdBu_r", vmin=-1, vmax=1)
            ax.set_title(plain(panel.title), loc="left")
        if isinstance(panel, Bars):
            ax.barh([plain(name) for name in panel.names[::-1]], panel.values[::-1], color=CLASSES[0])
            ax.set_xlabel(panel.alt)


def draw_insets(charts: Sequence[Chart], ax: Axes) -> None:
    """Draw charts on a grid of insets; a legend that all have in common stands once, above them."""
    columns, lines = min(3, len(charts)), math.ceil(len(charts) / 3)
    common = all(chart.legend == charts[0].legend for chart in charts)
    ax.set_axis_off()
    for i, chart in enumerate(charts):
        left, bottom = (i % columns) / columns, 1 - (i // columns + 1) / lines
        inset = ax.inset_axes((left + 0.06, bottom + 0.2 / lines, 0.92 / columns - 0.06, 0.66 / lines))
        draw_chart(chart, inset, "none" if common else "small")
        if i % columns:
            inset.set_ylabel("")
        if common and i == 0 and chart.legend:
            ax.legend(*inset.get_legend_handles_labels(), loc="lower right", bbox_to_anchor=(1, 1), ncols=4)


def draw_strips(strips: Sequence[Strip], ax: Axes) -> None:
    """Draw strips of tiles beneath each other, each with its title to the left."""
    sheets = [montage(strip.tiles, strip.columns) for strip in strips]
    width = max(sheet.shape[1] for sheet in sheets)
    page = [np.pad(sheet, ((0, 2), (0, width - sheet.shape[1]), (0, 0))) for sheet in sheets]
    ends = np.cumsum([len(sheet) for sheet in page])
    ax.margins(0)
    ax.imshow(np.concatenate(page), interpolation="nearest")
    ax.set_xticks([])
    titles = [plain(strip.title.partition(":")[0].partition(",")[0]) for strip in strips]
    ax.set_yticks([end - len(sheet) / 2 - 1 for end, sheet in zip(ends, page, strict=True)], titles, fontsize=9)
    ax.tick_params(length=0, labelcolor=INK)
    ax.spines[:].set_visible(False)


def draw_chart(chart: Chart, ax: Axes, legend: Literal["above", "small", "none"] = "above") -> None:
    """Draw a chart's marks, axes and words; its legend above it, small within it, or not at all."""
    from matplotlib.ticker import NullLocator

    for mark in chart.marks:
        colour = INK if mark.colour == "currentColor" else mark.colour
        name = plain(mark.name) or None
        if not isinstance(mark, Line):
            ax.plot(*mark.points.T, ".", ms=4, color=colour, alpha=0.8, label=name)
            continue
        alpha = 0.4 if mark.style == "faint" else 1.0
        marker = "." if len(mark.x) == 1 else None
        ax.plot(mark.x, mark.y, STYLES[mark.style], marker=marker, lw=1.2, color=colour, alpha=alpha, label=name)
        if mark.style == "filled":
            ax.fill_between(mark.x, mark.y, color=colour, alpha=0.2, lw=0)
    for axis, name in ((chart.x, "x"), (chart.y, "y")):
        ticks = axis.ticks()
        ends = [10.0**end if axis.log else end for end in (axis.low, axis.high)]
        scale = {f"{name}scale": "log"} if axis.log else {}
        ax.set(**scale, **{f"{name}lim": ends, f"{name}label": plain(axis.label)})
        side = ax.xaxis if name == "x" else ax.yaxis
        side.set_ticks(ticks, [number(v) for v in ticks])
        side.set_minor_locator(NullLocator())
    ax.set_title(plain(chart.title), loc="left")
    if chart.ramp:
        draw_ramp(chart, ax)
    elif chart.legend and legend == "above":
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2)
    elif chart.legend and legend == "small":
        ax.legend(fontsize=6, loc="best")


def draw_ramp(chart: Chart, ax: Axes) -> None:
    """Draw the colours of numbers as a bar beside a chart, its ends named."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap

    names, colours = zip(*chart.legend, strict=True)
    bar = ax.figure.colorbar(ScalarMappable(cmap=ListedColormap(list(colours))), ax=ax, pad=0.02)
    bar.set_ticks([0, 1], labels=[plain(names[0]), plain(names[-1])])
    bar.outline.set_visible(False)


def plain(name: str) -> str:
    """Return a name as matplotlib may draw it: no longer than there is room for, its $ no formula."""
    return (name if len(name) <= 40 else name[:39] + "…").replace("$", r"\$")
