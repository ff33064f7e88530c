"""``isthmus detect``: which rows do not belong, at a rate of false alarms of one's choice, and why."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CompositionError, DataError, ModelFileError, nearest
from .options import Data, Device, Seed, Unseen, UnseenOption
from .rows import column_names, schema_with

if TYPE_CHECKING:
    import polars

    from ..data import Schema
    from ..detection import Detector, Judgement

__all__ = ["detect"]

TABLES = (".csv", ".tsv", ".parquet")


def detect(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="The table to write: csv, tsv or parquet.")],
    train: Annotated[
        str | None,
        typer.Option(help="Rows that are known to be usual, to fit on. By default the detector is fitted on the data."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A detector's folder, written by --save, to use instead of fitting one.")
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            "-s",
            help="The system whose score is used, with its arguments if it has any: -s vae -s 'vae latent_dim=4'. By "
            "default the distances to the nearest rows.",
        ),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="The share of usual rows that may raise an alarm; 0.05 by default.")
    ] = None,
    fdr: Annotated[float | None, typer.Option(help="The share of false alarms among all alarms.")] = None,
    budget: Annotated[int | None, typer.Option(help="The number of alarms.")] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            help="A column to copy to the output and to leave out of the fit; repeat it for several. By default those "
            "that look like names of the rows, since no value is there twice.",
        ),
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Add the columns that make each row unusual, and what was expected there.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Write every row, not only those that raise an alarm.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="An HTML page to write: how many alarms, which, why, and how sure that is.")
    ] = None,
    unseen: UnseenOption = Unseen.error,
    save: Annotated[Path | None, typer.Option(help="A folder to write the fitted detector to, for --model.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no summary.")] = False,
) -> None:
    """Write the rows that do not belong, the oddest first: how odd each is, and why.

    Example: isthmus detect today.csv --train clean.csv --out alarms.csv --fdr 0.1 --why
    """
    from .. import files, load
    from ..detection import Detector, alarm_at
    from ..report.page import check_page

    dial = {"alpha": 0.05} if alpha is fdr is budget is None else {"alpha": alpha, "fdr": fdr, "budget": budget}
    alarm = alarm_at(**dial)
    if out.suffix.lower() not in TABLES:
        raise DataError(f"{out}: alarms are a table; give a name that ends in {', '.join(TABLES)}")
    files.check_writable(out)
    if report is not None:
        check_page(report)
    if model is not None and (train is not None or system is not None):
        raise CompositionError("--model brings its own fit: leave --train and --system out")
    if model is None:
        usual, named = (None, []) if train is None else _usual(train, ids)
        kept, rows = _rows(data, ids, training=False, named=named)
        if usual is not None and hasattr(usual, "columns"):
            usual = usual.drop(kept.columns, strict=False)
            rows = _taken(data, rows, usual.columns)
        schema = schema_with(data, rows if usual is None else usual, unseen)
        detector, judged = _fitted(rows, usual, system, schema, seed, device)
    else:
        detector = load(model, device=device)
        if not isinstance(detector, Detector):
            raise ModelFileError(f"{model} holds no detector; write one with isthmus detect --save")
        kept, rows = _rows(data, ids, training=False, taken=column_names(detector) or ())
        rows = _taken(data, rows, column_names(detector))
        judged = detector.judge(rows)
    detector = detector.set_params(alarm=alarm)
    raised = alarm.alarms(judged.p_values, judged.mean_scores)
    judged = replace(judged, alarms=raised, level=alarm.level(judged.p_values, judged.mean_scores))
    if save is not None:
        detector.save(save)
    _write(out, _table(detector, judged, raised, rows, kept, why, every))
    own = model is None and train is None
    if report is not None:
        _write_page(report, detector, judged, rows, kept, own, data)
    if not quiet:
        print(_summary(alarm, int(raised.sum()), len(raised), own) + f"\nalarms: {out}")
        if report is not None:
            print(f"report: {report}")


def _rows(
    name: str, ids: list[str] | None, training: bool, named: Sequence[str] = (), taken: Sequence[str] = ()
) -> tuple[polars.DataFrame, Any]:
    """Return the columns to copy, as a frame, and the rows without them as a detector takes them.

    Parameters
    ----------
    ids : the columns to copy; None is those that look like names of the rows.
    training : whether the training rows of a named data set are meant.
    named : columns that are names of the rows, whatever they look like.
    taken : columns that are values, whatever they look like.
    """
    import polars as pl

    from ..data import Schema
    from ..files import read_frame
    from .rows import as_frame, read_rows

    place = Path(name)
    if place.suffix.lower() not in TABLES or not place.is_file():
        if ids:
            raise DataError(f"{name}: --id names columns, which only a csv, tsv or parquet file has")
        return pl.DataFrame(), as_frame(read_rows(name, training=training))
    frame = read_frame(place)
    for column in ids or ():
        if column not in frame.columns:
            raise DataError(f"{name}: there is no column {column!r}{nearest(column, frame.columns)}")
    found = () if ids is not None else {*Schema.learn(frame).ids, *named} - set(taken)
    kept = [column for column in frame.columns if column in found] if ids is None else ids
    return frame.select(kept), frame.drop(kept)


def _usual(name: str, ids: list[str] | None) -> tuple[Any, list[str]]:
    """Return the rows to fit on without their names, and the columns that these are in: `ids`, or what looks so."""
    kept, rows = _rows(name, None if ids is None else [], training=True)
    if ids is None or not hasattr(rows, "columns"):
        return rows, list(kept.columns)
    return rows.drop(ids, strict=False), ids


def _taken(name: str, rows: Any, columns: Sequence[str] | None) -> Any:
    """Return the columns that a detector takes, in its order; a line names others, which are ignored."""
    from ..files import selected

    named = columns is not None and hasattr(rows, "columns")
    return selected(name, rows, columns).frame if named else rows


def _fitted(
    rows: Any, usual: Any, system: str | None, schema: Schema | None, seed: int, device: str
) -> tuple[Detector, Judgement]:
    """Return a detector fitted on usual rows, or on the rows themselves, and what it says of the rows."""
    from ..detection import Detector
    from .systems import estimators_from

    estimator: Any = "auto" if system is None else estimators_from([system])[system]
    if system is not None:
        estimator.set_params(device=device, random_state=seed)
    if usual is not None:
        detector = Detector(estimator, schema=schema, random_state=seed).fit(usual)
        return detector, detector.judge(rows)
    detector = Detector(estimator, calibration="cross", trim="auto", schema=schema, random_state=seed).fit(rows)
    return detector, detector.judge_own(rows)


def _table(
    detector: Detector, judged: Judgement, raised: Any, rows: Any, kept: polars.DataFrame, why: bool, every: bool
) -> polars.DataFrame:
    """Return the table of alarms, the oddest row first."""
    import numpy as np
    import polars as pl

    order = np.lexsort((judged.mean_scores, judged.p_values))
    order = order if every else order[raised[order]]
    found = kept[order] if kept.width else pl.DataFrame()
    found = found.with_columns(
        pl.Series("row", order, dtype=pl.Int64),
        pl.Series("p_value", judged.p_values[order], dtype=pl.Float64),
        pl.Series("score", judged.mean_scores[order], dtype=pl.Float64),
        pl.Series("alarm", raised[order], dtype=pl.Boolean),
    )
    if not why:
        return found
    reasons = detector.explain(rows[order]) if len(order) else []
    return found.with_columns(
        pl.Series("columns", [", ".join(r.column for r in e.reasons) for e in reasons], dtype=pl.String),
        pl.Series("why", [str(explanation) for explanation in reasons], dtype=pl.String),
    )


def _write_page(
    place: Path, detector: Detector, judged: Judgement, rows: Any, kept: polars.DataFrame, own: bool, data: str
) -> None:
    from ..report.content.findings import Findings
    from ..report.findings import findings_page
    from ..report.page import write

    labels = [f"row {i}" for i in range(len(judged.rows))]
    if kept.width:
        labels = [" ".join(map(str, row)) for row in kept.iter_rows()]
    command = shlex.join(["isthmus", *sys.argv[1:]])
    findings = Findings.of(detector, rows, judged, labels, own=own, data=data, command=command)
    write(place, findings_page(findings))


def _write(out: Path, table: polars.DataFrame) -> None:
    from ..atomic import atomic_file

    with atomic_file(out, DataError) as draft:
        if out.suffix.lower() == ".parquet":
            table.write_parquet(draft)
        else:
            table.write_csv(draft, separator="\t" if out.suffix.lower() == ".tsv" else ",")


def _summary(alarm: Any, raised: int, rows: int, own: bool) -> str:
    """Return in words how many rows raise an alarm, and how often that would be wrong."""
    from ..detection import Budget, FalseAlarms

    if isinstance(alarm, FalseAlarms):
        wrong = f"of {rows} usual rows, about {math.ceil(alarm.alpha * rows)} would raise one too"
    elif isinstance(alarm, Budget):
        wrong = "as many as were asked for; p_value says how often a usual row looks as odd"
    else:
        wrong = f"at most {alarm.rate:.0%} of them are expected to be false".replace("%", " %")
    text = f"{raised} of {rows} rows raise an alarm: {wrong}"
    if own:
        text += "\nrows were held against each other; rows known to be usual (--train) say more"
    return text
