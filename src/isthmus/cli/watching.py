"""``isthmus watch``: rows as they come, the alarms among them, and whether they drift."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from ..errors import DataError, ModelFileError, first_line
from .rows import column_names

if TYPE_CHECKING:
    import polars

__all__ = ["watch"]


def watch(
    detector: Annotated[Path, typer.Argument(help="A detector's folder, as isthmus detect --save writes it.")],
    data: Annotated[str, typer.Argument(help="A CSV file, or - for lines as they come, the first with names.")] = "-",
    alpha: Annotated[
        float | None,
        typer.Option(help="The share of usual rows that may raise an alarm; else the detector's own dial."),
    ] = None,
    fdr: Annotated[float | None, typer.Option(help="The share of false alarms among all alarms of a horizon.")] = None,
    horizon: Annotated[
        int | None, typer.Option(help="With --fdr: the rows among which false alarms are counted; 1,000 by default.")
    ] = None,
    drift: Annotated[float, typer.Option(help="The chance of ever raising a false alarm of drift.")] = 0.01,
    state: Annotated[
        Path | None, typer.Option(help="A file that keeps what was seen, so that the watch goes on after a restart.")
    ] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="A column to show and to leave out.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="The number of rows that are looked at together.")] = 1,
    why: Annotated[bool, typer.Option("--why", help="Say which columns make a row unusual.")] = False,
) -> None:
    """Read rows, write a line for each alarm, and one when rows have drifted away from those of the fit, or more did.

    Example: isthmus watch detector/ sensors.csv --alpha 0.001 --state watch.json

    Lines as they come: tail -n +1 -f sensors.csv | isthmus watch detector/ - --alpha 0.001 --state watch.json
    """
    from .. import load
    from ..detection import Detector, Watch
    from ..detection.alarms import HORIZON_ROWS
    from ..files import chosen
    from ..frames import some

    model = load(detector)
    if not isinstance(model, Detector):
        raise ModelFileError(f"{detector} holds no detector; write one with isthmus detect --save")
    if horizon is None and fdr is not None:
        horizon = HORIZON_ROWS
    if not alpha is fdr is horizon is None:
        model = model.at(alpha=alpha, fdr=fdr, horizon=horizon)
    watching = Watch.load(state, model) if state is not None and state.exists() else model.watch(drift)
    said, taken = "", column_names(model)
    with sys.stdin if data == "-" else _opened(data) as lines:
        for number, frame in enumerate(_batches(data, lines, batch)):
            start, kept = watching.rows, ids or []
            rows = frame.select(chosen(data, frame.columns, taken, kept))
            others = [repr(name) for name in frame.columns if name not in (*rows.columns, *kept)]
            if others and number == 0:
                warnings.warn(
                    f"{data}: columns that the detector does not take are left out: {some(others)}", stacklevel=2
                )
            found = watching.update(rows)
            _print_alarms(model, rows, frame.select(kept), found, start, why)
            if found.drifted and str(found) != said:
                said = str(found)
                print(said, flush=True)
            if state is not None:
                watching.save(state)


def _opened(path: str) -> TextIO:
    from ..files import no_such_file

    if not Path(path).exists():
        raise no_such_file(Path(path))
    try:
        return open(path, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _batches(name: str, lines: TextIO, size: int) -> Iterator[polars.DataFrame]:
    """Yield the lines of a CSV file as frames of at most so many rows; the first line has the names."""
    import polars as pl

    head = lines.readline()
    while some := "".join(islice(lines, size)):
        try:
            yield pl.read_csv(StringIO(head + some), infer_schema_length=None)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{name}: cannot be read: {first_line(error)}") from None


def _print_alarms(model: Any, rows: Any, kept: Any, found: Any, start: int, why: bool) -> None:
    """Write a line for each row of a batch that raises an alarm."""
    raised = found.alarms.nonzero()[0].tolist()
    reasons = [f": {explanation}" for explanation in model.explain(rows[raised])] if why and raised else []
    for i, reason in zip(raised, reasons or [""] * len(raised), strict=True):
        named = "".join(f" ({column} {kept[column][i]})" for column in kept.columns)
        print(f"row {start + i}{named}: p = {found.p_values[i]:.3g}{reason}", flush=True)
