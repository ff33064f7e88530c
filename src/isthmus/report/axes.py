"""The pictures of a report on matplotlib axes, from the same content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import MissingExtraError
from .charts import CLASSES, binned
from .content import Colouring, Curve, Filters, LatentMap, Look, Reconstructions, Samples, Scores, Traversal
from .content.rows import SHOWN
from .rasters import diverging, grey, montage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ACCENT", "draw_strips", "styled", "weight_tiles"]

INK, MUTED, ACCENT = "#1b2a38", "#7b8794", "#0b6e75"

ABOVE: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2, "borderaxespad": 0.2}
BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
"""Legends stand outside, where they hide nothing."""

_STYLE: dict[str, Any] = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "figure.dpi": 130,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in isthmus's style within this block.

    Raises
    ------
    MissingExtraError : matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError("matplotlib", "plots", "drawing pictures") from None
    with mpl.rc_context(cast(Any, _STYLE)):
        yield


def _word(name: str) -> str:
    """Return a name of the data as matplotlib may draw it: no longer than there is room for, its $ no formula."""
    return (name if len(name) <= 40 else name[:39] + "…").replace("$", r"\$")


def new_axes(width: float = 6.4, height: float = 4.0) -> Axes:
    """Return axes on a figure of their own."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def draw_strips(ax: Axes, strips: Sequence[tuple[str, np.ndarray]], columns: int) -> Axes:
    """Draw strips of tiles (N, H, W, 3) beneath each other, each with its name to the left."""
    sheets = [montage(tiles, columns) for _, tiles in strips]
    gap = np.zeros((2, *sheets[0].shape[1:]), np.uint8)
    page, centres, top = [], [], 0
    for sheet in sheets:
        page += [sheet, gap]
        centres.append(top + sheet.shape[0] / 2)
        top += sheet.shape[0] + 2
    ax.margins(0)
    ax.imshow(np.concatenate(page[:-1]), interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks(centres, [name for name, _ in strips])
    ax.tick_params(length=0, labelcolor=INK)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def draw_offset_lines(ax: Axes, panels: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]]) -> Axes:
    """Draw series beneath each other: each panel a name and lines (name, values) over one another."""
    step = 1.1 * max(float(np.ptp(v)) for _, lines in panels for _, v in lines) or 1.0
    for i, (_, lines) in enumerate(panels):
        for j, (name, values) in enumerate(lines):
            label = name if i == 0 else None
            ax.plot(values - float(np.mean(lines[0][1])) - i * step, lw=1, color=CLASSES[j], label=label)
    ax.set_yticks([-i * step for i in range(len(panels))], [name for name, _ in panels])
    ax.set_xlabel("position")
    if len(panels[0][1]) > 1:
        ax.legend(**ABOVE)
    return ax


def draw_learning(ax: Axes, curves: Sequence[Curve]) -> Axes:
    """Draw every term of the losses by epoch, held-out rows dashed; on a logarithmic axis if all is positive."""
    curves = [curve for curve in curves if curve.unit == "mean a row"]
    for i, curve in enumerate(curves):
        for line, (epochs, values) in curve.lines.items():
            held_out = line == "held-out"
            ax.plot(
                epochs,
                values,
                "--" if held_out else "-",
                color=CLASSES[i % len(CLASSES)],
                marker="." if len(epochs) == 1 else None,
                label=f"{curve.term}, held-out" if held_out else curve.term,
            )
    if all((values > 0).all() for curve in curves for _, values in curve.lines.values()):
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("mean a row")
    ax.legend(**BESIDE)
    return ax


def draw_reconstructions(ax: Axes, made: Reconstructions, look: Look) -> Axes:
    """Draw originals, inputs, outputs and errors of images; series over one another; the worst columns of rows."""
    if look.kind == "images":
        strips = [("originals", grey(made.originals, look.limits))]
        if made.inputs is not None:
            strips.append(("inputs", grey(made.inputs, look.limits)))
        strips.append(("outputs", grey(made.outputs, look.limits)))
        difference = np.asarray(made.outputs, dtype=np.float64) - made.originals
        return draw_strips(ax, [*strips, ("errors", diverging(difference))], len(made.rows))
    if look.kind == "series":
        x, x_hat = look.flat(made.originals), look.flat(made.outputs)
        panels = [(f"row {row}", [("original", x[i]), ("output", x_hat[i])]) for i, row in enumerate(made.rows)]
        return draw_offset_lines(ax, panels[::2])
    lost = (1 - made.r2[made.worst])[::-1]
    ax.barh([_word(look.names[i]) for i in made.worst[::-1]], lost, color=ACCENT)
    ax.set_xlabel("share of the variance lost, 1 − R²")
    return ax


