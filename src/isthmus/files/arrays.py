"""NumPy's own files: one array, mapped, or an archive of several."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError, first_line, nearest

__all__ = ["ARRAYS", "numeric", "read_archive", "read_array", "write_archive", "write_array"]

ARRAYS = (".npy", ".npz")
"""The suffixes of NumPy's files."""

_DAMAGE = (OSError, EOFError, ValueError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What NumPy and the standard library raise when a file is damaged."""


def numeric(path: Path, values: np.ndarray) -> np.ndarray:
    """Return the values; raise `DataError` if they are not numbers."""
    if values.dtype.kind not in "buif":
        raise DataError(f"{path}: values of type {values.dtype} are not numbers")
    return values


def read_array(path: Path) -> np.ndarray:
    """Return the array of a ``.npy`` file, mapped into memory and not copied."""
    try:
        with path.open("rb") as file:
            is_array = file.read(6) == b"\x93NUMPY"
        values = np.load(path, mmap_mode="r", allow_pickle=False) if is_array else None
    except _DAMAGE as error:
        raise DataError(f"{path}: cannot be read: {first_line(error)}") from None
    if values is None:
        raise DataError(f"{path}: cannot be read: it is empty or not a NumPy array")
    return numeric(path, values)


def read_archive(path: Path, key: str) -> np.ndarray:
    """Return the array of that name in a ``.npz`` file; without a name, the only one."""
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: cannot be read: it is not a whole NumPy archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return numeric(path, np.asarray(archive[_chosen(path, key, archive.files)]))
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{path}: cannot be read: {first_line(error)}") from None


def _chosen(path: Path, key: str, names: Sequence[str]) -> str:
    if not names:
        raise DataError(f"{path}: holds no arrays")
    if not key and len(names) > 1:
        raise DataError(f"{path} holds {', '.join(names)}; say which: {path}:{names[0]}")
    if key and key not in names:
        raise DataError(f"{path} holds no {key!r}{nearest(key, names)}; it holds {', '.join(names)}")
    return key or names[0]


class _Writer(NamedTuple):
    """A file as NumPy writes to it by Python's own calls; by C's, a full disk would go unnoticed."""

    write: Callable[[bytes], int]


def write_array(path: Path, values: np.ndarray) -> None:
    """Write a ``.npy`` file."""
    with path.open("wb") as file:
        np.save(_Writer(file.write), values, allow_pickle=False)


def write_archive(path: Path, values: np.ndarray) -> None:
    """Write a ``.npz`` file that holds the values under the name ``values``."""
    with path.open("wb") as file:
        np.savez_compressed(file, values=values)
