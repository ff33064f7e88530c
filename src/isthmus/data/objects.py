"""Columns of Python objects: what a pandas column of type ``object`` and an array of objects may hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ..errors import DataError
from .cells import Cells, as_text

__all__ = ["read_objects", "write_objects"]

DAY = dt.timedelta(days=1)
MICROSECOND = dt.timedelta(microseconds=1)
FIRST = dt.datetime(1970, 1, 1)
"""What points in time are counted from, in UTC; their zone is kept beside them."""


def read_objects(name: str, values: np.ndarray, gaps: np.ndarray, dtype: str = "object") -> Cells:
    """Return a column of objects as cells.

    Parameters
    ----------
    name : the column's, for errors.
    values : (N,), objects.
    gaps : where there is no value.
    dtype : the column's type; ``object`` is completed by what it holds, as in ``object[date]``.

    Raises
    ------
    DataError : the column holds objects that are no text, numbers, truth values, dates or times.

    >>> cells = read_objects("d", np.array([dt.date(2020, 1, 5), None], dtype=object), np.array([False, True]))
    >>> cells.sort, cells.unit, cells.dtype, str(np.datetime64(int(cells.values[0]), "D"))
    ('date', 'D', 'object[date]', '2020-01-05')
    """
    known = [value.item() if isinstance(value, np.generic) else value for value in values[~gaps].tolist()]
    types = {type(value) for value in known}

    def cells(sort: Any, numbers: Any, kind: type | None, of: str, **more: Any) -> Cells:
        filled = np.zeros(len(values), dtype=kind)
        filled[~gaps] = numbers
        return Cells(sort, filled, gaps, f"object[{of}]" if dtype == "object" else dtype, **more)

    if types == {bool}:
        return cells("boolean", known, bool, "bool")
    if types and types <= {int, float}:
        whole = types == {int} and all(-(2**63) <= value < 2**63 for value in known)
        return cells("number", known, np.int64 if whole else np.float64, "int" if types == {int} else "float")
    if types == {Decimal}:
        return cells("number", [float(value) for value in known], np.float64, "Decimal")
    if types == {dt.date}:
        return cells("date", [(value - FIRST.date()) // DAY for value in known], np.int64, "date", unit="D")
    if types and all(issubclass(t, dt.datetime) for t in types):
        zones = {value.tzinfo for value in known}
        zone = zones.pop() if len(zones) == 1 else dt.UTC
        counts = [(_in_utc(value) - FIRST) // MICROSECOND for value in known]
        return cells("date", counts, np.int64, "datetime", unit="us", zone="" if zone is None else str(zone))
    if types == {dt.time}:
        counts = [(dt.datetime.combine(FIRST.date(), value) - FIRST) // MICROSECOND for value in known]
        return cells("time", counts, np.int64, "time", unit="us")
    if types and all(issubclass(t, dt.timedelta) for t in types):
        return cells("duration", [value // MICROSECOND for value in known], np.int64, "timedelta", unit="us")
    odd = next((t for t in types if not issubclass(t, str | int | float | bool)), None)
    if odd is not None:
        raise DataError(
            f"column {name!r} holds {odd.__name__} objects; turn them into numbers or text, or leave it out"
        )
    return cells("label", known, object, "str") if types == {str} else cells("label", known, object, "")


def _in_utc(value: dt.datetime) -> dt.datetime:
    """Return a point in time without its zone, in UTC."""
    return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)


def _exact(number: float) -> Decimal:
    return Decimal(repr(number))


_MAKE: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "int": int,
    "float": float,
    "Decimal": _exact,
    "date": lambda days: FIRST.date() + int(days) * DAY,
    "datetime": lambda count: FIRST + int(count) * MICROSECOND,
    "time": lambda count: (FIRST + int(count) * MICROSECOND).time(),
    "timedelta": lambda count: int(count) * MICROSECOND,
}
"""How a value is made of a number, by what ``object[...]`` says."""


def write_objects(cells: Cells) -> np.ndarray:
    """Return cells as objects, (N,), a gap as None; their type says what objects.

    >>> write_objects(Cells("number", np.array([1.25, 2.0]), np.array([False, True]), "object[Decimal]")).tolist()
    [Decimal('1.25'), None]
    """
    make = _MAKE.get(cells.dtype.removeprefix("object[").removesuffix("]"), lambda value: value)
    out = np.empty(len(cells), dtype=object)
    if cells.sort == "label":
        out[:] = cells.values
    elif cells.dtype == "object[str]":
        out[:] = as_text(cells)
    else:
        made = [make(value) for value in cells.values.tolist()]
        if cells.zone:
            zone = ZoneInfo(cells.zone)
            made = [value.replace(tzinfo=dt.UTC).astimezone(zone) for value in made]
        for row, value in enumerate(made):
            out[row] = value
    out[cells.gaps] = None
    return out
