"""Rows that do not fit in memory: put once into a memory-mapped array on disk, which a fit then streams."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from .errors import DataError
from .files import frame_values, import_polars

__all__ = ["spool"]

ROWS = 2**16
"""Rows of a Parquet file that are held at once."""


def spool(source: str | Path | Iterable[Any], folder: str | Path | None = None) -> np.ndarray:
    """Return rows as one array that lives on disk: (N, ...), mapped, read-only, in their own dtype.

    Training visits rows in random order, which neither a Parquet file nor a stream of batches can give; a memory map
    can. Only one batch is in memory while it is written, and a fit holds a few batches of it at a time.

    Parameters
    ----------
    source : a ``.parquet`` file or a folder of them, whose columns are numbers; or batches of rows (n, ...), all of one
        dtype and shape, from a list, a generator or a loader.
    folder : where the array is written; None is the system's temporary folder. It is removed with the array.

    Raises
    ------
    DataError : nothing came, a batch does not go with the first one, a column holds text, the disk is full.
    MissingExtraError : Parquet needs polars.

    >>> X = spool(np.full((2, 3), i, dtype=np.uint8) for i in range(4))
    >>> X.shape, X.dtype, X[:, 0].tolist()
    ((8, 3), dtype('uint8'), [0, 0, 1, 1, 2, 2, 3, 3])
    """
    batches = _of_parquet(Path(source)) if isinstance(source, str | Path) else map(np.asarray, source)
    place: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(prefix="isthmus-", suffix=".rows", dir=folder, delete=False) as file:
            place = Path(file.name)
            count, first = _written(file, batches)
        rows: np.ndarray = np.memmap(place, dtype=first.dtype, mode="r", shape=(count, *first.shape[1:]))
    except BaseException as error:
        if place is not None:
            place.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DataError(f"{folder or tempfile.gettempdir()}: rows cannot be written: {error.strerror}") from None
        raise
    weakref.finalize(rows, place.unlink, missing_ok=True)
    return rows


def _written(file: IO[bytes], batches: Iterable[np.ndarray]) -> tuple[int, np.ndarray]:
    """Write batches one after another; return how many rows they hold, and the first of them."""
    count, first = 0, None
    for number, batch in enumerate(batches):
        first = batch if first is None else first
        _refuse_another(number, batch, first)
        file.write(np.ascontiguousarray(batch).tobytes())
        count += len(batch)
    if first is None or count == 0:
        raise DataError("there are no rows to spool")
    return count, first


def _refuse_another(number: int, batch: np.ndarray, first: np.ndarray) -> None:
    if batch.dtype.kind not in "buif" or batch.ndim < 2:
        raise DataError(f"batch {number} is {batch.dtype} of shape {batch.shape}; it must be rows of numbers (n, ...)")
    here, there = (f"{b.shape[1:]} {b.dtype}" for b in (batch, first))
    if here != there:
        raise DataError(f"batch {number} holds rows of {here}, the first one of {there}")


def _of_parquet(place: Path) -> Iterator[np.ndarray]:
    pl = import_polars()
    if not place.exists() or (place.is_dir() and not any(place.glob("*.parquet"))):
        raise DataError(f"{place}: no such Parquet file, nor a folder of them")
    try:
        rows = pl.scan_parquet(place / "*.parquet" if place.is_dir() else place)
        total = rows.select(pl.len()).collect().item()
        for start in range(0, total, ROWS):
            yield frame_values(place, rows.slice(start, ROWS).collect()).values
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{place}: cannot be read: {str(error).strip().splitlines()[0]}") from None
