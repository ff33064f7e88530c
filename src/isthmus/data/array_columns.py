"""Columns of arrays, (N, d): read as cells, and made of cells in the array's own type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .cells import Cells, within
from .objects import read_objects, write_objects

__all__ = ["assemble", "read"]


def read(name: str, values: np.ndarray) -> Cells:
    """Return a column of an array as cells.

    >>> read("0", np.array([1.5, np.nan])).gaps.tolist()
    [False, True]
    """
    kind, dtype = values.dtype.kind, values.dtype.name
    if kind == "O":
        gaps = np.array([value is None or value != value for value in values.tolist()], dtype=bool)
        return read_objects(name, values, gaps)
    if kind in "US":
        return Cells("label", values.astype(str).astype(object), np.zeros(len(values), dtype=bool), "str")
    if kind == "b":
        return Cells("boolean", values, np.zeros(len(values), dtype=bool), dtype)
    if kind in "iu":
        wide = np.uint64 if dtype == "uint64" else np.int64
        return Cells("number", values.astype(wide), np.zeros(len(values), dtype=bool), dtype)
    numbers = values.astype(np.float64)
    return Cells("number", numbers, np.isnan(numbers), dtype)


def assemble(columns: dict[str, Cells], labels: Sequence[Any], like: Any) -> np.ndarray:
    """Return an array (N, d) of the one type that all columns have, or of objects."""
    types = {cells.dtype for cells in columns.values()}
    if len(types) == 1:
        (dtype,) = types
        if not dtype.startswith("object"):
            made = [within(cells.values, dtype).astype(dtype) for cells in columns.values()]
            array = np.stack(made, axis=1)
            gaps = np.stack([cells.gaps for cells in columns.values()], axis=1)
            return np.where(gaps, np.nan, array) if gaps.any() else array
    out = np.empty((len(next(iter(columns.values()))), len(columns)), dtype=object)
    for number, cells in enumerate(columns.values()):
        out[:, number] = write_objects(cells)
    return out
