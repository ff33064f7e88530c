"""``isthmus inspect | diagnose | report``: what a fitted model is, and whether it is any good."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import CompositionError
from .options import Data, Device, ModelFolder, Seed
from .rows import as_frame, column_names, conditions_of, is_data_set, read_rows, rows_for
from .words import advised

__all__ = ["diagnose", "inspect", "report"]


def inspect(model: ModelFolder) -> None:
    """Show what a model's folder holds.

    Example: isthmus inspect model/
    """
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from ..persistence import describe

    rich = RichTable(title=Text(str(model)), show_header=False)
    for name, value in describe(model).items():
        rich.add_row(name, Text(value))  # a unit in a column's name, such as [m/s], is not markup
    Console().print(rich)


def diagnose(
    model: ModelFolder,
    data: Data,
    train: Annotated[
        str | None,
        typer.Option(
            help="The rows that the model was fitted on, to find over-fitting and memorised samples. A named data set "
            "brings its own."
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Judge a model by rows that it was not fitted on: what is wrong, what is healthy, and what to try.

    Example: isthmus diagnose model/ held-out.csv --train data.csv
    """
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from .. import load
    from ..diagnosis import diagnose as judge
    from ..diagnosis import worst_first

    estimator = load(model, device=device)
    if train is None and is_data_set(data):
        train = data
    training_rows = None if train is None else as_frame(rows_for(estimator, train, training=True))
    rows = as_frame(rows_for(estimator, data))
    verdicts = judge(estimator, rows, training_rows, random_state=seed)
    rich = RichTable(
        "about", "status", "what was found", "what to try", title=Text(f"{model}: {type(estimator).__name__}")
    )
    colours = {"fault": "bold red", "warning": "yellow", "healthy": "green"}
    for verdict in worst_first(verdicts):
        status = Text(verdict.status, style=colours[verdict.status])
        rich.add_row(verdict.about, status, Text(verdict.statement), Text(advised(verdict.advice)))
    Console().print(rich)


def report(
    model: ModelFolder,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Rows that the model was not fitted on: a path, or the name of a data set, which brings its test "
            "rows, training rows and labels. Without data, the report shows only what needs none."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The HTML file to write.")] = Path("report.html"),
    train: Annotated[
        str | None,
        typer.Option(
            help="The rows that the model was fitted on: they add nearest rows, over-fitting, a comparison with PCA, "
            "and the scores that real rows reach."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="A column of the data, of numbers or text, or a file with one label for each row."),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Write one HTML file that works offline: is the model any good, and what does it look like?

    Example: isthmus report model/ digits -o report.html
    """
    from .. import load
    from ..report.page import check_page
    from ..report.page import report as write_report

    check_page(out)
    if data is None and (train is not None or labels is not None):
        raise CompositionError("--train and --labels go with held-out rows: isthmus report MODEL DATA ...")
    estimator = load(model, device=device)
    held_out, held_out_labels, training_rows, training_labels = _rows_and_labels(estimator, data, train, labels)
    write_report(
        estimator,
        held_out,
        out,
        training_rows,
        labels=held_out_labels,
        train_labels=training_labels,
        data=data or "",
        command=shlex.join(["isthmus", *sys.argv[1:]]),
        random_state=seed,
    )
    print(f"report: {out}")


def _rows_and_labels(
    estimator: Any, data: str | None, train: str | None, labels: str | None
) -> tuple[Any, Any, Any, Any]:
    """Return held-out rows and their labels, training rows and their labels; None for each that is missing."""
    from .. import datasets
    from ..labels import labels_in, read_labels

    if data is None:
        return None, None, None, None
    if is_data_set(data):
        found = datasets.load(data)
        table = rows_for(estimator, data)
        held_out_labels = found.test_labels if labels is None else read_labels(labels, len(table))
        training = rows_for(estimator, train or data, training=True)
        training_labels = found.train_labels if labels is None and train is None else None
        return as_frame(table), held_out_labels, as_frame(training), training_labels
    held_out_labels = None if labels is None else labels_in(data, labels)
    if labels is not None and held_out_labels is None and not Path(labels.partition(".npz:")[0]).exists():
        read_labels(labels, 0, read_rows(data, training=False).columns or ())  # says which columns there are
    training_labels = None if labels is None or train is None else labels_in(train, labels)
    taken = [*(column_names(estimator) or ()), *conditions_of(estimator)]

    def without(found: Any) -> list[str]:
        return [] if found is None or labels is None or labels in taken else [labels]

    table = rows_for(estimator, data, without=without(held_out_labels))
    if labels is not None and held_out_labels is None:
        held_out_labels = read_labels(labels, len(table))
    if train is None:
        return as_frame(table), held_out_labels, None, None
    training = rows_for(estimator, train, training=True, without=without(training_labels))
    return as_frame(table), held_out_labels, as_frame(training), training_labels
