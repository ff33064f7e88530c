"""Content as pictures, in reading order; a picture that has nothing to show is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..look import Images, Look, Rows
from .content import Content
from .content.codes import Colouring, Filters, LatentMap
from .content.learning import MEAN, Curve
from .kinds import kind_of, small_multiples
from .pictures import CLASSES, RAMP, Axis, Chart, Dots, Group, Line, Picture, Strip, histogram, number
from .rasters import diverging
from .tables import columns, completions, privacy, quality

__all__ = [
    "filters",
    "interpolations",
    "latent_map",
    "learning_chart",
    "learning_curves",
    "pictures",
    "reconstructions",
    "samples",
    "scores",
    "traversals",
]


def pictures(content: Content) -> Iterator[Picture]:
    """Yield every picture that the content has something for."""
    for draw in (
        learning_curves,
        reconstructions,
        latent_map,
        traversals,
        interpolations,
        samples,
        quality,
        privacy,
        columns,
        completions,
        scores,
        filters,
    ):
        picture = draw(content)
        if picture is not None:
            yield picture


def learning_chart(curves: Sequence[Curve], title: str) -> Chart:
    """Return one or several terms by epoch; of one, the lines are named by their rows, else by their terms."""
    marks = []
    for i, curve in enumerate(curves):
        for j, (rows, (epochs, values)) in enumerate(curve.lines.items()):
            if len(curves) == 1:
                marks.append(Line(epochs, values, rows, CLASSES[j]))
            else:
                name = curve.term if rows == "training" else f"{curve.term}, {rows}"
                marks.append(Line(epochs, values, name, CLASSES[i % 10], "solid" if rows == "training" else "dashed"))
    x = Axis.of("epoch", *(m.x for m in marks), margin=0.02, whole=True)
    y = Axis.of(curves[0].unit, *(m.y for m in marks), log=True)
    last = ", ".join(f"{m.name} {m.y[-1]:.4g}" for m in marks)
    return Chart(marks, x, y, f"{title} by epoch; in the last epoch {last}", title, readable=True)


def learning_curves(content: Content, together: bool = False) -> Picture | None:
    """Return a chart for each term, or one of all terms together."""
    curves = content.learning
    if not curves:
        return None
    charts = [learning_chart([curve], curve.term) for curve in curves]
    if together:
        charts = [learning_chart([curve for curve in curves if curve.unit == MEAN], "")]
    note = "Every term of every player’s loss, and what else was counted, by epoch."
    return Picture("learning", "Learning curves", note, [Group(charts, "grid")])


def reconstructions(content: Content) -> Picture | None:
    """Return originals, inputs, outputs and errors of rows, best to worst; of a table, the columns that are worst."""
    made, look = content.reconstructions, content.look
    if made is None:
        return None
    best, worst = made.shown_errors[0], made.shown_errors[-1]
    note = (
        f"{len(made.rows)} held-out rows, from the best reconstructed (squared error {best:.3g}) to the worst (squared "
        f"error {worst:.3g}), evenly spread between."
    )
    more, groups = kind_of(look).reconstructions(made)
    label = f"a row's mean squared error, in {look.unit_name}, squared"
    caption = (
        f"Errors of {len(made.errors):,} held-out rows. The first and the last bin also hold the half per cent of rows "
        "beyond them."
    )
    errors = histogram({"held-out": made.errors}, label, caption, trim=0.005)
    groups.append(Group([errors], heading="Errors of all rows"))
    return Picture("reconstructions", "Reconstructions", f"{note} {more}".strip(), groups)


def latent_map(content: Content) -> Picture | None:
    """Return codes on their leading principal axes, coloured by the first of their colourings."""
    if content.latent is None:
        return None
    latent, count = content.latent, f"Codes of {len(content.latent.points):,} held-out rows"
    where = "."
    if latent.share is not None:
        where = f" on their first two principal axes, which hold {latent.share:.0%} of the variance of the codes."
    note = (
        f"{count}{where} Point at a dot, or tap it, for its sample; with the map in focus, arrow keys walk from dot to "
        "dot."
    )
    return Picture("latent", "Latent map", note, [Group([map_chart(latent, content.look)])])


def map_chart(latent: LatentMap, look: Look | None = None, title: str = "", behind: bool = True) -> Chart:
    """Return the map as a chart; `look`, if given, says how a page's script shows the sample behind a dot.

    Of several maps of the same rows only one need hold what is `behind` the dots.
    """
    x, y = (Axis.of(label, latent.points[:, i]) for i, label in enumerate(latent.axes))
    colourings = [_painted(colouring) for colouring in latent.colourings]
    first = colourings[0] if colourings else _painted(Colouring("", np.zeros(len(latent.points)), [""]))
    index = np.array(first["index"])
    marks = [
        Dots(latent.points[index == i], word, colour)
        for i, (word, colour) in enumerate(zip(first["words"], first["colours"], strict=True))
    ]
    data = None
    if look is not None:
        data = {
            "x": (1000 * x.place(latent.points[:, 0])).round().astype(int).tolist(),
            "y": (1000 - 1000 * y.place(latent.points[:, 1])).round().astype(int).tolist(),
            "rows": latent.rows.tolist(),
            "colourings": colourings,
            "behind": kind_of(look).behind_dots(latent.samples) if behind else None,
        }
    alt = "Map of the codes" + (f", coloured by {first['name']}" if first["name"] else "")
    return Chart(marks, x, y, alt, title, square=True, ramp="ramp" in first, map_data=data)


def _painted(colouring: Colouring) -> dict[str, Any]:
    """Return for each dot the index of its colour, the colours, and what they mean."""
    values = colouring.values
    if colouring.classes is not None:
        colours = [CLASSES[i % len(CLASSES)] for i in range(len(colouring.classes))]
        index = values.astype(int).tolist()
        return {"name": colouring.name, "index": index, "colours": colours, "words": colouring.classes}
    finite = values[np.isfinite(values)]
    low, high = (float(v) for v in np.quantile(finite, [0.02, 0.98])) if len(finite) else (0.0, 0.0)
    place = np.nan_to_num((values - low) / ((high - low) or 1.0), nan=0.0, posinf=1.0, neginf=0.0)
    return {
        "name": colouring.name,
        "index": np.clip((place * len(RAMP)).astype(int), 0, len(RAMP) - 1).tolist(),
        "colours": list(RAMP),
        "words": [f"≤ {number(low)}", *[""] * (len(RAMP) - 2), f"≥ {number(high)}"],
        "ramp": True,
        "values": [number(v) for v in values] if colouring.name in ("score", "error") else None,
    }


def traversals(content: Content) -> Picture | None:
    """Return what the decoder makes of one unit at a time."""
    found = content.traversals
    if not found:
        return None
    around = "the mean code" if content.H is not None else "one draw from the prior"
    kept = f"all {len(found)} active ones" if len(found) > 1 else "the active one"
    if content.active > len(found):
        kept = f"the {len(found)} that move the output most of {content.active} active ones"
    note = (
        f"One unit at a time from −2.5 to +2.5 standard deviations, the others at {around}: {kept}, strongest first. "
        "A unit is active if its effect is at least a hundredth of the largest."
    )
    kind = kind_of(content.look)
    panels = [
        panel
        for t in found
        for panel in kind.traversal(
            t, f"unit {t.unit}: {number(round(t.values[0], 2))} … {number(round(t.values[-1], 2))}"
        )
    ]
    layout = Group(panels, "grid wide" if isinstance(content.look, Images) else "grid")
    return Picture("traversals", "Traversals", note, [layout])


def interpolations(content: Content) -> Picture | None:
    """Return what the decoder makes of the codes between two rows."""
    if not content.interpolations:
        return None
    kind = kind_of(content.look)
    panels = [
        panel
        for way in content.interpolations
        for panel in kind.interpolation(way, f"row {way.rows[0]} to row {way.rows[1]}")
    ]
    note = (
        "The way between two real rows: the rows themselves stand at the ends, and between them what the decoder makes "
        "of (1 − t) h₀ + t h₁."
    )
    layout = Group(panels, "strips" if isinstance(content.look, Images) else "grid")
    return Picture("interpolations", "Interpolations", note, [layout])


def samples(content: Content) -> Picture | None:
    """Return samples, each with the real row nearest to it, and how far they lie from the training rows."""
    made, look = content.samples, content.look
    if made is None:
        return None
    beside = []
    if made.sample_points is not None:
        clouds = {"held-out" if content.X is not None else "training": made.real_points, "samples": made.sample_points}
        shown = {name: points for name, points in clouds.items() if points is not None}
        marks = [Dots(points, name, CLASSES[1 if name == "samples" else 7]) for name, points in shown.items()]
        x, y = (Axis.of(axis, *(p[:, i] for p in shown.values())) for i, axis in enumerate(made.axes))
        title = f"samples over {next(iter(shown))} rows" if len(shown) > 1 else "samples"
        beside.append(Chart(marks, x, y, f"In a plane: {title}", title, square=True))
    if made.sample_distances is not None and made.real_distances is not None and content.table is None:
        groups = {"held-out": made.real_distances, "samples": made.sample_distances}
        caption = "Samples that lie far nearer to the training rows than held-out rows do would be copies."
        beside.append(histogram(groups, "distance to the nearest training row", caption, trim=0.0))
    groups_of = kind_of(look).samples(made)
    if beside:
        groups_of.insert(0 if isinstance(look, Rows) else 1, Group(beside, "grid two"))
    under = f" With each stands the {made.of} row nearest to it." if made.nearest is not None else ""
    return Picture("samples", "Samples", f"New rows, drawn at random and not selected.{under}", groups_of)


def scores(content: Content) -> Picture | None:
    """Return the histogram of scores, what a score is, and the least usual rows."""
    made = content.scores
    if made is None:
        return None
    counts = ", ".join(f"{len(v):,} {name}" for name, v in made.groups.items())
    caption = f"Rows: {counts}. The first and the last bin also hold the hundredth of rows beyond them."
    groups = [Group([histogram(made.groups, made.what, caption, trim=0.01)])]
    groups.append(kind_of(content.look).lowest(made, "The least usual held-out rows, lowest score first"))
    return Picture("scores", "Scores", "", groups, ("What this score is", made.definition))


def filters(content: Content) -> Picture | None:
    """Return the first layer's weights, largest norm first."""
    made = content.filters
    if made is None:
        return None
    note = (
        f"The first layer of the {made.of}: {len(made.weights)} of {made.total} units, largest norm first, each on its "
        f"own scale{'; blue negative, red positive' if made.weights.ndim == 3 else ''}."
    )
    return Picture("filters", "Filters", note, [filter_group(made)])


def filter_group(made: Filters, title: str = "") -> Group:
    """Return weights as tiles or as curves, each on its own scale."""
    peaks = np.abs(made.weights).reshape(len(made.weights), -1).max(1)
    weights = made.weights / np.maximum(peaks, 1e-30).reshape(-1, *[1] * (made.weights.ndim - 1))
    if weights.ndim == 3:
        return Group([Strip(diverging(weights, 1.0), title, 12)])
    return small_multiples([(f"{title} filter {i}".strip(), [("weight", w)]) for i, w in enumerate(weights[:6])])
