"""Reading: an array or a table from a file or a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, first_line, nearest
from ..frames import Table, import_polars, table, without_index
from ..spooling import parquet_blocks, parquet_files, spool, visible_files
from .arrays import ARRAYS, read_archive, read_array
from .images import IMAGES, read_images
from .separated import SEPARATORS, read_separated

if TYPE_CHECKING:
    import polars

__all__ = ["SUFFIXES", "read", "read_frame"]

SUFFIXES = (*SEPARATORS, ".parquet", *ARRAYS)
"""The suffixes of files that are read and written."""

SPOOL_BYTES = 2**28
"""Bytes of Parquet above which a table is not read into memory but put into a memory map."""


def read(path: str | Path) -> Table:
    """Read an array or a table.

    Parameters
    ----------
    path : ``.csv`` or ``.tsv`` with a line of names; ``.parquet``; a folder of Parquet files, which is one table;
        ``.npy``, which is mapped and not copied; ``.npz``, as ``file.npz:key`` where it holds several arrays; or a
        folder of images of one size, grey (N, H, W) or colour (N, 3, H, W), uint8, upright as a viewer shows them; of
        16 bits a pixel the upper 8 are kept. Folders are read with those below them, in the order of their paths.

    Missing values of a table come as NaN, truth values as 0 and 1. Columns of one numeric type keep it; otherwise
    the values are float64. The index that pandas wrote beside its columns is left out, with a warning. A table of more
    than 256 MB of Parquet is mapped.

    Raises
    ------
    DataError : the file is missing (the nearest name is given), damaged or empty, a row is too long or too short, or
        a column holds text; rows count from 0, as in the array.
    MissingExtraError : a table needs polars, an image Pillow.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.csv")
    ...     _ = path.write_text("mass,charge\\n1.5,-1\\n,2\\n")
    ...     read(path)
    Table(values=array([[ 1.5, -1. ],
           [ nan,  2. ]]), columns=['mass', 'charge'])
    """
    text, _, key = str(path).partition(".npz:")
    place = Path(f"{text}.npz") if key else Path(path)
    if not place.exists():
        folder = place.parent
        near = nearest(place.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
        raise DataError(f"{place}: no such file{near}")
    suffix = place.suffix.lower()
    if place.is_dir():
        found = _read_folder(place)
    elif suffix == ".npy":
        found = Table(read_array(place))
    elif suffix == ".npz":
        found = Table(read_archive(place, key))
    elif suffix == ".parquet":
        found = _read_parquet(place)
    elif suffix in SEPARATORS:
        found = table(place, read_frame(place))
    else:
        raise DataError(f"{place}: unknown suffix {suffix!r}; known: {', '.join(SUFFIXES)} and folders of images")
    if found.values.ndim == 0 or found.values.size == 0:
        raise DataError(f"{place}: holds no rows: its shape is {found.values.shape}")
    return found


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


def _read_parquet(place: Path) -> Table:
    """Return one table from a Parquet file, or from those in a folder."""
    if sum(file.stat().st_size for file in parquet_files(place)) > SPOOL_BYTES:
        return Table(spool(place), next(parquet_blocks(place)).columns)
    return table(place, read_frame(place))


def _read_folder(place: Path) -> Table:
    if parquet_files(place):
        return _read_parquet(place)
    files = visible_files(place)
    images = [p for p in files if p.suffix.lower() in IMAGES]
    if images:
        return Table(read_images(images))
    kinds = Counter(file.suffix.lower() or "no suffix" for file in files).most_common(3)
    held = ", ".join(f"{count} with {suffix}" for suffix, count in kinds) or "no files"
    raise DataError(f"{place}: a folder without images ({', '.join(IMAGES)}) or Parquet files; it holds {held}")
