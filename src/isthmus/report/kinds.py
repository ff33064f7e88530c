"""How each kind of rows is drawn: images as strips of tiles, series as curves, a table's rows as charts and tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..look import Images, Look, Rows, Series
from ..subsets import even_subset
from .content.codes import Interpolation, Traversal
from .content.findings import Findings
from .content.rows import SHOWN, Reconstructions, Samples, Scores
from .pictures import CLASSES, RAMP, Axis, Bars, Chart, Dots, Group, Line, Panel, Strip, Table, number
from .rasters import data_uri, diverging, grey, png, thumbnails

__all__ = ["Kind", "cell", "kind_of", "small_multiples"]

SHEET_COLUMNS = 50
"""Thumbnails side by side in the sheet of samples."""

SHEET_PIXELS = 1_600_000
"""Pixels in the sheet of thumbnails, at most."""

CURVES = 200
"""Held-out rows of a table that set the scale of a chart of rows."""

CURVE_POINTS = 64
"""Points at which the small curve of a series is drawn, at most."""

SERIES_SHOWN = 6
"""Charts of rows that are shown, at most, or two rows of several channels."""

ODD_COLUMNS = 5
"""Columns of a row that the map shows: those farthest from the mean."""


class Kind(Protocol):
    """What differs between images, series and rows of a table."""

    def rows(self, title: str, X: np.ndarray, frame: np.ndarray) -> list[Panel]:
        """Return a few rows in one panel, or one a channel, whose axes hold the rows `frame`."""

    def reconstructions(self, made: Reconstructions) -> tuple[str, list[Group]]:
        """Return a note and groups: originals, inputs, outputs and errors, best to worst."""

    def samples(self, made: Samples) -> list[Group]:
        """Return samples and the real rows nearest to them."""

    def traversal(self, made: Traversal, title: str) -> list[Panel]:
        """Return what one unit moves."""

    def interpolation(self, made: Interpolation, title: str) -> list[Panel]:
        """Return the way from one row to another."""

    def lowest(self, made: Scores, title: str) -> Group:
        """Return the rows with the lowest scores."""

    def alarms(self, found: Findings) -> list[Group]:
        """Return the oddest rows that a detector raises an alarm for, and why."""

    def behind_dots(self, X: np.ndarray) -> dict[str, Any]:
        """Return what the map's script shows of each row."""


def kind_of(look: Look) -> Kind:
    """Return how rows of that look are drawn."""
    if isinstance(look, Images):
        return _Images(look)
    if isinstance(look, Series):
        return _Series(look)
    if isinstance(look, Rows):
        return _Rows(look)
    raise TypeError(f"no kind of pictures for a {type(look).__name__}")


def cell(look: Rows, j: int, value: float) -> str:
    """Return a value of column j in words: the level of a category, a date, a number; a gap is "missing".

    >>> from isthmus.data import Category
    >>> from isthmus.look import look_of
    >>> look = look_of(np.eye(2), ["city", "size"], [Category(categories=("Delft", "Utrecht")), Category()])
    >>> cell(look, 0, 1.0), cell(look, 0, np.nan)
    ('Utrecht', 'missing')
    """
    if np.isnan(value):
        return "missing"
    column = look.columns[j] if look.columns else None
    if column is None or column.sort == "number":
        return number(value)
    cells = column.decode(np.array([value], dtype=np.float64))
    if cells.sort == "date":
        point = cells.values.astype(f"M8[{cells.unit}]").astype("M8[s]")[0]
        return str(point).removesuffix("T00:00:00").replace("T", " ")
    return str(cells.values[0]) if cells.sort in ("label", "boolean") else number(value)


def _reasons(found: Findings) -> Table:
    """Return a line for each alarm: the row, its p-value, and what was seen and expected in the columns that count."""
    most = max((len(why.reasons) for why in found.explanations), default=0)
    lines: list[list[str | tuple[str, str]]] = []
    for row, why in zip(found.order, found.explanations, strict=False):
        cells = [
            (f"{r.column}, {100 * r.share:.0f} %", f"{r.seen_in_words}, not {r.expected_in_words}") for r in why.reasons
        ]
        lines.append([found.labels[row], f"{why.p_value:.2g}", *cells, *[""] * (most - len(cells))])
    return Table(["", "p", "first reason", "second", "third", *["more"] * max(0, most - 3)][: 2 + most], lines)


