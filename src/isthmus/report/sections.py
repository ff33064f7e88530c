"""The sections of a report as HTML, in reading order; one that has nothing to show is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .charts import CLASSES, RAMP, Axis, Dots, Line, bars, chart, histogram, number
from .content import Content, Look
from .content.rows import SHOWN
from .latent import latent_section
from .overview import Section, card, learning, numbers, verdicts
from .rasters import diverging, grey, montage, png
from .shell import details, escape, figure, picture

__all__ = ["sections"]


def sections(content: Content) -> list[Section]:
    """Return the sections that have something to show."""
    return [
        *verdicts(content),
        *numbers(content),
        *learning(content),
        *_reconstructions(content),
        *latent_section(content),
        *_traversals(content),
        *_interpolations(content),
        *_samples(content),
        *_scores(content),
        *_filters(content),
        *card(content),
    ]


def _reconstructions(content: Content) -> Iterator[Section]:
    made, look = content.reconstructions, content.look
    if made is None or look is None:
        return
    n, size = len(made.rows), look.flat(made.originals)
    errors = made.shown_errors
    note = (
        f'<p class="note">{n} held-out rows, from the best reconstructed (first, error {errors[0]:.3g}) to the worst '
        f"(last, error {errors[-1]:.3g}), evenly spread between.</p>"
    )
    noise = f"inputs, corrupted as in training: {made.corruption}"
    if look.kind == "images":
        strips = [("originals", grey(made.originals, look.limits))]
        if made.inputs is not None:
            strips.append((noise, grey(made.inputs, look.limits)))
        difference = np.asarray(made.outputs, dtype=np.float64) - made.originals
        largest = float(np.abs(difference).max())
        strips.append(("outputs", grey(made.outputs, look.limits)))
        strips.append(
            (f"errors: blue too dark, red too bright, full colour ±{largest:.2g}", diverging(difference, largest))
        )
        body = _side_by_side([figure(strip(t, f"{label}, {n} held-out images"), "", label) for label, t in strips])
    elif look.kind == "series":
        inputs = None if made.inputs is None else look.flat(made.inputs)
        outputs = look.flat(made.outputs)
        body = small_multiples(
            [
                (
                    f"row {row}, error {error:.3g}",
                    [
                        *([] if inputs is None else [("input", inputs[i], True)]),
                        ("original", size[i], False),
                        ("output", outputs[i], False),
                    ],
                )
                for i, (row, error) in enumerate(zip(made.rows, errors, strict=True))
                if i % 2 == 0 or i == n - 1
            ]
        )
        if inputs is not None:
            body = f'<p class="note">{escape(noise)}, drawn faint.</p>{body}'
    else:
        note = '<p class="note">The columns that come back worst: the share of their variance that is lost, 1 − R².</p>'
        lost = 1 - made.r2[made.worst]
        names = [look.names[i] for i in made.worst]
        body = figure(
            bars(names, list(lost), [f"{v:.0%}" for v in lost], "Worst columns by share of variance lost"), ""
        )
        body += _worst_rows(content, look)
    body += figure(
        histogram({"held-out": made.errors}, _error_label(look), "Histogram of errors of held-out rows", trim=0.005),
        f"Errors of {len(made.errors):,} held-out rows; the half per cent beyond either end stands in the last bins.",
        "errors of all rows",
    )
    yield "reconstructions", "Reconstructions", note + body


def _error_label(look: Look) -> str:
    return "mean squared error" + (" in standard deviations" if look.kind == "rows" else "")


def _worst_rows(content: Content, look: Look) -> str:
    """Return a table of the shown rows: their error, and the columns in which they miss most."""
    made = content.reconstructions
    assert made is not None
    before, after = look.flat(made.originals), look.flat(made.outputs)
    originals = np.asarray(made.originals).reshape(len(before), -1)
    outputs = np.asarray(made.outputs).reshape(len(before), -1)
    lines = []
    for i in reversed(range(len(before))):
        worst = np.argsort(-np.abs(before[i] - after[i]), kind="stable")[:3]
        cells = "".join(
            f"<td><span>{escape(look.names[j])}</span>{originals[i, j]:.4g} → {outputs[i, j]:.4g}</td>" for j in worst
        )
        lines.append(f"<tr><th scope=row>{made.rows[i]}</th><td>{made.shown_errors[i]:.3g}</td>{cells}</tr>")
    head = "<tr><th>row</th><th>error</th><th colspan=3>missed most: value → reconstruction</th></tr>"
    table = f'<table class="rows"><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _side_by_side(figures: Sequence[str], kind: str = "") -> str:
    """Return strips of pictures that keep to their columns, and are scrolled together where there is little room."""
    return f'<div class="scroll" tabindex="0"><div class="strips {kind}">{"".join(figures)}</div></div>'


def strip(tiles: np.ndarray, alt: str, columns: int = SHOWN) -> str:
    """Return images (N, H, W, 3) side by side as one picture."""
    return picture(png(montage(tiles, columns)), alt, "pixels")


def small_multiples(
    panels: Sequence[tuple[str, Sequence[tuple[str, np.ndarray, bool]]]], label: str = "position"
) -> str:
    """Return series as charts on one scale: each panel a title and lines (name, values, whether faint)."""
    together = [values for _, lines in panels for _, values, _ in lines]
    y = Axis.of("value", *together)
    made = []
    for title, lines in panels:
        marks = [
            Line(np.arange(len(v)), v, name, "currentColor" if faint else CLASSES[i], faint=faint)
            for i, (name, v, faint) in zip(_colours(lines), lines, strict=True)
        ]
        x = Axis(0, max(1, len(together[0]) - 1), "position")
        names = ", ".join(dict.fromkeys(name for name, _, _ in lines if name))
        made.append(figure(chart(marks, x, y, f"{title}: {names}"), "", title))
    return f'<div class="grid">{"".join(made)}</div>'


def _colours(lines: Sequence[tuple[str, np.ndarray, bool]]) -> list[int]:
    solid = np.cumsum([not faint for _, _, faint in lines]) - 1
    return [int(i) % len(CLASSES) for i in solid]


def _traversals(content: Content) -> Iterator[Section]:
    look, found = content.look, content.traversals
    if look is None or not found:
        return
    around = "the mean code" if content.reconstructions is not None else "one draw from the prior"
    kept = (
        f"the {len(found)} that move the output most of {content.active} active ones"
        if content.active > len(found)
        else (f"all {len(found)} active ones" if len(found) > 1 else "the active one")
    )
    note = (
        f"One unit at a time from −2.5 to +2.5 standard deviations, the others at {around}: {kept}, strongest first. "
        "A unit is active if its effect is at least a hundredth of the largest."
    )
    blocks = []
    for t in found:
        label = f"unit {t.unit}: {number(round(t.values[0], 2))} … {number(round(t.values[-1], 2))}"
        if look.kind == "images":
            blocks.append(figure(strip(grey(t.outputs, look.limits), label, len(t.outputs)), "", label))
            continue
        flat = look.flat(t.outputs)
        if look.kind == "series":
            blocks.append(figure(_fan(flat, look), "", label))
        else:
            moved = flat - flat.mean(0)
            most = np.argsort(-np.abs(moved).max(0), kind="stable")[:4]
            marks = [Line(t.values, moved[:, j], look.names[j], CLASSES[i]) for i, j in enumerate(most)]
            x, y = Axis.of("value of the unit", t.values, margin=0.02), Axis.of("change in σ of the column", moved)
            alt = f"What unit {t.unit} moves: {', '.join(look.names[j] for j in most)}"
            blocks.append(figure(chart(marks, x, y, alt, hover=True), "", label))
    kind = "grid" if look.kind != "images" else "grid wide"
    yield "traversals", "Traversals", f'<p class="note">{escape(note)}</p><div class="{kind}">{"".join(blocks)}</div>'


def _fan(flat: np.ndarray, look: Look) -> str:
    """Return series that belong together, from the first colour of the ramp to the last."""
    places = np.linspace(0, len(RAMP) - 1, len(flat)).round().astype(int)
    ends = {0: "from", len(flat) - 1: "to"}
    marks = [
        Line(np.arange(flat.shape[1]), row, ends.get(i, ""), RAMP[places[i]], faint=False) for i, row in enumerate(flat)
    ]
    return chart(
        marks, Axis(0, max(1, look.n - 1), "position"), Axis.of("value", flat), "Series from one end to the other"
    )


def _interpolations(content: Content) -> Iterator[Section]:
    look, found = content.look, content.interpolations
    if look is None or not found:
        return
    note = (
        "Between two real rows: at either end the row itself, between them what the decoder makes of (1 − t) h₀ + t h₁."
    )
    blocks = []
    for way in found:
        label = f"row {way.rows[0]} to row {way.rows[1]}"
        if look.kind == "images":
            tiles = grey(np.concatenate([way.start[None], way.outputs, way.stop[None]]), look.limits)
            blocks.append(figure(strip(tiles, label, len(tiles)), "", label))
        elif look.kind == "series":
            blocks.append(figure(_fan(look.flat(way.outputs), look), "", label))
        else:
            flat = look.flat(way.outputs)
            ends = look.flat(np.stack([way.start, way.stop]))
            most = np.argsort(-np.abs(ends[1] - ends[0]), kind="stable")[:4]
            t = np.linspace(0, 1, len(flat))
            centre = ends.mean(0)
            marks: list[Line | Dots] = [
                Line(t, flat[:, j] - centre[j], look.names[j], CLASSES[i]) for i, j in enumerate(most)
            ]
            marks += [
                Dots(np.stack([[0.0, 1.0], ends[:, j] - centre[j]], 1), "", CLASSES[i]) for i, j in enumerate(most)
            ]
            x = Axis(-0.03, 1.03, "t; dots are the rows themselves")
            y = Axis.of("value in σ, about the middle", flat[:, most] - centre[most], ends[:, most] - centre[most])
            blocks.append(figure(chart(marks, x, y, f"{label}: {', '.join(look.names[j] for j in most)}"), "", label))
    body = _side_by_side(blocks) if look.kind == "images" else f'<div class="grid">{"".join(blocks)}</div>'
    yield "interpolations", "Interpolations", f'<p class="note">{escape(note)}</p>{body}'


def _samples(content: Content) -> Iterator[Section]:
    made, look = content.samples, content.look
    if made is None or look is None:
        return
    under = f" Beneath each the {made.of} row nearest to it." if made.nearest is not None else ""
    note = f'<p class="note">New rows, drawn and not picked.{escape(under)}</p>'
    parts = []
    if look.kind == "images":
        for start in range(0, len(made.shown), SHOWN):
            stop = start + SHOWN
            parts.append(figure(strip(grey(made.shown[start:stop], look.limits), "samples"), "", "samples"))
            if made.nearest is not None:
                label = f"nearest {made.of} rows"
                parts.append(figure(strip(grey(made.nearest[start:stop], look.limits), label), "", label))
        body = _side_by_side(parts, "pairs")
    elif look.kind == "series":
        new = look.flat(made.shown)
        old = None if made.nearest is None else look.flat(made.nearest)
        body = small_multiples(
            [
                (
                    f"sample {i}",
                    [("sample", new[i], False), *([] if old is None else [(f"nearest {made.of} row", old[i], False)])],
                )
                for i in range(min(6, len(new)))
            ]
        )
    else:
        body = _sample_table(content, look)
    charts = []
    if made.real_points is not None and made.sample_points is not None and look.kind != "images":
        marks = [Dots(made.real_points, "held-out", CLASSES[7]), Dots(made.sample_points, "samples", CLASSES[1])]
        x = Axis.of(made.axes[0], made.real_points[:, 0], made.sample_points[:, 0])
        y = Axis.of(made.axes[1], made.real_points[:, 1], made.sample_points[:, 1])
        alt = "Samples over held-out rows in a plane"
        charts.append(figure(chart(marks, x, y, alt, square=True), "", "samples over held-out rows"))
    if made.sample_distances is not None and made.real_distances is not None:
        groups = {"held-out": made.real_distances, "samples": made.sample_distances}
        label = "distance to the nearest training row"
        caption = "Samples far nearer to the training rows than held-out rows are would be copies."
        charts.append(figure(histogram(groups, label, f"Histogram of the {label}"), caption, label))
    beside = f'<div class="grid two">{"".join(charts)}</div>' if charts else ""
    yield "samples", "Samples", note + (beside + body if look.kind == "rows" else body + beside)


def _sample_table(content: Content, look: Look) -> str:
    made = content.samples
    assert made is not None
    spread_of = look.flat(made.shown).std(0)
    shown = np.sort(np.argsort(-spread_of, kind="stable")[:8])
    head = "".join(f"<th>{escape(look.names[j])}</th>" for j in shown)
    lines = []
    for i in range(min(8, len(made.shown))):
        cells = "".join(f"<td>{v:.4g}</td>" for v in np.asarray(made.shown[i]).reshape(-1)[shown])
        lines.append(f"<tr><th scope=row>sample {i}</th>{cells}</tr>")
        if made.nearest is not None:
            cells = "".join(f"<td>{v:.4g}</td>" for v in np.asarray(made.nearest[i]).reshape(-1)[shown])
            lines.append(f'<tr class="nearest"><th scope=row>nearest {made.of}</th>{cells}</tr>')
    table = f"<table class=rows><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    more = f'<p class="note">{len(shown)} of {look.n} columns.</p>' if look.n > len(shown) else ""
    return f'<div class="scroll" tabindex="0">{table}</div>{more}'


def _scores(content: Content) -> Iterator[Section]:
    made, look = content.scores, content.look
    if made is None or look is None:
        return
    counts = ", ".join(f"{len(v):,} {name}" for name, v in made.groups.items())
    caption = f"Rows: {counts}. The hundredth beyond either end stands in the last bins."
    body = figure(histogram(made.groups, made.what, f"Histogram of {made.what}", trim=0.01), caption)
    body += details("What this score is", f"<p>{escape(made.definition)}</p>")
    if made.lowest is not None:
        label = "the least usual held-out rows, lowest score first"
        if look.kind == "images":
            body += figure(strip(grey(made.lowest, look.limits), label), "", label)
        elif look.kind == "series":
            flat = look.flat(made.lowest)[:6]
            body += f"<h3>{label}</h3>" + small_multiples(
                [(f"row {made.lowest_rows[i]}", [("row", flat[i], False)]) for i in range(len(flat))]
            )
        else:
            rows = ", ".join(str(i) for i in made.lowest_rows)
            body += f'<p class="note">{escape(label)}: rows {rows}.</p>'
    yield "scores", "Scores", body


def _filters(content: Content) -> Iterator[Section]:
    made, look = content.filters, content.look
    if made is None or look is None:
        return
    weights = made.weights / np.maximum(np.abs(made.weights).reshape(len(made.weights), -1).max(1), 1e-30).reshape(
        -1, *[1] * (made.weights.ndim - 1)
    )
    note = (
        f"The first layer of the {made.of}: {len(weights)} of {made.total} units, largest norm first, each on its own "
        "scale"
    )
    if weights.ndim == 3:
        tiles = diverging(weights, 1.0)
        if tiles.shape[1] < 16:
            tiles = tiles.repeat(4, 1).repeat(4, 2)
        body = figure(picture(png(montage(tiles, 12, gap=2)), "First-layer weights", "pixels"), "")
        note += "; blue negative, red positive"
    else:
        body = small_multiples([(f"filter {i}", [("weight", w, False)]) for i, w in enumerate(weights[:6])])
    yield "filters", "Filters", f'<p class="note">{escape(note)}.</p>{body}'
