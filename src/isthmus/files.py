"""Arrays and tables from files and to files, by suffix; what is written is whole or not there."""

from __future__ import annotations

import csv
import math
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .atomic import atomic_file, atomic_folder
from .errors import DataError, MissingExtraError, nearest

__all__ = ["SUFFIXES", "Table", "check_writable", "read", "read_frame", "table", "write"]

SUFFIXES = (".csv", ".tsv", ".parquet", ".npy", ".npz")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
SEPARATORS = {".csv": ",", ".tsv": "\t"}
MISSING = ("", "na", "n/a", "nan", "null", "none")
"""What stands for a missing value in a text file, in any case of letters."""

SPOOLED = 2**28
"""Bytes above which a Parquet file is not read into memory but put into a memory map, without its columns' names."""

_DAMAGE = (OSError, EOFError, ValueError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What NumPy and the standard library raise for a file that is not what it should be."""


@dataclass(frozen=True, eq=False)
class Table:
    """Values (N, ...) and, where the file names them, the columns."""

    values: np.ndarray
    columns: list[str] | None = None


def read(path: str | Path) -> Table:
    """Read an array or a table.

    Parameters
    ----------
    path : ``.csv`` or ``.tsv`` with a line of names; ``.parquet``; a folder of Parquet files, which is mapped and comes
        without names, as does a file of more than 256 MB; ``.npy``, which is mapped and not copied; ``.npz``,
        as ``file.npz:key`` where it holds several arrays; or a folder of images of one size in the order of their
        names, grey (N, H, W) or colour (N, 3, H, W), uint8; of 16 bits a pixel the upper 8 are kept.

    Missing values of a table come as NaN, truth values as 0 and 1. Columns of one numeric type keep it; otherwise
    the values are float64.

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
    table = _read_folder(place) if place.is_dir() else _reader(place)(place, key)
    if table.values.ndim == 0 or table.values.size == 0:
        raise DataError(f"{place}: holds no rows: its shape is {table.values.shape}")
    return table


def _read_folder(place: Path) -> Table:
    return _read_spooled(place) if any(place.glob("*.parquet")) else _read_images(place)


def _read_spooled(place: Path) -> Table:
    from .spooling import spool

    return Table(spool(place))


def _reader(path: Path) -> Callable[[Path, str], Table]:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: unknown suffix {suffix!r}; known: {', '.join(SUFFIXES)} and folders of images")
    return {".npy": _read_npy, ".npz": _read_npz}.get(suffix, _read_frame)


def _damaged(path: Path, error: Exception) -> DataError:
    lines = str(error).strip().splitlines()
    return DataError(f"{path}: cannot be read: {lines[0] if lines else type(error).__name__}")


def _numeric(path: Path, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "buif":
        raise DataError(f"{path}: values of type {values.dtype} are not numbers")
    return values


def _read_npy(path: Path, key: str) -> Table:
    try:
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise DataError(f"{path}: cannot be read: it is empty or not a NumPy array")
        return Table(_numeric(path, np.load(path, mmap_mode="r", allow_pickle=False)))
    except DataError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _read_npz(path: Path, key: str) -> Table:
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: cannot be read: it is not a whole NumPy archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            values = np.asarray(archive[_key(path, key, archive.files)])
    except DataError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    return Table(_numeric(path, values))


def _key(path: Path, key: str, held: list[str]) -> str:
    """Return the name of the array that is meant among those an archive holds."""
    if not held:
        raise DataError(f"{path}: holds no arrays")
    if not key and len(held) > 1:
        raise DataError(f"{path} holds {', '.join(held)}; say which: {path}:{held[0]}")
    if key and key not in held:
        raise DataError(f"{path} holds no {key!r}{nearest(key, held)}; it holds {', '.join(held)}")
    return key or held[0]


def import_polars() -> Any:
    """Return polars, or say how to install it."""
    try:
        import polars
    except ImportError:
        raise MissingExtraError("polars", "tables", "reading and writing CSV and Parquet") from None
    return polars


def _read_frame(path: Path, key: str) -> Table:
    if path.suffix.lower() == ".parquet" and path.stat().st_size > SPOOLED:
        return _read_spooled(path)
    return table(path, read_frame(path))


def table(path: Path, frame: Any) -> Table:
    """Return a frame that was read from `path` as numbers; raise `DataError` naming the columns that hold none."""
    return Table(_array(_numbers(path, frame)), list(frame.columns))


def read_frame(path: Path) -> Any:
    """Read a table as a polars frame, its columns as they come, text too; errors are those of `read`."""
    pl = import_polars()
    separator = SEPARATORS.get(path.suffix.lower())
    try:
        frame = _read_text(path, separator) if separator else pl.read_parquet(path)
        if frame.height == 0:
            raise DataError(f"{path}: holds no rows")
        return frame
    except pl.exceptions.NoDataError:
        raise DataError(f"{path}: is empty") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(path, error) from None


def _read_text(path: Path, separator: str) -> Any:
    """Read separated values, refusing rows that are too long or too short; lines that are blank are skipped."""
    pl = import_polars()
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema_length=None)
    except pl.exceptions.NoDataError:
        raise
    except pl.exceptions.PolarsError:
        _blank_rows(path, separator)  # names the row, if that is what is wrong
        raise
    names = [" ".join(name.split()) for name in frame.columns]
    _check_names(path, names, separator)
    frame.columns = names
    if frame.width > 1 and frame.height and frame.to_series(-1).null_count():
        keep = np.ones(frame.height, dtype=bool)
        keep[_blank_rows(path, separator)] = False
        frame = frame.filter(keep)
    return frame


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
        raise _damaged(path, error) from None
    return blank


def _check_names(path: Path, names: list[str], separator: str) -> None:
    """Refuse a first line that was misread: other separators or letters, or a row of data (an axis is welcome)."""
    if any("\ufffd" in name for name in names):
        raise DataError(f"{path}: the names of the columns are not UTF-8; save the file as UTF-8")
    other = next((s for s in ";\t," if s != separator and len(names) == 1 and s in names[0]), None)
    if other is not None:
        raise DataError(f"{path}: columns are separated by {other!r}, not by {separator!r}; save it with {separator!r}")
    try:
        numbers = [float(re.sub(r"_duplicated_\d+$", "", name)) for name in names]
    except ValueError:
        return
    if not (all(a < b for a, b in pairwise(numbers)) or all(a > b for a, b in pairwise(numbers))):
        raise DataError(f"{path}: the first line holds numbers, not the columns' names; put a line of names above it")


def _numbers(path: Path, frame: Any) -> Any:
    """Return the frame with text that spells numbers, truth values or missing values read as such."""
    read = {column.name: _spelt(column) for column in frame.get_columns()}
    text = [name for name, (_, first) in read.items() if first is not None]
    if text:
        first = read[text[0]][1]
        raise DataError(
            f"{path}: columns {', '.join(text[:3])}{f' and {len(text) - 3} more' if text[3:] else ''} hold no numbers "
            f"(row {first} of {text[0]!r}: {str(frame[text[0]][first])[:30]!r}); encode them or leave them out"
        )
    return frame.with_columns(column for column, _ in read.values())


def _spelt(column: Any) -> tuple[Any, int | None]:
    """Return a column as numbers, and the first row that holds none."""
    pl = import_polars()
    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        return column, None
    if column.dtype != pl.String:
        return column, column.is_not_null().arg_max()
    words = {**dict.fromkeys(MISSING), "true": "1", "false": "0"}
    text = column.str.strip_chars().str.to_lowercase().replace(words)
    numbers = text.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & text.is_not_null()
    return numbers, wrong.arg_max() if wrong.any() else None


def _array(frame: Any) -> np.ndarray:
    """Return (N, columns) in the columns' own type if they share one that NumPy has and miss nothing, else float64."""
    pl = import_polars()
    kinds = set(frame.dtypes)
    own = len(kinds) == 1 and all((k.is_float() or k.is_integer()) and k not in (pl.Int128, pl.UInt128) for k in kinds)
    missing = any(column.null_count() for column in frame.get_columns())
    values: np.ndarray = (frame if own and not missing else frame.cast(pl.Float64)).to_numpy(order="c")
    return values


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("pillow", "images", "reading and writing images") from None
    return Image


def _read_images(folder: Path) -> Table:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGES and not p.name.startswith("."))
    if not paths:
        raise DataError(f"{folder}: a folder without images ({', '.join(IMAGES)})")
    first = _read_image(paths[0])
    images = np.empty((len(paths), *first.shape), np.uint8)
    for i, path in enumerate(paths):
        image = _read_image(path)
        if image.shape != first.shape:
            raise DataError(
                f"{path}: is {_size(image.shape)}, {paths[0].name} is {_size(first.shape)}; make all images alike"
            )
        images[i] = image
    return Table(images)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}×{shape[-2]} {'grey' if len(shape) == 2 else 'colour'}"


