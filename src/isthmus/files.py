"""Arrays and tables from files and to files, by suffix; what is written is whole or not there."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, MissingExtraError, nearest

__all__ = ["SUFFIXES", "Table", "check_writable", "read", "write"]

SUFFIXES = (".csv", ".tsv", ".parquet", ".npy", ".npz")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Table:
    """Values (N, ...) and, where the file names them, the columns."""

    values: np.ndarray
    columns: list[str] | None = None


def read(path: str | Path) -> Table:
    """Read an array or a table.

    Parameters
    ----------
    path : ``.csv``, ``.tsv``, ``.parquet``; ``.npy``, which is mapped and not copied; ``.npz``, as ``file.npz:key``
        where it holds several arrays; or a folder of images of one size, grey (N, H, W) or colour (N, 3, H, W), uint8.

    Raises
    ------
    DataError : the file is missing (the nearest name is given), damaged or empty, or a column holds text.
    """
    text, _, key = str(path).partition(".npz:")
    place = Path(f"{text}.npz") if key else Path(path)
    if not place.exists():
        folder = place.parent
        near = nearest(place.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
        raise DataError(f"{place}: no such file{near}")
    table = _read_images(place) if place.is_dir() else _reader(place)(place, key)
    if table.values.ndim == 0 or len(table.values) == 0:
        raise DataError(f"{place}: holds no rows")
    return table


def _reader(path: Path) -> Callable[[Path, str], Table]:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: unknown suffix {suffix!r}; known: {', '.join(SUFFIXES)} and folders of images")
    return {".npy": _read_npy, ".npz": _read_npz}.get(suffix, _read_frame)


def _read_npy(path: Path, key: str) -> Table:
    try:
        return Table(_numeric(path, np.load(path, mmap_mode="r", allow_pickle=False)))
    except (ValueError, OSError, EOFError) as error:
        raise _damaged(path, error) from None


def _read_npz(path: Path, key: str) -> Table:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not key and len(archive.files) != 1:
                raise DataError(f"{path} holds {', '.join(archive.files)}; say which: {path}:{archive.files[0]}")
            name = key or archive.files[0]
            if name not in archive.files:
                raise DataError(
                    f"{path} holds no {name!r}{nearest(name, archive.files)}; it holds {', '.join(archive.files)}"
                )
            return Table(_numeric(path, archive[name]))
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise error if isinstance(error, DataError) else _damaged(path, error) from None


def _numeric(path: Path, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "buif":
        raise DataError(f"{path}: holds values of type {values.dtype}, not numbers")
    return values


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read: {str(error).strip().splitlines()[0] if str(error).strip() else 'empty'}")


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        raise MissingExtraError("polars", "tables", "reading and writing CSV and Parquet") from None
    return polars


def _read_frame(path: Path, key: str) -> Table:
    pl = _polars()
    try:
        if path.suffix.lower() == ".parquet":
            frame = pl.read_parquet(path)
        else:
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            frame = pl.read_csv(path, separator=separator, infer_schema_length=None)
    except pl.exceptions.NoDataError:
        raise DataError(f"{path}: is empty") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(path, error) from None
    if frame.height == 0:
        raise DataError(f"{path}: holds no rows")
    text = [name for name, kind in frame.schema.items() if not kind.is_numeric() and kind not in (pl.Boolean, pl.Null)]
    if text:
        first = next((i for i, v in enumerate(frame[text[0]]) if v is not None and not _is_number(v)), 0)
        raise DataError(
            f"{path}: columns {', '.join(text[:3])}{' and more' if text[3:] else ''} hold no numbers (row {first} of "
            f"{text[0]!r}: {str(frame[text[0]][first])[:30]!r}); encode them or leave them out"
        )
    kinds = set(frame.dtypes)
    if frame.null_count().sum_horizontal().sum() or len(kinds) > 1:
        frame = frame.cast(pl.Float64)
    return Table(frame.to_numpy(), list(frame.columns))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("pillow", "images", "reading and writing images") from None
    return Image


def _read_images(folder: Path) -> Table:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGES)
    if not paths:
        raise DataError(f"{folder}: a folder without images ({', '.join(IMAGES)})")
    first, first_size = None, None
    arrays = []
    for path in paths:
        image = _read_image(path)
        first, first_size = first or path, first_size or image.shape
        if image.shape != first_size:
            raise DataError(
                f"{path}: is {_size(image.shape)}, {first.name} is {_size(first_size)}; make all images alike"
            )
        arrays.append(image)
    return Table(np.stack(arrays))


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}×{shape[-2]} {'grey' if len(shape) == 2 else 'colour'}"


def _read_image(path: Path) -> np.ndarray:
    Image = _pillow()
    try:
        with Image.open(path) as image:
            grey = image.mode in ("1", "L", "I;16", "I", "F", "LA")
            values = np.asarray(image.convert("L" if grey else "RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise _damaged(path, error) from None
    return values if grey else np.moveaxis(values, -1, 0)


def check_writable(path: str | Path) -> None:
    """Refuse, before any work is done, a place that `write` could not write to."""
    place = Path(path)
    if place.suffix and place.suffix.lower() not in SUFFIXES:
        raise DataError(f"{place}: unknown suffix {place.suffix!r}; known: {', '.join(SUFFIXES)}, or none for images")
    if not place.parent.is_dir():
        raise DataError(f"{place}: the folder {place.parent} does not exist; make it first")
    if place.is_dir() and (place.suffix or any(place.iterdir())):
        raise DataError(f"{place}: is a folder that is not empty; choose another place")
    if place.suffix.lower() in (".csv", ".tsv", ".parquet"):
        _polars()
    if not place.suffix:
        _pillow()


def write(path: str | Path, values: np.ndarray, columns: Sequence[str] | None = None) -> None:
    """Write values (N, ...) by suffix: CSV, TSV, Parquet a row a sample, NPY, NPZ; without suffix a folder of PNGs.

    The file takes its place only once it is complete.

    Raises
    ------
    DataError : the place cannot be written to, or the values are no images where a folder was asked for.
    """
    check_writable(path)
    place = Path(path)
    with _draft(place) as draft:
        match place.suffix.lower():
            case ".npy":
                np.save(draft, values, allow_pickle=False)
            case ".npz":
                np.savez_compressed(draft, values=values)
            case "":
                _write_images(draft, values)
            case suffix:
                _write_frame(draft, suffix, values, columns)


@contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """Yield a place beside the real one, and move it there if all went well."""
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        draft = folder / place.name
        yield draft
        if place.is_dir():
            place.rmdir()
        os.replace(draft, place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_frame(path: Path, suffix: str, values: np.ndarray, columns: Sequence[str] | None) -> None:
    pl = _polars()
    flat = values.reshape(len(values), -1)
    names = list(columns) if columns is not None else [f"x{i}" for i in range(flat.shape[1])]
    frame = pl.DataFrame(flat, schema=names, orient="row")
    if suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path, separator="\t" if suffix == ".tsv" else ",")


def _write_images(folder: Path, values: np.ndarray) -> None:
    if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[1] not in (1, 3)):
        raise DataError(f"samples of shape {values.shape[1:]} are no images; choose a suffix: {', '.join(SUFFIXES)}")
    Image = _pillow()
    scale = 1.0 if values.dtype == np.uint8 or values.max(initial=0) > 1 else 255.0
    pixels = np.clip(np.round(values * scale), 0, 255).astype(np.uint8)
    if pixels.ndim == 4:
        pixels = pixels[:, 0] if pixels.shape[1] == 1 else np.moveaxis(pixels, 1, -1)
    folder.mkdir()
    digits = max(1, math.ceil(math.log10(len(pixels) + 1)))
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{i:0{digits}d}.png")