def draw_map(ax: Axes, latent: LatentMap, colouring: Colouring | None) -> Axes:
    """Draw the codes, coloured by class or by number."""
    x, y = latent.points.T
    if colouring is None:
        ax.plot(x, y, ".", ms=4, color=ACCENT, alpha=0.7)
    elif colouring.classes is not None:
        for i, name in enumerate(colouring.classes):
            chosen = colouring.values == i
            ax.plot(x[chosen], y[chosen], ".", ms=4, color=CLASSES[i % len(CLASSES)], alpha=0.8, label=_word(name))
        ax.legend(title=colouring.name, **BESIDE)
    else:
        low, high = np.quantile(colouring.values, [0.02, 0.98])
        dots = ax.scatter(x, y, s=6, c=colouring.values, vmin=low, vmax=high, cmap="viridis", lw=0)
        ax.figure.colorbar(dots, ax=ax, label=colouring.name)
    ax.set_xlabel(latent.axes[0])
    ax.set_ylabel(latent.axes[1])
    return ax


def draw_traversals(ax: Axes, found: Sequence[Traversal], look: Look) -> Axes:
    """Draw images from one end of each unit to the other; of series and rows, how far the ends lie apart."""
    if look.kind == "images":
        strips = [(f"unit {t.unit}", grey(t.outputs, look.limits)) for t in found]
        return draw_strips(ax, strips, len(found[0].outputs))
    apart = np.stack([np.subtract(*look.flat(t.outputs[[-1, 0]])) for t in found])
    if look.kind == "series":
        return draw_offset_lines(ax, [(f"unit {t.unit}", [("change", a)]) for t, a in zip(found, apart, strict=True)])
    most = np.sort(np.argsort(-np.abs(apart).max(0), kind="stable")[:20])
    size = float(np.abs(apart).max()) or 1.0
    shown = ax.imshow(apart[:, most], cmap="RdBu_r", vmin=-size, vmax=size, aspect="auto")
    ax.set_xticks(range(len(most)), [_word(look.names[i]) for i in most], rotation=90)
    ax.set_yticks(range(len(found)), [f"unit {t.unit}" for t in found])
    ax.figure.colorbar(shown, ax=ax, label="change in σ of the column")
    return ax


def draw_samples(ax: Axes, made: Samples, look: Look) -> Axes:
    """Draw samples, each above the row nearest to it; of rows, a cloud over real ones."""
    if look.kind == "images":
        strips = []
        for start in range(0, len(made.shown), SHOWN):
            strips.append(("samples", grey(made.shown[start : start + SHOWN], look.limits)))
            if made.nearest is not None:
                strips.append((f"nearest {made.of}", grey(made.nearest[start : start + SHOWN], look.limits)))
        return draw_strips(ax, strips, SHOWN)
    if look.kind == "series":
        new, old = look.flat(made.shown), None if made.nearest is None else look.flat(made.nearest)
        beside = [[] if old is None else [(f"nearest {made.of}", old[i])] for i in range(len(new))]
        return draw_offset_lines(
            ax, [(f"sample {i}", [("sample", new[i]), *beside[i]]) for i in range(min(5, len(new)))]
        )
    if made.real_points is not None:
        ax.plot(*made.real_points.T, ".", ms=3, color=MUTED, label="real")
    assert made.sample_points is not None
    ax.plot(*made.sample_points.T, ".", ms=3, color=CLASSES[1], label="samples")
    ax.set_xlabel(_word(made.axes[0]))
    ax.set_ylabel(_word(made.axes[1]))
    ax.legend(**ABOVE)
    return ax


def draw_scores(ax: Axes, made: Scores) -> Axes:
    """Draw a histogram a group."""
    edges, shares = binned(made.groups, 0.01)
    for (name, share), colour in zip(shares.items(), CLASSES, strict=False):
        ax.stairs(share, edges, color=colour, fill=True, alpha=0.25)
        ax.stairs(share, edges, color=colour, label=name)
    ax.set_xlabel(made.what)
    ax.set_ylabel("share of rows")
    ax.legend(**ABOVE)
    return ax


def weight_tiles(weights: np.ndarray) -> np.ndarray:
    """Return weights (units, H, W) as tiles, each on its own scale."""
    largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
    return diverging(weights / np.where(largest > 0, largest, 1), 1.0)


def draw_filters(ax: Axes, made: Filters) -> Axes:
    """Draw a picture or a curve a unit."""
    if made.weights.ndim == 3:
        return draw_strips(ax, [(made.of, weight_tiles(made.weights))], 12)
    return draw_offset_lines(ax, [(f"{i}", [("weight", w)]) for i, w in enumerate(made.weights[:8])])