def small_multiples(panels: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]]) -> Group:
    """Return curves as charts on one scale: for each a title and lines (name, values); an ``input`` is faint."""
    y = Axis.of("value", *(values for _, lines in panels for _, values in lines))
    charts = []
    for title, lines in panels:
        colours = iter(CLASSES)
        marks = [
            Line(np.arange(len(v)), v, name, "currentColor", "faint")
            if name == "input"
            else Line(np.arange(len(v)), v, name, next(colours))
            for name, v in lines
        ]
        x = Axis(0, max(1, len(lines[0][1]) - 1), "position")
        charts.append(Chart(marks, x, y, f"{title}: {', '.join(name for name, _ in lines)}", title))
    return Group(charts, "grid")


class _Images:
    def __init__(self, look: Images) -> None:
        self.look = look

    def strip(self, X: np.ndarray, title: str, columns: int = SHOWN) -> Strip:
        return Strip(grey(self.look.tiles(self.look.shades(X))), title, columns)

    def rows(self, title: str, X: np.ndarray, frame: np.ndarray) -> list[Panel]:
        return [self.strip(X[: 2 * SHOWN], title)]

    def reconstructions(self, made: Reconstructions) -> tuple[str, list[Group]]:
        strips = [self.strip(made.originals, "originals")]
        if made.inputs is not None:
            strips.append(self.strip(made.inputs, f"inputs, corrupted as in training: {made.corruption}"))
        strips.append(self.strip(made.outputs, "outputs"))
        difference = (np.asarray(made.outputs, dtype=np.float64) - made.originals) / self.look.unit
        largest = float(np.abs(difference).max())
        unit = "" if self.look.one_unit else f" {self.look.unit_name}"
        title = f"errors: blue too dark, red too bright, full colour ±{largest:.2g}{unit}"
        tiles = diverging(self.look.tiles(difference), largest)
        return self.look.note, [Group([*strips, Strip(tiles, title, SHOWN)], "strips")]

    def samples(self, made: Samples) -> list[Group]:
        strips = []
        for start in range(0, len(made.shown), SHOWN):
            strips.append(self.strip(made.shown[start : start + SHOWN], "samples"))
            if made.nearest is not None:
                strips.append(self.strip(made.nearest[start : start + SHOWN], f"nearest {made.of} rows"))
        return [Group(strips, "strips" if made.nearest is None else "strips pairs")]

    def traversal(self, made: Traversal, title: str) -> list[Panel]:
        return [self.strip(made.outputs, title, len(made.outputs))]

    def interpolation(self, made: Interpolation, title: str) -> list[Panel]:
        images = np.concatenate([made.start[None], made.outputs, made.stop[None]])
        return [self.strip(images, title, len(images))]

    def lowest(self, made: Scores, title: str) -> Group:
        return Group([self.strip(made.lowest, title)], note=self.look.note)

    def alarms(self, found: Findings) -> list[Group]:
        rows = found.judged.rows[found.order[: len(found.explanations)]]
        peaks = [float(why.map.max()) or 1.0 for why in found.explanations]
        maps = np.stack([why.map / peak for why, peak in zip(found.explanations, peaks, strict=True)])
        maps = maps.reshape(len(maps), -1, *rows.shape[-2:]).mean(1)
        where = Strip(diverging(maps, 1.0), "what makes each odd: the redder, the more", SHOWN)
        return [Group([self.strip(rows, "alarms, the oddest first"), where], "strips"), Group([_reasons(found)])]

    def behind_dots(self, X: np.ndarray) -> dict[str, Any]:
        tiles = self.look.tiles(self.look.shades(X))
        sheet = data_uri(png(thumbnails(tiles, SHEET_COLUMNS, SHEET_PIXELS)))
        lines, aspect = math.ceil(len(X) / SHEET_COLUMNS), tiles.shape[1] / tiles.shape[2]
        return {"sheet": sheet, "columns": SHEET_COLUMNS, "lines": lines, "aspect": aspect}


