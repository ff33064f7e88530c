"""Reading: an array or a table from a file or a folder."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, first_line, nearest
from ..frames import Table, import_polars, some, table, without_index
from ..spooling import parquet_blocks, parquet_files, spool, visible_files
from .arrays import ARRAYS, read_archive, read_array
from .images import IMAGES, read_images
from .separated import SEPARATORS, read_separated

if TYPE_CHECKING:
    import polars

__all__ = ["SUFFIXES", "chosen", "no_such_file", "read", "read_frame", "read_table", "selected"]

SUFFIXES = (*SEPARATORS, ".parquet", *ARRAYS)
"""The suffixes of files that are read and written."""

SPOOL_BYTES = 2**28
"""Bytes of Parquet above which a table is not read into memory but put into a memory map."""


def read(path: str | Path, columns: Sequence[str] | None = None, *, without: Sequence[str] = ()) -> Table:
    """Read an array or a table of numbers.

    Parameters
    ----------
    path : ``.csv`` or ``.tsv`` with a line of names; ``.parquet``; a folder of Parquet files, which is one table;
        ``.npy``, which is mapped and not copied; ``.npz``, as ``file.npz:key`` where it holds several arrays; or a
        folder of images of one size, grey (N, H, W) or colour (N, 3, H, W), uint8, upright as a viewer shows them; of
        16 bits a pixel the upper 8 are kept. Folders are read with those below them, in the order of their paths.
    columns : of a table, those to return and their order; None is all. Of the others, those that name the rows (text or
        whole numbers, each once) are in ``ids``; where others are lost, a warning names them all.
    without : of a table, columns that are left out, treated like those others.

    Missing values of a table come as NaN, truth values as 0 and 1. Columns of one numeric type keep it; otherwise
    the values are float64. The index that pandas wrote beside its columns is left out, with a warning. A table of more
    than 256 MB of Parquet is mapped.

    Raises
    ------
    DataError : the file is missing (the nearest name is given), damaged or empty, a row is too long or too short, a
        column holds text, or one is missing; rows count from 0, as in the array.
    MissingExtraError : a table needs polars, an image Pillow.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.csv")
    ...     _ = path.write_text("mass,charge\\n1.5,-1\\n,2\\n")
    ...     read(path)
    Table(values=array([[ 1.5, -1. ],
           [ nan,  2. ]]), columns=['mass', 'charge'])
    """
    found = read_table(path, columns, without=without)
    if found.values.ndim == 0 or found.values.size == 0:
        raise DataError(f"{path}: holds no rows: its shape is {found.values.shape}")
    return found


def read_table(path: str | Path, columns: Sequence[str] | None = None, *, without: Sequence[str] = ()) -> Table:
    """Read what `read` does, or a table with columns of any kind, which are in its ``frame``.

    Only its ``values`` have to be numbers, when they are asked for.
    """
    text, _, key = str(path).partition(".npz:")
    place = Path(f"{text}.npz") if key else Path(path)
    if not place.exists():
        raise no_such_file(place)
    suffix = place.suffix.lower()
    if place.is_dir():
        found = _read_folder(place, columns, without)
    elif suffix == ".npy":
        found = Table(read_array(place))
    elif suffix == ".npz":
        found = Table(read_archive(place, key))
    elif suffix == ".parquet":
        found = _read_parquet(place, columns, without)
    elif suffix in SEPARATORS:
        found = selected(place, read_frame(place), columns, without)
    else:
        raise DataError(f"{place}: unknown suffix {suffix!r}; known: {', '.join(SUFFIXES)} and folders of images")
    if without and found.columns is None:
        raise DataError(f"{place}: its columns have no names, so {without[0]!r} cannot be left out")
    return found


def no_such_file(place: Path) -> DataError:
    """Return the error that a file is not there, with the nearest name of those in its folder."""
    folder = place.parent
    near = nearest(place.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
    return DataError(f"{place}: no such file{near}")


def read_frame(path: Path) -> polars.DataFrame:
    """Read a table as a polars frame, text columns too; errors are those of `read`."""
    pl = import_polars()
    separator = SEPARATORS.get(path.suffix.lower())
    try:
        if separator is not None:
            frame = without_index(path, read_separated(path, separator))
        else:
            frame = pl.concat([pl.DataFrame(), *parquet_blocks(path)], how="diagonal")
    except pl.exceptions.NoDataError:
        raise DataError(f"{path}: is empty") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: cannot be read: {first_line(error)}") from None
    if frame.height == 0:
        raise DataError(f"{path}: holds no rows")
    return frame


def _read_parquet(place: Path, columns: Sequence[str] | None, without: Sequence[str]) -> Table:
    """Return one table from a Parquet file, or from those in a folder."""
    if sum(file.stat().st_size for file in parquet_files(place)) <= SPOOL_BYTES:
        return selected(place, read_frame(place), columns, without)
    there = next(parquet_blocks(place)).columns
    kept = chosen(place, there, columns, without)
    rows = spool(table(place, block.select(kept)).values for block in parquet_blocks(place))
    return Table(rows, kept)


def selected(
    place: str | Path, frame: polars.DataFrame, columns: Sequence[str] | None, without: Sequence[str] = ()
) -> Table:
    """Return the columns that are asked for as a table; the others name the rows, or are left out with a warning.

    Parameters
    ----------
    place : where the frame was read from, which a message names.
    columns, without : as in `read`.
    """
    kept = chosen(place, frame.columns, columns, without)
    others = [column for column in frame.get_columns() if column.name not in (*kept, *without)]
    ids = [c for c in others if (c.dtype.is_integer() or c.dtype == import_polars().String) and _each_once(c)]
    if len(others) > len(ids):
        said = [f"{c.name!r} (kept as the rows' names)" if any(c is i for i in ids) else repr(c.name) for c in others]
        warnings.warn(f"{place}: columns that the model does not take are left out: {some(said)}", stacklevel=4)
    return table(place, frame.select(kept), {column.name: column.to_list() for column in ids})


def _each_once(column: polars.Series) -> bool:
    return column.null_count() == 0 and column.n_unique() == len(column)


def chosen(
    place: str | Path, there: Sequence[str], columns: Sequence[str] | None, without: Sequence[str] = ()
) -> list[str]:
    """Return the names of the columns that are asked for; raise `DataError` if one is missing."""
    missing = [name for name in (*(columns or ()), *without) if name not in there]
    if missing:
        others = [name for name in there if name not in (columns or ())]
        raise DataError(
            f"{place}: lacks {'columns' if len(missing) > 1 else 'the column'} {some(list(map(repr, missing)))}"
            f"{nearest(missing[0], others)}; it has {some(list(map(repr, there)))}"
        )
    kept = [name for name in (there if columns is None else columns) if name not in without]
    if not kept:
        raise DataError(f"{place}: no column is left")
    return kept


def _read_folder(place: Path, columns: Sequence[str] | None, without: Sequence[str]) -> Table:
    if parquet_files(place):
        return _read_parquet(place, columns, without)
    files = visible_files(place)
    images = [p for p in files if p.suffix.lower() in IMAGES]
    if images:
        return Table(read_images(images), ids={"file": [p.relative_to(place).as_posix() for p in images]})
    kinds = Counter(file.suffix.lower() or "no suffix" for file in files).most_common(3)
    held = ", ".join(f"{count} with {suffix}" for suffix, count in kinds) or "no files"
    raise DataError(f"{place}: a folder without images ({', '.join(IMAGES)}) or Parquet files; it holds {held}")