def _read_image(path: Path) -> np.ndarray:
    """Return an image as uint8, grey (H, W) or colour (3, H, W)."""
    Image = _pillow()
    try:
        with Image.open(path) as image:
            if image.mode == "F":
                raise DataError(f"{path}: its pixels are floating-point numbers; save the images as one .npy file")
            if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
                upper: np.ndarray = np.clip(np.array(image), 0, 65535) // 256
                return upper.astype(np.uint8)
            if image.mode in ("1", "L", "LA", "La"):
                return np.array(image.convert("L"))
            return np.moveaxis(np.array(image.convert("RGB")), -1, 0)
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from None


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
        _pillow()


def write(path: str | Path, values: np.ndarray, columns: Sequence[str] | None = None) -> None:
    """Write values by suffix; the file takes its place only once it is complete.

    Parameters
    ----------
    path : ``.csv``, ``.tsv`` or ``.parquet``, a row a sample; ``.npy``; ``.npz``, as ``values``; without a suffix, a
        folder of PNGs.
    values : numbers (N, ...). For images (N, H, W) or (N, C, H, W), C = 1 or 3: integers 0 to 255, or floating point
        in [0, 1], or up to 255 where any exceeds 2; what strays outside is clipped.
    columns : names for a table's columns, else ``x0``, ``x1``, ...

    Raises
    ------
    DataError : the place cannot be written to, names do not fit, or the values are no images where a folder is asked
        for.
    MissingExtraError : a table needs polars, an image Pillow.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "x.csv"), np.eye(2), ["a", "b"])
    ...     Path(folder, "x.csv").read_text()
    'a,b\\n1.0,0.0\\n0.0,1.0\\n'
    """
    check_writable(path)
    place = Path(path)
    suffix = place.suffix.lower()
    values = _numeric(place, np.asarray(values))
    if not suffix:
        pixels = _pixels(place, values)
        with atomic_folder(place, DataError) as folder:
            _write_images(folder, pixels)
        return
    with atomic_file(place, DataError) as draft:
        if suffix in (".npy", ".npz"):
            with draft.open("wb") as file:
                if suffix == ".npy":
                    np.save(_Writer(file.write), values, allow_pickle=False)
                else:
                    np.savez_compressed(file, values=values)
        else:
            _write_frame(draft, SEPARATORS.get(suffix), values, _names(place, values, columns))


