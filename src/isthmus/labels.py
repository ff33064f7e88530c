"""Labels of rows: a column of a table, or a file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import DataError, nearest
from .files import SEPARATORS, read, read_frame
from .frames import import_polars

if TYPE_CHECKING:
    import polars

__all__ = ["NO_LABEL", "labels_in", "read_labels"]

NO_LABEL = "(none)"
"""The label of a row that has none."""

TABLES = (*SEPARATORS, ".parquet")
"""The suffixes of files whose columns have names."""


def labels_in(path: str, column: str) -> np.ndarray | None:
    """Return a column of a table as labels; None if the file has no such column.

    Parameters
    ----------
    path : a ``.csv``, ``.tsv`` or ``.parquet`` file; any other has no columns.
    column : the name of the column, which may hold text or gaps.

    Raises
    ------
    DataError : it holds real numbers with gaps.
    """
    place = Path(path)
    if place.suffix.lower() not in TABLES or not place.is_file():
        return None
    frame = read_frame(place)
    return _labels(path, frame[column]) if column in frame.columns else None


def read_labels(path: str, rows: int, columns: Sequence[str] = ()) -> np.ndarray:
    """Return labels from a file, (rows,): the only column of a table, of text or numbers, or an array (N,).

    A text file may have a name above its labels or none: where there are as many lines as rows, the first is a label.

    Parameters
    ----------
    path : the file.
    rows : how many labels there must be.
    columns : names that `path` may have been meant for, said in the error where there is no such file.

    Raises
    ------
    DataError : there is no such file, it holds several columns, real numbers with gaps, or not a label for each row.
    """
    place = Path(path)
    if not Path(path.partition(".npz:")[0]).exists():
        known = f"; columns: {', '.join(columns[:8])}{', ...' if len(columns) > 8 else ''}" if columns else ""
        raise DataError(f"--labels {path}: neither a column of the data nor a file{nearest(path, columns)}{known}")
    if place.suffix.lower() not in TABLES or not place.is_file():
        labels = np.asarray(read(path).values).squeeze()
    else:
        frame = _column(place, rows)
        if frame.width != 1:
            raise DataError(f"{path}: holds {frame.width} columns; labels are one column, a row for each of the data's")
        labels = _labels(path, frame.to_series(0))
    if labels.shape != (rows,):
        raise DataError(f"{path}: labels of shape {labels.shape} do not go with {rows} rows")
    return labels


def _column(place: Path, rows: int) -> polars.DataFrame:
    """Return a table; a text file of one column and of as many lines as rows has no name above it."""
    separator = SEPARATORS.get(place.suffix.lower())
    if separator is not None:
        pl = import_polars()
        with suppress(pl.exceptions.PolarsError):  # what is wrong is then said by `read_frame`
            bare: polars.DataFrame = pl.read_csv(place, separator=separator, has_header=False, infer_schema_length=None)
            if bare.shape == (rows, 1):
                return bare
    return read_frame(place)


def _labels(path: str, column: polars.Series) -> np.ndarray:
    """Return a column as labels; a row without a value gets `NO_LABEL`, numbers beside it are then text."""
    pl = import_polars()
    if column.dtype.is_float():
        column = column.fill_nan(None)
    gaps = column.is_null()
    if not gaps.any():
        return column.to_numpy()
    if column.dtype.is_float() and (column.drop_nulls() % 1 != 0).any():
        raise DataError(
            f"{path}: row {gaps.arg_max()} of {column.name!r} has no value; fill it in or leave the row out"
        )
    whole = column.cast(pl.Int64) if column.dtype.is_float() else column
    return whole.cast(pl.String).fill_null(NO_LABEL).to_numpy()
