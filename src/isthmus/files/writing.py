"""Writing: an array, a table or images, by suffix; the file takes its place only once it is complete."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic import atomic_file, atomic_folder
from ..errors import DataError, first_line
from ..frames import import_polars
from .arrays import numeric, write_archive, write_array
from .images import as_pixels, import_pillow, write_images
from .reading import SUFFIXES
from .separated import SEPARATORS

if TYPE_CHECKING:
    import polars

__all__ = ["check_writable", "write"]


def check_writable(path: str | Path) -> None:
    """Refuse, before any work is done, a place that `write` could not write to.

    Raises
    ------
    DataError : the suffix is unknown, the folder above is missing or closed, or something else is there already.
    MissingExtraError : a table needs polars, a folder of images Pillow.

    >>> check_writable("codes.xlsx")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    isthmus.errors.DataError: codes.xlsx: unknown suffix '.xlsx'; known: .csv, .tsv, ...
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise DataError(f"{place}: unknown suffix {place.suffix!r}; known: {', '.join(SUFFIXES)}, or none for images")
    if not place.parent.is_dir():
        raise DataError(f"{place}: the folder {place.parent} does not exist; make it first")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise DataError(f"{place}: the folder {place.parent} cannot be written to; choose another place")
    if place.is_dir() and (suffix or any(place.iterdir())):
        raise DataError(f"{place}: is a folder that is not empty; choose another place")
    if not suffix and place.exists() and not place.is_dir():
        raise DataError(f"{place}: is a file, where a folder of images would go; choose another place or a suffix")
    if suffix in (*SEPARATORS, ".parquet"):
        import_polars()
    if not suffix:
        import_pillow()


def write(
    path: str | Path,
    values: np.ndarray | polars.DataFrame,
    columns: Sequence[str] | None = None,
    ids: Mapping[str, Sequence[Any]] | None = None,
) -> str:
    """Write values by suffix; the file takes its place only once it is complete.

    Parameters
    ----------
    path : ``.csv``, ``.tsv`` or ``.parquet``, a row a sample; ``.npy``; ``.npz``, as ``values``; without a suffix, a
        folder of PNGs.
    values : numbers (N, ...), or a polars frame with columns of any kind. For images (N, H, W) or (N, C, H, W), C = 1
        or 3: integers 0 to 255, or floating point in [0, 1], or up to 255 where any exceeds 2; what strays outside is
        clipped.
    columns : names for a table's columns, else ``x0``, ``x1``, ...
    ids : what names the rows, by name: columns that stand first in a table; pictures are written under the names in
        ``file``.

    Returns
    -------
    said : what was written, in words.

    Raises
    ------
    DataError : the place cannot be written to, names do not fit, or the values are no images where a folder is asked
        for.
    MissingExtraError : a table needs polars, an image Pillow.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "x.csv"), np.eye(2), ["a", "b"])
    ...     Path(folder, "x.csv").read_text()
    '2 rows, 2 columns'
    'a,b\\n1.0,0.0\\n0.0,1.0\\n'
    """
    check_writable(path)
    place = Path(path)
    suffix = place.suffix.lower()
    ids = ids or {}
    if suffix in (*SEPARATORS, ".parquet"):
        frame = _frame(place, values, columns, ids)
        with atomic_file(place, DataError) as draft:
            _write_frame(draft, SEPARATORS.get(suffix), frame)
        return f"{_counted(frame.height, 'row')}, {_counted(frame.width, 'column')}"
    array = numeric(place, np.asarray(values))
    if not suffix:
        pixels = as_pixels(place, array)
        with atomic_folder(place, DataError) as folder:
            write_images(folder, pixels, ids.get("file"))
        return f"{_counted(len(pixels), 'picture')} of {pixels.shape[2]}×{pixels.shape[1]} pixels"
    with atomic_file(place, DataError) as draft:
        (write_array if suffix == ".npy" else write_archive)(draft, array)
    return f"an array of shape {array.shape}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _frame(
    place: Path,
    values: np.ndarray | polars.DataFrame,
    columns: Sequence[str] | None,
    ids: Mapping[str, Sequence[Any]],
) -> polars.DataFrame:
    """Return values as a frame, with what names the rows first."""
    pl = import_polars()
    frame: polars.DataFrame
    if isinstance(values, np.ndarray):
        array = numeric(place, values)
        width = math.prod(array.shape[1:])
        names = [f"x{i}" for i in range(width)] if columns is None else [str(name) for name in columns]
        if len(names) != width:
            raise DataError(f"{place}: {len(names)} names do not go with {width} columns")
        _refuse_twice(place, [*ids, *names])
        frame = pl.DataFrame(array.reshape(len(array), width), schema=names, orient="row")
    else:
        _refuse_twice(place, [*ids, *values.columns])
        frame = values
    return pl.DataFrame(dict(ids)).hstack(frame) if ids else frame


def _refuse_twice(place: Path, names: Sequence[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{place}: two columns are named {twice!r}; give each its own name")


def _write_frame(path: Path, separator: str | None, frame: polars.DataFrame) -> None:
    pl = import_polars()
    try:
        if separator is None:
            frame.write_parquet(path)
        else:
            frame.write_csv(path, separator=separator)
    except pl.exceptions.PolarsError as error:
        raise OSError(first_line(error)) from None
