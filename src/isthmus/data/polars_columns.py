"""Columns of polars: read as cells, and made of cells in their own type. Arrow tables come as polars frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .cells import Cells, as_text, within
from .objects import read_objects, write_objects

__all__ = ["assemble", "read", "write"]

_SCALE = re.compile(r"Decimal\(.*?(\d+).*?(\d+)\)")


def read(name: str, series: Any) -> Cells:
    """Return a column of a polars frame as cells.

    >>> import polars as pl
    >>> cells = read("a", pl.Series(["x", None]))
    >>> cells.sort, cells.gaps.tolist(), cells.dtype
    ('label', [False, True], 'String')
    """
    import polars as pl

    dtype = series.dtype
    gaps = (series.is_null() | series.is_nan() if dtype.is_float() else series.is_null()).to_numpy()
    if dtype == pl.Boolean:
        return Cells("boolean", series.fill_null(False).to_numpy().astype(bool), gaps, "Boolean")
    if dtype.is_integer() and dtype not in (pl.Int128, pl.UInt128):
        wide = np.uint64 if dtype == pl.UInt64 else np.int64
        return Cells("number", series.fill_null(0).to_numpy().astype(wide), gaps, str(dtype))
    if dtype.is_numeric():
        return Cells("number", series.cast(pl.Float64).to_numpy().astype(np.float64), gaps, str(dtype))
    if dtype in (pl.Date, pl.Datetime, pl.Time, pl.Duration):
        sort = {pl.Time: "time", pl.Duration: "duration"}.get(dtype.base_type(), "date")
        unit = {pl.Date: "D", pl.Time: "ns"}.get(dtype.base_type()) or dtype.time_unit
        counts = series.to_physical().fill_null(0).to_numpy().astype(np.int64)
        zone = getattr(dtype, "time_zone", None) or ""
        return Cells(sort, counts, gaps, str(dtype.base_type()), unit=unit, zone=zone)  # type: ignore[arg-type]
    if dtype in (pl.Categorical, pl.Enum):
        declared = tuple(dtype.categories.to_list()) if dtype == pl.Enum else None
        values = series.cast(pl.String).to_numpy().astype(object)
        return Cells("label", values, gaps, str(dtype.base_type()), categories=declared)
    return read_objects(name, np.array([*series.to_list(), None], dtype=object)[:-1], gaps, str(dtype))


def write(name: str, cells: Cells) -> Any:
    """Return cells as a polars column of the type that they name, as far as it can hold them."""
    import polars as pl

    base = cells.dtype.partition("(")[0] or _plain(cells)
    if base in ("Date", "Datetime", "Time", "Duration"):
        counts = pl.Series(name, _counts(base, cells).astype(np.int32 if base == "Date" else np.int64))
        made = counts.cast(_of_times(base, cells))
    elif cells.sort == "label":
        made = pl.Series(name, [None if v is None else str(v) for v in write_objects(cells).tolist()], dtype=pl.String)
        made = made.cast(_of_labels(base, cells))
    elif base == "String":
        made = pl.Series(name, as_text(cells).tolist(), dtype=pl.String)
    elif base == "Decimal":
        digits = _SCALE.fullmatch(cells.dtype)
        assert digits is not None
        made = pl.Series(name, cells.values.astype(np.float64)).cast(pl.Decimal(int(digits[1]), int(digits[2])))
    else:
        made = pl.Series(name, within(cells.values, base)).cast(getattr(pl, base))
    if not cells.gaps.any():
        return made
    return pl.select(pl.when(pl.Series(~cells.gaps)).then(made).alias(name)).to_series()


def _plain(cells: Cells) -> str:
    """Return the name of the plain type for cells of that sort."""
    if cells.sort == "number":
        return "Int64" if cells.values.dtype.kind in "iuO" else "Float64"
    if cells.sort == "date":
        return "Date" if cells.unit == "D" else "Datetime"
    return {"label": "String", "boolean": "Boolean", "time": "Time", "duration": "Duration"}[cells.sort]


def _counts(base: str, cells: Cells) -> np.ndarray:
    """Return times counted in a unit that the type knows: its own, nanoseconds of a day, or milliseconds."""
    unit = "ns" if base == "Time" else "ms" if base != "Date" and cells.unit in ("D", "s") else cells.unit
    if unit == cells.unit:
        return cells.values
    return cells.values.astype(f"m8[{cells.unit}]").astype(f"m8[{unit}]").astype(np.int64)


def _of_times(base: str, cells: Cells) -> Any:
    import polars as pl

    unit: Any = "ms" if cells.unit in ("D", "s") else cells.unit
    if base == "Datetime":
        return pl.Datetime(unit, cells.zone or None)
    return pl.Duration(unit) if base == "Duration" else getattr(pl, base)


def _of_labels(base: str, cells: Cells) -> Any:
    import polars as pl

    return pl.Enum([str(level) for level in cells.categories or ()]) if base == "Enum" else getattr(pl, base)


def assemble(columns: dict[str, Cells], labels: Sequence[Any], like: Any) -> Any:
    """Return a frame of columns; polars has no index that `like` could give."""
    import polars as pl

    return pl.DataFrame([write(name, cells) for name, cells in columns.items()])
