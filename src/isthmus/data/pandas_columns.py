"""Columns of pandas: read as cells, and made of cells in their own type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import DataError
from .cells import Cells, as_text, within
from .objects import read_objects, write_objects

__all__ = ["assemble", "read", "write"]


def read(name: str, series: Any) -> Cells:
    """Return a column of a pandas frame as cells.

    >>> import pandas as pd
    >>> cells = read("a", pd.Series([1, None], dtype="Int64"))
    >>> cells.values.tolist(), cells.gaps.tolist(), cells.dtype
    ([1, 0], [False, True], 'Int64')
    """
    import pandas as pd

    dtype, gaps = series.dtype, series.isna().to_numpy(dtype=bool)
    if isinstance(dtype, pd.SparseDtype):
        raise DataError("Sparse data was passed for X, but dense data is required: X.sparse.to_dense()")
    if isinstance(dtype, pd.CategoricalDtype):
        levels, of = _levels(dtype.categories)
        values = np.zeros(len(series), dtype=object)
        values[~gaps] = np.array([*levels, None], dtype=object)[:-1][series.cat.codes.to_numpy()[~gaps]]
        return Cells("label", values, gaps, "category", categories=levels, ordered=bool(dtype.ordered), of=of)
    if isinstance(dtype, pd.PeriodDtype):
        return _times("date", series.dt.to_timestamp(), gaps, str(dtype))
    kind = dtype.kind if isinstance(dtype, np.dtype | pd.DatetimeTZDtype) or _is_nullable(dtype) else "O"
    if kind == "b":
        return Cells("boolean", series.fillna(False).to_numpy(dtype=bool), gaps, str(dtype))
    if kind in "iu":
        wide = np.uint64 if str(dtype).lower() == "uint64" else np.int64
        return Cells("number", series.fillna(0).to_numpy(dtype=wide), gaps, str(dtype))
    if kind == "f":
        return Cells("number", series.to_numpy(dtype=np.float64, na_value=np.nan), gaps, str(dtype))
    if kind == "M":
        zone = getattr(dtype, "tz", None)
        plain = series if zone is None else series.dt.tz_convert("UTC").dt.tz_localize(None)
        return _times("date", plain, gaps, str(dtype), "" if zone is None else str(zone))
    if kind == "m":
        return _times("duration", series, gaps, str(dtype))
    return read_objects(name, series.to_numpy(dtype=object), gaps, str(dtype))


def _is_nullable(dtype: Any) -> bool:
    """Return whether a type is one of pandas' own numbers or truth values with gaps, such as ``Int64``."""
    return str(dtype) == "boolean" or str(dtype).rstrip("0123456789") in ("Int", "UInt", "Float")


def _times(sort: Any, series: Any, gaps: np.ndarray, dtype: str, zone: str = "") -> Cells:
    times = series.to_numpy()
    unit = np.datetime_data(times.dtype)[0]
    return Cells(sort, np.where(gaps, 0, times.astype(np.int64)), gaps, dtype, unit=unit, zone=zone)


def _levels(index: Any) -> tuple[tuple[Any, ...], str]:
    """Return the levels of a categorical type as text, numbers, truth values or pairs of ends, and their type."""
    dtype = str(index.dtype)
    if dtype.startswith("interval"):
        return tuple((pair.left, pair.right) for pair in index), dtype
    if index.dtype.kind in "Mm":
        return tuple(str(value) for value in index), dtype
    return tuple(value.item() if isinstance(value, np.generic) else value for value in index), dtype


def write(cells: Cells) -> Any:
    """Return cells as a pandas column of the type that they name, as far as it can hold them."""
    import pandas as pd

    dtype = cells.dtype
    if not dtype and cells.sort == "time":
        cells = replace(cells, values=cells.values.astype(f"m8[{cells.unit}]").astype("m8[us]").astype(np.int64))
        dtype, cells = "object", replace(cells, dtype="object[time]")
    if dtype.startswith("object"):
        return pd.Series(write_objects(cells), dtype=object)
    if dtype == "category":
        place = {level: number for number, level in enumerate(cells.categories or ())}
        codes = [-1 if gap else place[value] for value, gap in zip(cells.values.tolist(), cells.gaps, strict=True)]
        return pd.Series(pd.Categorical.from_codes(codes, categories=_index(cells), ordered=cells.ordered))
    if cells.sort == "label":
        return pd.Series(write_objects(cells), dtype=dtype or None)
    if dtype.startswith(("str", "large_string")):  # numbers or dates that were spelt
        return pd.Series(as_text(cells), dtype=dtype)
    if cells.sort in ("date", "duration"):
        series = _written_times(cells)
    else:
        series = pd.Series(within(cells.values, dtype)).astype(dtype or cells.values.dtype)
    return series.mask(cells.gaps) if cells.gaps.any() else series


def _written_times(cells: Cells) -> Any:
    """Return times as a pandas column; its finest unit for days is the second."""
    import pandas as pd

    letter = "m" if cells.sort == "duration" else "M"
    times = cells.values.astype(f"{letter}8[{cells.unit}]")
    series = pd.Series(times.astype(f"{letter}8[s]") if cells.unit == "D" else times)
    if cells.dtype.startswith("period"):
        return series.dt.to_period(cells.dtype.removeprefix("period[").removesuffix("]"))
    if cells.zone:
        series = series.dt.tz_localize("UTC").dt.tz_convert(cells.zone)
    return series.astype(cells.dtype or series.dtype)


def _index(cells: Cells) -> Any:
    """Return the levels of a categorical type as pandas has them."""
    import pandas as pd

    if cells.of.startswith("interval"):
        return pd.IntervalIndex.from_tuples(cells.categories, dtype=cells.of)
    return pd.Index(list(cells.categories or ()), dtype=cells.of or None)


def assemble(columns: dict[str, Cells], labels: Sequence[Any], like: Any) -> Any:
    """Return a frame of columns, with the index of `like` where there is one.

    Parameters
    ----------
    columns : cells by name.
    labels : the columns' labels, which need not be text.
    like : a pandas frame of as many rows, or None.
    """
    import pandas as pd

    frame = pd.DataFrame({number: write(cells) for number, cells in enumerate(columns.values())})
    frame.columns = pd.Index(labels)
    if like is not None:
        frame.index = like.index
    return frame
