"""Labels from a column of a table, or from a separate file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import DataError, nearest
from ..files import read, read_frame
from ..frames import Table, table

__all__ = ["apart", "labels_of"]

_TABLES = (".csv", ".tsv", ".parquet")


def apart(path: str, column: str) -> tuple[Table, np.ndarray] | None:
    """Return a table without one of its columns, and that column; None if the file has no such column.

    The column may hold text; any other column of text is an error.
    """
    place = Path(path)
    if place.suffix.lower() not in _TABLES or not place.is_file():
        return None
    frame = read_frame(place)
    if column not in frame.columns:
        return None
    if frame.width == 1:
        raise DataError(f"{path}: {column!r} is its only column; nothing is left to report on")
    return table(place, frame.drop(column)), frame[column].to_numpy()


def labels_of(name: str, rows: int, columns: list[str] | None) -> np.ndarray:
    """Return labels from a file: the only column of a table, of text or numbers, or an array (N,).

    Raises
    ------
    DataError : neither a file nor a column has that name, the file has several columns, or labels and rows differ in
        number.
    """
    place = Path(name)
    if not Path(name.partition(".npz:")[0]).exists():
        hint = nearest(name, columns or [])
        known = f"; columns: {', '.join(columns[:8])}{', ...' if len(columns) > 8 else ''}" if columns else ""
        raise DataError(f"--labels {name}: neither a column of the data nor a file{hint}{known}")
    if place.suffix.lower() in _TABLES:
        frame = read_frame(place)
        if frame.width != 1:
            raise DataError(f"{name}: holds {frame.width} columns; labels are one column, a row for each of the data's")
        labels: np.ndarray = frame.to_series(0).to_numpy()
    else:
        labels = np.asarray(read(name).values).squeeze()
    if labels.shape != (rows,):
        raise DataError(f"{name}: labels of shape {labels.shape} do not go with {rows} rows")
    return labels
