"""Separated values, ``.csv`` and ``.tsv``: read by polars, and what is wrong with a file said in its own terms."""

from __future__ import annotations

import csv
import re
import warnings
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, first_line
from ..frames import import_polars

if TYPE_CHECKING:
    import polars

__all__ = ["SEPARATORS", "read_separated"]

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""What separates the values in a text file, by its suffix."""

OTHER_SEPARATORS = (";", "\t", "|", ",")

START_BYTES = 2**16
"""Bytes at the start of a file that are looked at to tell its form."""

AXIS_COLUMNS = 8
"""Columns from which numbers that only rise or only fall are no accident: one order in 8!/2 = 20,160."""


def read_separated(path: Path, separator: str) -> polars.DataFrame:
    """Return a text file as a frame; lines that are blank are skipped.

    Raises
    ------
    DataError : the file has another separator, other line ends or letters than UTF-8, a comment above the names, quotes
        after spaces, a first line of numbers that may be names or not, or a row that is too long or too short.
    """
    pl = import_polars()
    _check_start(path, separator)
    try:
        frame: polars.DataFrame = pl.read_csv(path, separator=separator, infer_schema_length=None)
    except pl.exceptions.NoDataError:
        raise
    except pl.exceptions.PolarsError:
        _blank_rows(path, separator)  # names the row, if that is what is wrong
        raise
    names = [" ".join(name.split()) for name in frame.columns]
    if any("\ufffd" in name for name in names):
        raise DataError(f"{path}: the names of the columns are not UTF-8; save the file as UTF-8")
    frame.columns = names
    if frame.width > 1 and frame.height and frame.to_series(-1).null_count():
        keep = np.ones(frame.height, dtype=bool)
        keep[_blank_rows(path, separator)] = False
        frame = frame.filter(keep)
    if _is_data(path, frame):
        bare: polars.DataFrame = pl.read_csv(path, separator=separator, has_header=False, infer_schema_length=None)
        bare.columns = [f"x{i}" for i in range(bare.width)]
        warnings.warn(
            f"{path}: its first line holds numbers like those below it and is read as a row; the columns are called "
            "x0, x1, ...",
            stacklevel=2,
        )
        return bare.filter(pl.any_horizontal(pl.all().is_not_null()))
    return frame


def _check_start(path: Path, separator: str) -> None:
    """Raise `DataError` if the first lines are not names and values with that separator between them."""
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: is UTF-16; save the file as UTF-8")
    if b"\r" in start and b"\n" not in start:
        raise DataError(f"{path}: its lines end in a carriage return alone; save it with line feeds (Unix or Windows)")
    lines = [line for line in start.decode("utf-8-sig", "replace").splitlines() if line.strip()][:2]
    if not lines:
        return
    names, values = lines[0], lines[-1]
    if names.startswith("#") and names.count(separator) != values.count(separator):
        raise DataError(f"{path}: begins with a comment ({names[:30]!r}); remove the lines that begin with '#'")
    bare = re.sub(r'"[^"]*"', "", names)
    other = next((s for s in OTHER_SEPARATORS if s in bare and separator not in bare), None)
    if other is not None:
        decimals = other != "," and separator == "," and "," in values
        points = ", and with points for decimal commas" if decimals else ""
        raise DataError(
            f"{path}: columns are separated by {other!r}, not by {separator!r}; save it with {separator!r}{points}"
        )
    spaced = re.search(re.escape(separator) + r" +\"", names)
    if spaced is not None:
        raise DataError(f"{path}: there are spaces between {separator!r} and the quotes; remove them")


def _blank_rows(path: Path, separator: str) -> list[int]:
    """Return which rows are blank lines; polars pads a short row silently, and does not say which row is too long."""
    blank = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, delimiter=separator)
            width = len(next((names for names in lines if names), []))
            for row, fields in enumerate(lines):
                if not fields:
                    blank.append(row)
                elif len(fields) != width:
                    raise DataError(f"{path}: row {row} holds {len(fields)} values, but there are {width} columns")
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {first_line(error)}") from None
    return blank


def _is_data(path: Path, frame: polars.DataFrame) -> bool:
    """Return whether the first line is a row of data; an axis, such as wavelengths, is welcome as names.

    An axis rises or falls, in equal steps or over many columns, and most of its numbers are none that their columns
    could hold. Numbers that count the columns name them, where the columns hold other than whole numbers.

    Raises
    ------
    DataError : the first line holds numbers that may be either.
    """
    try:
        names = [float(re.sub(r"_duplicated_\d+$", "", name) or "nan") for name in frame.columns]
    except ValueError:
        return False
    if np.isnan(names).all() or np.isnan(names[0]):  # nothing, or the place of an index above its numbers
        return False
    steps = np.array([after - before for before, after in pairwise(names)])
    one_way = bool((steps > 0).all() or (steps < 0).all())
    even = len(names) > 2 and bool(np.allclose(steps, steps.mean(), rtol=1e-3, atol=0))
    values = [column.cast(float, strict=False).drop_nulls().to_numpy() for column in frame.get_columns()]
    beyond = [not (len(v) and v.min() <= name <= v.max()) for name, v in zip(names, values, strict=True)]
    mostly_beyond = sum(beyond) > len(names) / 2
    if one_way and mostly_beyond and (even or len(names) >= AXIS_COLUMNS):
        return False
    counts = names[0] in (0, 1) and len(names) > 1 and bool((steps == 1).all())
    if counts and any((v % 1 != 0).any() for v in values):
        return False
    if counts or mostly_beyond:
        raise DataError(f"{path}: the first line holds numbers, not the columns' names; put a line of names above it")
    return True
