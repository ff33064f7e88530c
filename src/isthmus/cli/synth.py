"""``isthmus synth``: a synthetic table, judged as it is written."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CompositionError, DataError, nearest
from .asking import given_from
from .options import Device, GivenValues, LeaveOut, OutFile, Seed, WhereTexts
from .rows import as_frame, read_rows

if TYPE_CHECKING:
    from ..report.content import Content

__all__ = ["synth"]

HELD_OUT_SHARE, MOST_HELD_OUT = 0.2, 10_000
"""The share of rows that is held out to judge by, and the largest number of them."""


def synth(
    data: Annotated[
        str, typer.Argument(help="The table to learn from: csv, tsv or parquet; or the name of a data set.")
    ],
    out: OutFile,
    rows: Annotated[
        int | None, typer.Option("--rows", "-n", help="The number of rows to write; by default as many as there are.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="An HTML file to write: are the rows good, are they private?")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="A column to predict, which measures how useful the rows are.")
    ] = None,
    given: GivenValues = None,
    where: WhereTexts = None,
    leave_out: LeaveOut = None,
    minutes: Annotated[
        float | None, typer.Option(help="The longest time that the fit may take; by default it ends by itself.")
    ] = None,
    gaps: Annotated[
        bool, typer.Option("--gaps/--no-gaps", help="Whether cells are empty as often as in the data.")
    ] = True,
    save: Annotated[Path | None, typer.Option(help="A folder to write the fitted model to.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress, only the answer.")] = False,
) -> None:
    """Write a synthetic table and say how good and how private it is.

    A masked autoencoder learns from four fifths of the rows; the others are held out, and the synthetic rows are judged
    by them. Columns that look like names of the rows are left out.

    Example: isthmus synth data.csv --rows 10000 --out new.csv --report r.html --target income
    """
    import numpy as np

    from .. import MaskedAutoencoder, Training, files
    from ..data import Schema
    from ..data.predicate import Predicate
    from ..report.content import Content
    from ..report.page import check_page, page, write

    files.check_writable(out)
    if report is not None:
        check_page(report)
    if rows is not None and rows < 1:
        raise CompositionError(f"--rows must be at least 1, got {rows}")
    frame = as_frame(read_rows(data, training=True, without=leave_out or ()))
    named = hasattr(frame, "columns")
    ids = list(Schema.learn(frame).ids) if named else []
    if ids:
        frame = frame.drop(ids)
        _say(f"left out {', '.join(map(repr, ids))}: such columns name the rows", quiet)
    schema = Schema.learn(frame)
    names = schema.names if named else [f"x{i}" for i in range(frame.shape[1])]
    if target is not None and target not in names:
        raise DataError(f"{data}: there is no column {target!r} to predict{nearest(target, names)}")
    fixed = given_from(given, schema, names if named else None)
    x = schema.encode(frame)
    meant = np.logical_and.reduce(
        [np.ones(len(x), dtype=bool)]
        + [Predicate(text)(x, schema.columns) for text in where or ()]
        + [x[:, i] == schema.number(i, value) for i, value in _places(fixed, names)]
    )
    order = np.random.default_rng(seed).permutation(len(x))
    held = min(round(HELD_OUT_SHARE * len(x)), MOST_HELD_OUT)
    held_out, train = np.sort(order[:held]), np.sort(order[held:])
    model = MaskedAutoencoder(
        schema=schema,
        training=Training(max_time=None if minutes is None else 60 * minutes),
        random_state=seed,
        device=device,
        verbose=0 if quiet else 1,
    )
    _say(f"learning from {len(train):,} of {len(x):,} rows and {x.shape[1]} columns", quiet)
    model.fit(frame[train])
    if save is not None:
        model.save(save)
    n = len(x) if rows is None else rows
    _say(f"drawing {n:,} rows", quiet)
    made = model.sample(n, random_state=seed, given=fixed, where=where, gaps=gaps and bool(np.isnan(x).any()))
    said = files.write(out, made, names)
    real, seen = held_out[meant[held_out]], train[meant[train]]
    print(f"wrote {out}: {said}, learnt from {len(train):,} rows; {len(real):,} others were held out to judge by")
    _say("judging", quiet)
    content = Content(
        model,
        frame[real] if len(real) else None,
        frame[seen] if len(real) and len(seen) else None,
        samples=made,
        target=target,
        data=data,
        command=shlex.join(["isthmus", *sys.argv[1:]]),
        seed=seed,
    )
    print("\n".join(_answer(content, bool(fixed or where))))
    if report is not None:
        write(report, page(content))
        print(f"Look at {report}, sections Is it good? and Is it private?")


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, file=sys.stderr)


def _places(fixed: dict[str | int, Any] | None, names: list[str]) -> list[tuple[int, Any]]:
    """Return the places of columns whose value is given, and the value."""
    return [(names.index(key) if isinstance(key, str) else key, value) for key, value in (fixed or {}).items()]


def _answer(content: Content, conditioned: bool) -> list[str]:
    """Return in plain words how good and how private the rows are, a line each."""
    from ..diagnosis.tables import likelihood_of_training_rows, memorised_rows
    from ..metrics.table_quality import FEWEST_JUDGED_ROWS

    table, subject = content.table, content.subject
    if table is None or subject is None:
        which = "that satisfy the conditions " if conditioned else ""
        return [f"Not judged: there are fewer than {FEWEST_JUDGED_ROWS} rows of a kind {which}to compare with."]
    told, floor, near, attack = table.told, table.real_told, table.nearer, table.attack
    found = told.low > 0.5 and told.auc > floor.auc
    most = table.names[int(told.columns.argmax())]
    lines = [
        f"Told apart: boosting tells them from real rows with an AUC of {told.auc:.2f} (real rows {floor.auc:.2f}; 0.5 "
        f"is guessing){f', most by the column {most}' if found else ''}.",
        f"Alike: columns by {table.shapes.mean():.1%} (real rows {table.real_shapes.mean():.1%}), least "
        f"{table.names[int(table.shapes.argmin())]}; pairs of columns by {table.trend(table.trends):.1%} "
        f"({table.trend(table.real_trends):.1%}).",
    ]
    if table.useful is not None:
        useful = table.useful
        lines.append(
            f"Useful: after training on them, boosting predicts {useful.target} with {useful.synthetic:.3f}; after "
            f"training on as many real rows, with {useful.real:.3f}."
        )
    lines += [
        f"Copies: {table.copies:.2%} of them equal a training row; of real rows, {table.real_copies:.2%} do.",
        f"Nearer: {near.share:.0%} lie nearer to a training row than to a held-out row ({near.low:.0%} to "
        f"{near.high:.0%}; 50% by chance).",
        f"Attacks: training rows are recognised with an AUC of {attack.distance.auc:.2f} by distance and "
        f"{attack.density.auc:.2f} by density (0.50 is guessing). This is what was tried; it does not prove privacy.",
    ]
    findings = memorised_rows(subject), likelihood_of_training_rows(subject)
    if any(found is not None and found.status != "healthy" for found in findings):
        lines.append(
            "Too few rows: parts of the training rows were learnt by heart. Learn from more rows, or for a shorter "
            "time (--minutes), before you pass these on."
        )
    return lines
