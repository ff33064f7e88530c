"""Pictures of tables: whether samples are good, what was tried on their privacy, columns, and completed cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..diagnosis.tables import RECOGNISED
from ..look import Rows
from ..metrics import Area, TableQuality
from ..subsets import even_subset
from .content import Content
from .content.columns import TableColumns
from .content.numbers import signed
from .content.tables import interval
from .kinds import cell
from .pictures import Chart, Group, Matrix, Panel, Picture, Shares, Table, histogram

__all__ = ["columns", "completions", "privacy", "quality"]

SQUARES = 40
"""The largest number of columns in a picture of correlations, taken evenly from all."""

NAMED_COLUMNS = 8
"""The largest number of columns that are named as those that gave samples away."""

NAMED_ROWS = 6
"""The number of samples that are shown as those that gave themselves away."""

SHOWN_CELLS = 5
"""The number of columns of such a sample that are shown."""

SHOWN_LEVELS = 10
"""The largest number of levels of a category that are shown: the commonest ones."""

QUANTILES = {"5 % quantile": 0.05, "median": 0.5}
"""The quantiles of distances to the nearest training row that are shown."""


def quality(content: Content) -> Picture | None:
    """Return what gave samples of a table away: columns, pairs of columns, and rows."""
    table, look = content.table, content.look
    if table is None or not isinstance(look, Rows):
        return None
    told, floor = table.told, table.real_told
    note = (
        f"Gradient boosting tells samples from held-out rows with an AUC of {told.auc:.2f} (95% interval "
        f"{interval(told.low, told.high)}; 0.5 is guessing), and as many training rows with {floor.auc:.2f}."
    )
    if told.low <= 0.5:
        note += " It found no difference, so that the columns and rows below gave hardly anything away."
    groups = [
        Group([_betraying_columns(table)], heading="Columns that gave samples away", note=(
            "How far the AUC falls if the column is shuffled among the rows that are judged; how like its distribution "
            "is to that of held-out rows, where 1 is equal; and the column with which it goes together least as in "
            "held-out rows. In brackets: real rows.")),
        Group([_betraying_rows(table, look)], heading="Samples that gave themselves away", note=(
            "Those that were held for synthetic most surely, by their values in the columns that gave away most.")),
    ]  # fmt: skip
    return Picture("quality", "Is it good?", note, groups)


def _betraying_columns(table: TableQuality) -> Table:
    order = np.argsort(-table.told.columns, kind="stable")[:NAMED_COLUMNS]
    lines: list[list[str | tuple[str, str]]] = []
    for j in order:
        others = np.where(np.arange(len(table.names)) == j, np.inf, np.nan_to_num(table.trends[j], nan=np.inf))
        k = int(others.argmin())
        pair = ("", "–")
        if np.isfinite(others[k]):
            pair = (table.names[k], f"{table.trends[j, k]:.3f} ({table.real_trends[j, k]:.3f})")
        lines.append(
            [
                table.names[j],
                signed(f"{max(0.0, table.told.columns[j]):.3f}"),
                f"{table.shapes[j]:.3f} ({table.real_shapes[j]:.3f})",
                pair,
            ]
        )
    return Table(["column", "AUC falls by", "shape", "least like in pairs"], lines)


def _betraying_rows(table: TableQuality, look: Rows) -> Table:
    order = np.argsort(-table.told.columns, kind="stable")[:SHOWN_CELLS]
    sure = np.sort(table.told.suspicion_other)
    lines: list[list[str | tuple[str, str]]] = [
        [f"{1 - sure[i]:.0%}", *((table.names[j], cell(look, j, row[j])) for j in order)]
        for i, row in enumerate(table.betraying_rows(NAMED_ROWS))
    ]
    return Table(["synthetic", *[""] * len(order)], lines)


def privacy(content: Content) -> Picture | None:
    """Return what was tried to find out about training rows by means of samples."""
    table = content.table
    if table is None:
        return None
    near, closest = table.nearer, table.closest
    lines: list[list[str | tuple[str, str]]] = [
        ["copies of a training row", f"{table.copies:.2%}", f"{table.real_copies:.2%}", _copies(table)],
        [
            "nearer to training than to held-out rows",
            f"{near.share:.1%} ({100 * near.low:.0f} to {100 * near.high:.0f}%)",
            "50%",
            _verdict(near.low, near.high),
        ],
    ]
    for name, share in QUANTILES.items():
        made, real = (float(np.quantile(d, share)) for d in (closest.of_other, closest.of_held_out))
        lines.append([f"distance to training rows, {name}", f"{made:.3f}", f"{real:.3f}", _far(made, real)])
    attacks: dict[str, Area] = table.attack._asdict()
    for name, area in attacks.items():
        lines.append(
            [
                f"attack by {name}, AUC",
                f"{area.auc:.3f} ({interval(area.low, area.high)})",
                "0.500",
                _verdict(area.low, area.high),
            ]
        )
    distances = {"held-out": closest.of_held_out, "samples": closest.of_other}
    caption = "Samples that lie far nearer to training rows than held-out rows do would be copies."
    groups = [
        Group([Table(["what was tried", "samples", "real rows", "what it says"], lines)]),
        Group([histogram(distances, "distance to the nearest training row", caption, trim=0.0)]),
    ]
    note = (
        "Attempts to find out who was among the training rows, by means of the samples. None of them proves that the "
        "rows are private: a failed attempt only says that this attempt failed."
    )
    details = (
        "What each attempt does",
        "Distances add up the columns: a number's difference over its range, 1 for categories that differ (Gower "
        "1971). Shares of rows nearer to training may look harmless although an attack succeeds (Yao et al. 2025, "
        "arXiv 2505.01524), hence both. The attack by distance takes a row for a training row if a sample lies near it "
        "(Chen et al. 2020); the attack by density compares the density of samples with that of other real rows, and "
        "finds places where the model has more rows than the data do (van Breugel et al. 2023). An AUC of 0.5 is "
        "guessing, 1 finds every training row; in brackets the 95% interval. Attacks that see the model itself, or "
        "that know a person's other columns, were not tried.",
    )
    return Picture("privacy", "Is it private?", note, groups, details)


def _copies(table: TableQuality) -> str:
    return "more than by chance" if table.copies > table.real_copies + 0.01 else "no more than by chance"


def _far(made: float, real: float) -> str:
    return "nearer" if made < 0.9 * real else "farther" if made > 1.1 * real else "as far"


def _verdict(low: float, high: float) -> str:
    """Return what an interval says that holds 0.5 if nothing was found."""
    if low > RECOGNISED:
        return "recognises rows"
    if low > 0.5:
        return "a trace"
    return "found nothing" if high >= 0.5 else "below chance"


def completions(content: Content) -> Picture | None:
    """Return the errors on hidden cells, column by column, beside those of guessing."""
    made = content.completions
    if made is None or content.subject is None or not len(made.judged):
        return None
    names = content.look.names
    lines: list[list[str | tuple[str, str]]] = [
        [
            names[j],
            f"{1 - error:.1%} right" if category else f"{error:.2f} σ off",
            f"{1 - guess:.1%} right" if category else f"{guess:.2f} σ off",
        ]
        for j, category, error, guess in zip(made.judged, made.categories, made.errors, made.guessed, strict=True)
    ]
    note = (
        f"A fifth of the cells of {made.rows:,} held-out rows were hidden and filled in by the model: categories by "
        "their likeliest level, numbers by their mean given the rest of the row (root mean squared error over the "
        "column's deviation). Beside it a guess that does not look at the row: the commonest level, the mean."
    )
    return Picture("completions", "Hidden cells", note, [Group([Table(["column", "completed", "guessed"], lines)])])


def columns(content: Content) -> Picture | None:
    """Return a table's columns in held-out rows and in samples: their distributions, and their correlations."""
    made, look = content.columns, content.look
    if made is None or not isinstance(look, Rows):
        return None
    panels = [_column(made, look, int(j)) for j in made.shown]
    note = f"Each column in held-out rows and in {made.of}, those farthest apart first."
    if len(made.names) > len(panels):
        count = f"{len(panels)} of {len(made.names)}"
        note = f"The {count} columns that are farthest apart in held-out rows and in {made.of}."
    note += " Their distance is the largest gap between the two distribution functions (Smirnov 1948)"
    note += "; of categories, half the sum of the differences of their shares." if made.categories else "."
    groups = [Group(panels, "grid")]
    if len(made.names) - len(made.categories) > 1:
        groups.append(_correlations(made))
    return Picture("columns", "Columns", note, groups)