class _Writer(NamedTuple):
    """A file as NumPy writes to it by Python's own calls; by C's, a full disk would go unnoticed."""

    write: Callable[[bytes], int]


def _names(place: Path, values: np.ndarray, columns: Sequence[str] | None) -> list[str]:
    width = math.prod(values.shape[1:])
    names = [f"x{i}" for i in range(width)] if columns is None else [str(name) for name in columns]
    if len(names) != width:
        raise DataError(f"{place}: {len(names)} names do not go with {width} columns")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{place}: two columns are named {twice!r}; give each its own name")
    return names


def _write_frame(path: Path, separator: str | None, values: np.ndarray, names: list[str]) -> None:
    pl = import_polars()
    frame = pl.DataFrame(values.reshape(len(values), len(names)), schema=names, orient="row")
    try:
        if separator is None:
            frame.write_parquet(path)
        else:
            frame.write_csv(path, separator=separator)
    except pl.exceptions.PolarsError as error:
        raise OSError(str(error).strip().splitlines()[0]) from None


def _pixels(place: Path, values: np.ndarray) -> np.ndarray:
    """Return images as Pillow takes them: uint8, (N, H, W) or (N, H, W, 3)."""
    if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[1] not in (1, 3)) or values.size == 0:
        raise DataError(
            f"{place}: values of shape {values.shape} are no images; choose a suffix: {', '.join(SUFFIXES)}"
        )
    if not np.isfinite(values).all():
        row = np.argwhere(~np.isfinite(values))[0, 0]
        raise DataError(f"{place}: image {row} holds NaN or infinity; choose a suffix: {', '.join(SUFFIXES)}")
    if values.dtype.kind in "fb":  # a reconstruction of [0, 1] may stray a little beyond 1
        values = np.round(values * (255.0 if values.max() <= 2 else 1.0))
    pixels: np.ndarray = np.clip(values, 0, 255).astype(np.uint8)
    if pixels.ndim == 3:
        return pixels
    return pixels[:, 0] if pixels.shape[1] == 1 else np.moveaxis(pixels, 1, -1)


def _write_images(folder: Path, pixels: np.ndarray) -> None:
    Image = _pillow()
    digits = len(str(len(pixels) - 1))
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{i:0{digits}d}.png")
