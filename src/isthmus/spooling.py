"""Rows that do not fit in memory: written once to an array on disk, from which a fit reads batches."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from .errors import DataError, first_line
from .frames import import_polars, named_columns, table
from .typing import ArrayLike

if TYPE_CHECKING:
    import polars

__all__ = ["parquet_blocks", "parquet_files", "spool", "visible_files"]

BLOCK_ROWS = 2**16
"""Rows of a Parquet file that are in memory at once."""


def spool(source: str | Path | Iterable[ArrayLike], folder: str | Path | None = None) -> np.ndarray:
    """Return rows as one memory-mapped, read-only array on disk, (N, ...), in their own dtype.

    Training visits rows in random order. A memory map allows that; a Parquet file or a stream of batches does not. Only
    one batch is in memory while the array is written, and only a few batches while a model is fitted.

    Parameters
    ----------
    source : a ``.parquet`` file or a folder of them, with columns of numbers (an index that pandas wrote is left out);
        or an iterable of batches of rows (n, ...), all with the same dtype and row shape.
    folder : the folder for the array's file; None is the system's temporary folder. The file is removed together with
        the array.

    Raises
    ------
    DataError : there are no rows, two batches differ in dtype or shape, a column holds text, or the disk is full.
    MissingExtraError : Parquet needs polars.

    >>> X = spool(np.full((2, 3), i, dtype=np.uint8) for i in range(4))
    >>> X.shape, X.dtype, X[:, 0].tolist()
    ((8, 3), dtype('uint8'), [0, 0, 1, 1, 2, 2, 3, 3])
    """
    if isinstance(source, str | Path):
        batches = (table(source, block).values for block in parquet_blocks(Path(source)))
    else:
        batches = (np.asarray(batch) for batch in source)
    place: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(prefix="isthmus-", suffix=".rows", dir=folder, delete=False) as file:
            place = Path(file.name)
            count, first = _write(file, batches)
        rows: np.ndarray = np.memmap(place, dtype=first.dtype, mode="r", shape=(count, *first.shape[1:]))
    except BaseException as error:
        if place is not None:
            place.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DataError(f"{folder or tempfile.gettempdir()}: rows cannot be written: {error.strerror}") from None
        raise
    weakref.finalize(rows, place.unlink, missing_ok=True)
    return rows


def _write(file: IO[bytes], batches: Iterable[np.ndarray]) -> tuple[int, np.ndarray]:
    """Write batches one after another; return the number of rows, and the first batch."""
    count, first = 0, None
    for number, batch in enumerate(batches):
        if batch.dtype.kind not in "buif" or batch.ndim < 2:
            raise DataError(
                f"batch {number} is {batch.dtype} of shape {batch.shape}; it must be rows of numbers (n, ...)"
            )
        first = batch if first is None else first
        here, there = (f"{b.shape[1:]} {b.dtype}" for b in (batch, first))
        if here != there:
            raise DataError(f"batch {number} has rows of {here}, but the first batch has rows of {there}")
        file.write(np.ascontiguousarray(batch).tobytes())
        count += len(batch)
    if first is None or count == 0:
        raise DataError("there are no rows to spool: the source is empty")
    return count, first


def visible_files(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders, sorted by path, without hidden files and folders."""
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(f for f in found if not any(part.startswith(".") for part in f.relative_to(folder).parts))


def parquet_files(place: Path) -> list[Path]:
    """Return a Parquet file itself, or the Parquet files of a folder and its subfolders, sorted by path."""
    if place.is_dir():
        return [file for file in visible_files(place) if file.suffix.lower() == ".parquet"]
    return [place] if place.is_file() else []


def parquet_blocks(place: Path) -> Iterator[polars.DataFrame]:
    """Yield the rows of a Parquet file, or of a folder of them, in blocks; pandas' index is left out, with a warning.

    Raises
    ------
    DataError : there is no such file, the files differ in their columns, or one is damaged.
    """
    pl = import_polars()
    files = parquet_files(place)
    if not files:
        raise DataError(f"{place}: there is no Parquet file here, nor a folder of them")
    try:
        rows = pl.scan_parquet(files, hive_partitioning=False)
        rows = rows.select(named_columns(place, rows.collect_schema().names()))
        total = rows.select(pl.len()).collect().item()
        for start in range(0, total, BLOCK_ROWS):
            yield rows.slice(start, BLOCK_ROWS).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{place}: cannot be read: {first_line(error)}") from None