class _Series:
    def __init__(self, look: Series) -> None:
        self.look = look

    def named(self, title: str) -> list[str]:
        """Return the title of the chart of each channel that is shown."""
        one = self.look.layout.channels_first(self.look.shape)[0] == 1
        return [title if one else f"{title}, channel {channel}" for channel in self.look.channels_shown]

    def axes(self, *curves: np.ndarray) -> list[tuple[Axis, Axis]]:
        """Return the axes of each channel, which hold all curves (N, channels, length)."""
        x = Axis(0, max(1, curves[0].shape[2] - 1), "position")
        return [(x, Axis.of("value", *(c[:, i] for c in curves))) for i in range(curves[0].shape[1])]

    def fan(self, X: np.ndarray, title: str) -> list[Panel]:
        """Return curves that belong together, from the first colour of the ramp to the last."""
        curves = self.look.curves(X)
        places = np.linspace(0, len(RAMP) - 1, len(curves)).round().astype(int)
        ends, along = {0: "from", len(curves) - 1: "to"}, np.arange(curves.shape[2])
        charts: list[Panel] = []
        for i, (name, (x, y)) in enumerate(zip(self.named(title), self.axes(curves), strict=True)):
            marks = [Line(along, v, ends.get(j, ""), RAMP[places[j]]) for j, v in enumerate(curves[:, i])]
            charts.append(Chart(marks, x, y, f"{name}: series from one end to the other", name))
        return charts

    def rows(self, title: str, X: np.ndarray, frame: np.ndarray) -> list[Panel]:
        curves, axes = self.look.curves(X[:SHOWN]), self.axes(self.look.curves(frame))
        along, charts = np.arange(curves.shape[2]), list[Panel]()
        for i, (name, (x, y)) in enumerate(zip(self.named(title), axes, strict=True)):
            lines = zip(np.clip(curves[:, i], y.low, y.high), CLASSES, strict=False)
            marks = [Line(along, values, "", colour) for values, colour in lines]
            charts.append(Chart(marks, x, y, f"{name}: {len(marks)} series", name))
        return charts

    def multiples(self, titles: Sequence[str], kinds: Sequence[tuple[str, np.ndarray]]) -> Group:
        """Return a chart for each row and channel, with a line of each kind of rows; a channel has one scale."""
        curves = [(name, self.look.curves(X)) for name, X in kinds]
        names = [self.named(title) for title in titles]
        of_channels = [
            small_multiples([(of[i], [(name, c[row, i]) for name, c in curves]) for row, of in enumerate(names)])
            for i in range(len(self.look.channels_shown))
        ]
        return Group([group.panels[row] for row in range(len(titles)) for group in of_channels], "grid")

    def reconstructions(self, made: Reconstructions) -> tuple[str, list[Group]]:
        kinds = {"input": made.inputs, "original": made.originals, "output": made.outputs}
        rows = self.spread(len(made.rows))
        titles = [f"row {made.rows[i]}, squared error {made.shown_errors[i]:.3g}" for i in rows]
        note = f"Inputs, corrupted as in training ({made.corruption}), are drawn faint." if made.corruption else ""
        group = self.multiples(titles, [(name, X[rows]) for name, X in kinds.items() if X is not None])
        return f"{note} {self.look.note}".strip(), [group]

    def samples(self, made: Samples) -> list[Group]:
        kinds = [("sample", made.shown)]
        if made.nearest is not None:
            kinds.append((f"nearest {made.of} row", made.nearest))
        shown = self.spread(len(made.shown))
        return [self.multiples([f"sample {i}" for i in range(len(shown))], kinds)]

    def spread(self, count: int) -> np.ndarray:
        """Return which of so many rows have a chart, or one a channel: evenly spread, the first and the last too."""
        return even_subset(count, max(2, SERIES_SHOWN // len(self.look.channels_shown)))

    def traversal(self, made: Traversal, title: str) -> list[Panel]:
        return self.fan(made.outputs, title)

    def interpolation(self, made: Interpolation, title: str) -> list[Panel]:
        return self.fan(made.outputs, title)

    def lowest(self, made: Scores, title: str) -> Group:
        shown = len(self.spread(len(made.lowest)))
        group = self.multiples([f"row {row}" for row in made.lowest_rows[:shown]], [("row", made.lowest[:shown])])
        return Group(group.panels, group.layout, title)

    def alarms(self, found: Findings) -> list[Group]:
        charts = []
        shown = zip(found.order, found.explanations, strict=False)
        for row, why in itertools.islice(shown, SHOWN):
            seen, usual = self.look.flat(np.stack([found.judged.rows[row], why.nearest.reshape(self.look.shape)]))
            marks = [Line(np.arange(self.look.n), usual, "as expected", CLASSES[7], "dashed")]
            marks.append(Line(np.arange(self.look.n), seen, "seen", CLASSES[0]))
            title = f"{found.labels[row]}, p = {why.p_value:.2g}"
            if why.times is not None and len(self.look.shape) == 1:
                span = np.arange(*why.times)
                marks.append(Line(span, seen[span], "odd", CLASSES[3]))
                title += f": time {why.times[0]}–{why.times[1] - 1}"
            x, y = Axis(0, max(1, self.look.n - 1), "position"), Axis.of("value", seen, usual)
            charts.append(Chart(marks, x, y, title, title))
        return [Group(charts, "grid"), Group([_reasons(found)])]

    def behind_dots(self, X: np.ndarray) -> dict[str, Any]:
        curves = self.look.curves(self.look.shades(X))
        places = np.linspace(0, curves.shape[2] - 1, min(curves.shape[2], CURVE_POINTS)).round().astype(int)
        return {"curves": (100 * curves[:, :, places]).round().astype(int).tolist()}


class _Rows:
    def __init__(self, look: Rows) -> None:
        self.look = look

    def cell(self, j: int, value: float) -> str:
        """Return a value of a column in words: a category's level, a date, a number."""
        return cell(self.look, j, value)

    def changes(self, along: np.ndarray, X: np.ndarray, most: np.ndarray) -> list[Line | Dots]:
        """Return a line for each of the columns that change most."""
        return [Line(along, X[:, j], self.look.names[j], colour) for j, colour in zip(most, CLASSES, strict=False)]

    def rows(self, title: str, X: np.ndarray, frame: np.ndarray) -> list[Panel]:
        if self.look.n <= 3:
            own, around = (np.asarray(rows).reshape(len(rows), -1)[:, [0, -1]] for rows in (X, frame))
            x, y = (Axis.of(self.look.names[i], around[:, i]) for i in (0, -1))
            placed = np.stack([x.place(own[:, 0]), y.place(own[:, 1])], 1)
            inside = ((placed >= 0) & (placed <= 1)).all(1)
            return [Chart([Dots(own[inside], "")], x, y, f"{title}: {x.label} and {y.label}", title, square=True)]
        x = Axis(0, self.look.n - 1, "column", whole=True)
        y = Axis.of("distance from the mean, in σ", self.look.flat(frame[:CURVES] - frame.mean(0)))
        lines = zip(np.clip(self.look.flat(X[:SHOWN] - frame.mean(0)), y.low, y.high), CLASSES, strict=False)
        marks = [Line(np.arange(self.look.n), values, "", colour) for values, colour in lines]
        return [Chart(marks, x, y, f"{title}: {len(marks)} rows, column by column", title)]

    def reconstructions(self, made: Reconstructions) -> tuple[str, list[Group]]:
        lost = 1 - made.r2[made.worst]
        bars = Bars([self.look.names[i] for i in made.worst], lost, "Worst columns by share of variance lost")
        before, after = self.look.flat(made.originals), self.look.flat(made.outputs)
        originals, outputs = (np.asarray(X).reshape(len(X), -1) for X in (made.originals, made.outputs))
        lines: list[list[str | tuple[str, str]]] = []
        for i in reversed(range(len(before))):
            worst = np.argsort(-np.abs(before[i] - after[i]), kind="stable")[:3]
            cells = [
                (self.look.names[j], f"{self.cell(j, originals[i, j])} → {self.cell(j, outputs[i, j])}") for j in worst
            ]
            lines.append([str(made.rows[i]), f"{made.shown_errors[i]:.3g}", *cells])
        head = ["row", "squared error", "largest miss", "second largest", "third largest"][: len(lines[0])]
        note = "The bars show the columns that come back worst: the share of their variance that is lost, 1 − R²."
        return note, [Group([bars]), Group([Table(head, lines)], note="A miss is written value → reconstruction.")]

    def samples(self, made: Samples) -> list[Group]:
        kinds = [("sample", made.shown)] + ([] if made.nearest is None else [(f"nearest {made.of}", made.nearest)])
        columns = np.sort(np.argsort(-self.look.flat(made.shown).std(0), kind="stable")[:8])
        lines: list[list[str | tuple[str, str]]] = [
            [f"{name} {i}", *(self.cell(j, np.asarray(X[i]).reshape(-1)[j]) for j in columns)]
            for i in range(min(8, len(made.shown)))
            for name, X in kinds
        ]
        left_out = f"{len(columns)} of {self.look.n} columns." if self.look.n > len(columns) else ""
        return [Group([Table(["", *(self.look.names[j] for j in columns)], lines)], note=left_out)]

    def traversal(self, made: Traversal, title: str) -> list[Panel]:
        flat = self.look.flat(made.outputs)
        moved = flat - flat.mean(0)
        most = np.argsort(-np.abs(moved).max(0), kind="stable")[:4]
        x, y = Axis.of("value of the unit", made.values, margin=0.02), Axis.of("change in σ of the column", moved)
        alt = f"What unit {made.unit} moves: {', '.join(self.look.names[j] for j in most)}"
        return [Chart(self.changes(made.values, moved, most), x, y, alt, title, readable=True)]

    def interpolation(self, made: Interpolation, title: str) -> list[Panel]:
        flat, ends = self.look.flat(made.outputs), self.look.flat(np.stack([made.start, made.stop]))
        most = np.argsort(-np.abs(ends[1] - ends[0]), kind="stable")[:4]
        between, at_ends = flat - ends.mean(0), ends - ends.mean(0)
        marks = self.changes(np.linspace(0, 1, len(flat)), between, most)
        for j, colour in zip(most, CLASSES, strict=False):
            marks.append(Dots(np.stack([[0.0, 1.0], at_ends[:, j]], 1), "", colour))
        x = Axis(-0.03, 1.03, "t; dots are the rows themselves")
        y = Axis.of("value in σ, about the middle", between[:, most], at_ends[:, most])
        return [Chart(marks, x, y, f"{title}: {', '.join(self.look.names[j] for j in most)}", title)]

    def lowest(self, made: Scores, title: str) -> Group:
        own, expected = (np.asarray(X).reshape(len(X), -1) for X in (made.lowest, made.expected))
        lines: list[list[str | tuple[str, str]]] = []
        for i, (row, score) in enumerate(zip(made.lowest_rows, made.lowest_scores, strict=True)):
            cells = [
                (self.look.names[j], f"{self.cell(j, own[i, j])}, not {self.cell(j, expected[i, j])}")
                for j in made.reasons[i]
            ]
            lines.append([str(row), number(score), *cells])
        head = ["row", "score", "most unusual", "second", "third"][: len(lines[0])]
        note = "Beside each row the columns that make it unusual: its value, and what was expected in its place."
        return Group([Table(head, lines)], heading=title, note=note)

    def alarms(self, found: Findings) -> list[Group]:
        note = (
            "Each reason is a column with its share of what makes the row odd: the value that was seen, the one that "
            "usual rows have which are like this one in all else, and where 90 % of usual rows lie about that."
        )
        return [Group([_reasons(found)], note=note)]

    def behind_dots(self, X: np.ndarray) -> dict[str, Any]:
        flat, own = self.look.flat(X), np.asarray(X).reshape(len(X), -1)
        centred = flat - flat.mean(0)
        oddest = np.argsort(-np.abs(centred), axis=1, kind="stable")[:, :ODD_COLUMNS]
        cells = [
            [[int(j), self.cell(j, own[i, j]), f"{centred[i, j]:+.1f}σ".replace("-", "−")] for j in columns]
            for i, columns in enumerate(oddest)
        ]
        return {"names": self.look.names, "cells": cells}