def _column(made: TableColumns, look: Rows, j: int) -> Panel:
    """Return one column: shares of a category's levels, a histogram of a number."""
    title, caption = made.names[j], f"Distance {made.distances[j]:.2f}."
    values = {"held-out rows": made.real[:, j], made.of: made.made[:, j]}
    known = {name: v[~np.isnan(v)] for name, v in values.items()}
    missing = [np.isnan(v).mean() for v in values.values()]
    if any(missing):
        caption += f" Missing: {missing[0]:.1%} of held-out rows, {missing[1]:.1%} of {made.of}."
    if j in made.categories and all(len(v) for v in known.values()):
        levels, counts = np.unique(np.rint(np.concatenate(list(known.values()))), return_counts=True)
        shown = levels[np.argsort(-counts, kind="stable")[:SHOWN_LEVELS]]
        shares = {name: np.array([np.mean(np.rint(v) == level) for level in shown]) for name, v in known.items()}
        if len(levels) > len(shown):
            caption += f" The {len(shown)} commonest of {len(levels)} levels."
        return Shares([cell(look, j, level) for level in shown], shares, title, caption)
    if not all(len(v) for v in known.values()):
        return Table(["column", "values"], [[title, "missing in all rows of a kind"]])
    chart: Chart = histogram(known, title, caption, trim=0.005)
    return replace(chart, title=title, x=replace(chart.x, label=""))


def _correlations(made: TableColumns) -> Group:
    """Return correlations of columns as coloured squares: in real rows, in what the model makes, and the difference."""
    named = [
        f"{made.names[a]} and {made.names[b]}: {signed(f'{made.real_correlations[a, b]:.2f}')} in held-out rows, "
        f"{signed(f'{made.made_correlations[a, b]:.2f}')} in {made.of}"
        for a, b in made.pairs
    ]
    plain = np.array([j for j in range(len(made.names)) if j not in made.categories])
    shown = plain[even_subset(len(plain), SQUARES)]
    names = [made.names[j] for j in shown]
    matrices = {
        "held-out rows": made.real_correlations,
        made.of: made.made_correlations,
        "difference": made.made_correlations - made.real_correlations,
    }
    panels = [Matrix(names, values[np.ix_(shown, shown)], title) for title, values in matrices.items()]
    note = "A square for each two columns, in the order of the data: red is +1, white 0, blue −1. "
    note += f"Farthest apart are {'; '.join(named)}." if named else ""
    return Group(panels, "grid", "Correlations of numbers" if made.categories else "Correlations", note)
