"""``isthmus complete``: a table with its gaps filled in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CompositionError, DataError
from .applying import model_for
from .options import Device, LeaveOut, OutFile, Seed
from .rows import as_frame, column_names, conditions_of, read_rows, rows_for

if TYPE_CHECKING:
    import polars

__all__ = ["complete"]

DRAW = "draw"
"""The column that numbers the completions."""


def complete(
    source: Annotated[
        str, typer.Argument(help="A folder that `isthmus fit` wrote, or a table to learn from and fill in.")
    ],
    data: Annotated[str | None, typer.Argument(help="The table to fill in, if the first argument is a model.")] = None,
    *,
    out: OutFile,
    draws: Annotated[
        int | None,
        typer.Option(
            help="The number of completions, drawn at random: all are written beneath each other, with their number in "
            "the column draw. By default each gap gets the best guess: the mean of a number, the likeliest category."
        ),
    ] = None,
    leave_out: LeaveOut = None,
    minutes: Annotated[float | None, typer.Option(help="The longest time that a fit may take.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show neither progress nor a summary.")] = False,
) -> None:
    """Fill in the gaps of a table; what is there stays as it is.

    Example: isthmus complete clinic.csv --out filled.csv

    Example: isthmus complete model/ new.csv --out filled.csv --draws 20
    """
    from .. import files

    files.check_writable(out)
    if draws is not None and draws < 1:
        raise CompositionError(f"--draws must be at least 1, got {draws}")
    if (Path(source) / "config.json").is_file():
        if data is None:
            raise CompositionError(
                f"{source} is a model; name the table to fill in: isthmus complete {source} DATA ..."
            )
        model = model_for("complete", Path(source), device)
        table = rows_for(model, data)
        rows, ids = as_frame(table), table.ids
        left_out: list[str] = []
    else:
        if data is not None:
            raise DataError(f"{source} is no model's folder; with a table alone, leave {data} out")
        rows, ids = as_frame(read_rows(source, training=True)), {}
        model, left_out = _learnt(rows, leave_out or [], seed, device, minutes, quiet)
    taken = rows.drop(left_out) if left_out else rows
    filled = model.complete(taken) if draws is None else model.complete(taken, n_draws=draws, random_state=seed)
    several = [filled] if draws is None else list(filled)
    whole = [_beside(rows, part, left_out or conditions_of(model)) for part in several]
    values = whole[0] if draws is None else _stacked(whole)
    names = column_names(model) if draws is None else None
    again = {name: list(column) * len(several) for name, column in ids.items()}
    said = files.write(out, values, names, again)
    if not quiet:
        print(f"filled {_gaps(taken, model):,} gaps\nwrote {out}: {said}")


def _learnt(
    rows: Any, leave_out: list[str], seed: int, device: str, minutes: float | None, quiet: bool
) -> tuple[Any, list[str]]:
    """Return a masked autoencoder of the rows, and the columns that it does not see."""
    from .. import MaskedAutoencoder, Training
    from ..data import Schema

    columns = list(getattr(rows, "columns", []))
    left_out = [*leave_out, *(name for name in Schema.learn(rows).ids if name in columns and name not in leave_out)]
    schema = Schema.learn(rows, dict.fromkeys(left_out))
    training = Training(max_time=None if minutes is None else 60 * minutes)
    model = MaskedAutoencoder(
        schema=schema, training=training, random_state=seed, device=device, verbose=0 if quiet else 1
    )
    return model.fit(rows.drop(left_out) if left_out else rows), left_out


def _beside(rows: Any, filled: Any, left_out: list[str]) -> Any:
    """Return completed rows with the columns that the model did not see in their places."""
    return rows.with_columns(filled.get_columns()) if left_out else filled


def _stacked(several: list[Any]) -> polars.DataFrame:
    """Return completions beneath each other, with the number of each in the first column."""
    import polars as pl

    frames = [part if isinstance(part, pl.DataFrame) else pl.DataFrame(part, orient="row") for part in several]
    if DRAW in frames[0].columns:
        raise DataError(f"the table has a column {DRAW!r}, which is to number the completions; rename it first")
    numbered = [frame.insert_column(0, pl.Series(DRAW, [i + 1] * frame.height)) for i, frame in enumerate(frames)]
    return pl.concat(numbered)


def _gaps(rows: Any, model: Any) -> int:
    """Return how many cells are missing."""
    import numpy as np

    return int(np.isnan(model.fitted_.rows(rows).astype(float)).sum())
