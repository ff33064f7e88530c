"""Columns: what is known of one column of a table, and how its values become numbers and values again.

A model works on numbers, (N, d) in float64. A number is itself, a category the number of its level, 0 to K − 1, a point
in time the days or seconds since the first one that was met in training, and a gap is NaN. `Column.decode` undoes
`Column.encode`; `Column.settle` makes of a number that a model drew one that the column could hold: whole, with so many
decimals, within the bounds.
"""

from __future__ import annotations

import math
from dataclasses import field, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..errors import DataError
from ..parts import Part
from .cells import Cells, Sort, spelt_numbers

__all__ = ["Boolean", "Category", "Column", "Date", "Duration", "Number", "Time", "Unseen"]

MOST_DECIMALS = 6
"""Decimals up to which the numbers of a column are taken to be rounded to them."""

STEP_FROM_VALUES = 10
"""Different values from which whole numbers that share a divisor are taken to be multiples of it."""

EXACT_BELOW = 2**53
"""Where float64 begins to skip whole numbers."""

COUNTS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

NOUNS: dict[Sort, str] = {
    "number": "numbers",
    "boolean": "truth values",
    "label": "text",
    "date": "dates",
    "time": "times of day",
    "duration": "durations",
}
"""What cells of a sort are called."""

Unseen = Literal["error", "gap", "nearest"]
"""What a category that was not met in the fit is at scoring: an error that names it, a gap, or the nearest one."""


class Column(Part, kind="column"):
    """Base of columns: what a model and its parts may know of one column of a table.

    Parameters
    ----------
    name : the column's name.
    dtype : the type that is given back, as the frame's library spells it.
    gaps : whether the fit met cells without a value.
    """

    sort: ClassVar[Sort] = "number"
    """What the cells of such a column are."""

    name: str = ""
    dtype: str = field(default="", kw_only=True)
    gaps: bool = field(default=False, kw_only=True)

    @property
    def levels(self) -> int:
        """The number of categories; 0 for numbers."""
        return 0

    @property
    def integer(self) -> bool:
        """Whether the values are whole numbers."""
        return False

    @property
    def constant(self) -> bool:
        """Whether the fit met one value at most."""
        raise NotImplementedError

    def learn(self, cells: Cells) -> Self:
        """Return the column with what can be learnt from cells; what was said of it before the fit stays."""
        raise NotImplementedError

    def encode(self, cells: Cells) -> np.ndarray:
        """Return cells as numbers, (N,) in float64, a gap as NaN.

        Raises
        ------
        DataError : the cells are of another sort, or hold a category that the fit did not meet.
        """
        x = np.full(len(cells), np.nan)
        x[~cells.gaps] = self.numbers(cells)
        return x

    def numbers(self, cells: Cells) -> np.ndarray:
        """Return the known cells as numbers."""
        raise NotImplementedError

    def refuse(self, cells: Cells) -> DataError:
        """Return the error that says that the cells are not what they were in the fit."""
        row = int(np.flatnonzero(~cells.gaps)[0])
        return DataError(
            f"column {self.name!r} was {NOUNS[self.sort]} in the fit and now holds {NOUNS[cells.sort]} (row {row}: "
            f"{cells.values[row]!r:.40}); give it as in the fit"
        )

    def decode(self, x: np.ndarray) -> Cells:
        """Return the cells that numbers (N,) stand for; NaN is a gap."""
        raise NotImplementedError

    def settle(self, x: np.ndarray) -> np.ndarray:
        """Return numbers that a model drew as the column could hold them."""
        raise NotImplementedError

    def about(self) -> str:
        """Return in words what was learnt."""
        raise NotImplementedError


class Number(Column):
    """A column of numbers, whole or not.

    Parameters
    ----------
    step : what all values are multiples of: 1 for whole numbers, 0.01 for two decimals; 0 for any number.
    low, high : the least and the greatest value of the fit, as encoded.
    start : what is taken off before a value becomes floating point, so that large whole numbers keep their digits.

    >>> ages = Number("age").learn(Cells("number", np.array([31, 44, 0]), np.array([False, False, True]), "int64"))
    >>> ages.integer, ages.low, ages.high, ages.settle(np.array([30.4, 99.0])).tolist()
    (True, 31.0, 44.0, [31.0, 44.0])
    """

    step: float = field(default=0.0, kw_only=True)
    low: float | None = field(default=None, kw_only=True)
    high: float | None = field(default=None, kw_only=True)
    start: int = field(default=0, kw_only=True)

    def check(self) -> None:
        self.require(self.step >= 0, f"step must not be negative, got {self.step}")

    @property
    def integer(self) -> bool:
        return self.step >= 1 and float(self.step).is_integer()

    @property
    def constant(self) -> bool:
        return self.low == self.high

    @property
    def per(self) -> int:
        """How many counts of the cells are 1 of the encoded numbers."""
        return 1

    def learn(self, cells: Cells) -> Self:
        values = as_numbers(cells, self).known
        if not len(values):
            return replace(self, dtype=cells.dtype, gaps=True)
        start = 0
        if values.dtype.kind in "iu" and max(abs(int(values.min())), abs(int(values.max()))) >= EXACT_BELOW:
            start = int(values.min())
        learnt = replace(self, dtype=cells.dtype, gaps=bool(cells.gaps.any()), start=start)
        x = learnt.numbers(cells)
        step = self.step or step_of(values if not start else values - values.dtype.type(start))
        return replace(learnt, step=step, low=float(x.min()), high=float(x.max()))

    def numbers(self, cells: Cells) -> np.ndarray:
        values = as_numbers(cells, self).known
        if self.start and values.dtype.kind in "iu":
            values = values - values.dtype.type(self.start)
        return np.asarray((values - (self.start if values.dtype.kind == "f" else 0)) / self.per, dtype=np.float64)

    def decode(self, x: np.ndarray) -> Cells:
        gaps = np.isnan(x)
        known = np.where(gaps, 0.0, x)
        if self.integer:
            whole = np.rint(known * (self.per / self.step))
            safe = np.clip(whole, -float(2**62), float(2**62)) if self.start == 0 else whole
            values: np.ndarray = safe.astype(np.int64) * int(self.step) + self.start
        else:
            values = known
        return Cells(self.sort, values, gaps, self.dtype)

    def settle(self, x: np.ndarray) -> np.ndarray:
        step = self.step / self.per
        if 0 < step < 1 and self.per == 1:
            x = np.rint(x * round(1 / step)) / round(1 / step)
        elif step:
            x = np.rint(x / step) * step
        return np.clip(x, self.low, self.high) if self.low is not None else x

    def about(self) -> str:
        rounded = "whole" if self.step == 1 else f"in steps of {self.step:g}" if self.step else "any"
        return f"{rounded}, {self.low:.6g} to {self.high:.6g}" if self.low is not None else "no value"


class Boolean(Column):
    """A column of truth values, 0 and 1 as numbers.

    Parameters
    ----------
    single : the value of the fit, if there was one alone.
    """

    sort: ClassVar[Sort] = "boolean"
    single: bool | None = field(default=None, kw_only=True)

    @property
    def levels(self) -> int:
        return 2

    @property
    def constant(self) -> bool:
        return self.single is not None

    def learn(self, cells: Cells) -> Self:
        met = np.unique(self.numbers(cells))
        single = bool(met[0]) if len(met) == 1 else None
        return replace(self, dtype=cells.dtype, gaps=bool(cells.gaps.any()), single=single)

    def numbers(self, cells: Cells) -> np.ndarray:
        known = cells.known
        if cells.sort != "boolean" and len(known) and not (cells.sort == "number" and np.isin(known, (0, 1)).all()):
            raise self.refuse(cells)
        return known.astype(np.float64)

    def decode(self, x: np.ndarray) -> Cells:
        return Cells("boolean", np.nan_to_num(x) >= 0.5, np.isnan(x), self.dtype)

    def settle(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(x), x, x >= 0.5)

    def about(self) -> str:
        return "true or false" if self.single is None else f"{self.single} alone"


class Category(Column):
    """A column of categories: text, or whatever takes a few values.

    Parameters
    ----------
    categories : the levels, in the order of their numbers; () has them learnt from the data, in sorted order.
    ordered : whether that order means something.
    unseen : what a category is that the fit did not meet: an ``"error"`` that names it, a ``"gap"``, or the
        ``"nearest"`` level: of numbers the one least far off, of text the one that is spelt most alike.
    of : the type of the levels, as the frame's library spells it, where it is not text, numbers or truth values.

    >>> sizes = Category("size", categories=("S", "M", "L"), ordered=True)
    >>> sizes.encode(Cells("label", np.array(["M", "S", None], dtype=object), np.array([False, False, True])))
    array([ 1.,  0., nan])
    """

    sort: ClassVar[Sort] = "label"
    categories: tuple[Any, ...] = field(default=(), kw_only=True)
    ordered: bool = field(default=False, kw_only=True)
    unseen: Unseen = field(default="error", kw_only=True)
    of: str = field(default="", kw_only=True)

    def check(self) -> None:
        self.require(self.unseen in ("error", "gap", "nearest"), f"unseen must be error, gap or nearest: {self.unseen}")

    @property
    def levels(self) -> int:
        return len(self.categories)

    @property
    def constant(self) -> bool:
        return len(self.categories) < 2

    def learn(self, cells: Cells) -> Self:
        levels = self.categories or cells.categories
        if levels is None:
            found = {plain(value) for value in cells.known}
            levels = tuple(sorted(found, key=lambda level: (isinstance(level, str), level)))
        declared = self.ordered or cells.ordered
        learnt = replace(self, dtype=cells.dtype, categories=levels, ordered=declared, of=cells.of)
        return replace(learnt, gaps=bool(np.isnan(learnt.encode(cells)).any()))

    def numbers(self, cells: Cells) -> np.ndarray:
        place = {level: number for number, level in enumerate(self.categories)}
        found = np.array([place.get(value, -1) for value in cells.known.tolist()], dtype=np.float64)
        missing = found < 0
        if missing.any():
            rows = np.flatnonzero(~cells.gaps)[missing]
            found[missing] = self._unseen(cells.values[rows].tolist(), rows)
        return found

    def _unseen(self, values: list[Any], rows: np.ndarray) -> list[float]:
        """Return numbers for values that are none of the levels."""
        if self.unseen == "error" or not self.categories:
            kinds = list(dict.fromkeys(values))
            more = f" and {len(kinds) - 3} more" if len(kinds) > 3 else ""
            raise DataError(
                f"column {self.name!r} holds {', '.join(repr(k) for k in kinds[:3])}{more}, which the fit did not meet "
                f"(first in row {rows[0]}); take them for gaps or for the nearest level: "
                f"schema={{{self.name!r}: Category(unseen='gap')}} or 'nearest'"
            )
        if self.unseen == "gap":
            return [math.nan] * len(values)
        return [float(self._nearest(value)) for value in values]

    def _nearest(self, value: Any) -> int:
        levels = self.categories
        if isinstance(value, int | float) and all(isinstance(level, int | float) for level in levels):
            return min(range(len(levels)), key=lambda number: abs(levels[number] - value))
        spelt = [str(level).casefold() for level in levels]
        return spelt.index(get_close_matches(str(value).casefold(), spelt, 1, 0.0)[0])

    def decode(self, x: np.ndarray) -> Cells:
        gaps = np.isnan(x)
        number = np.clip(np.rint(np.where(gaps, 0.0, x)), 0, max(0, self.levels - 1)).astype(np.int64)
        levels = np.empty(max(1, self.levels), dtype=object)
        levels[: self.levels] = self.categories
        return Cells(
            "label", levels[number], gaps, self.dtype, categories=self.categories, ordered=self.ordered, of=self.of
        )

    def settle(self, x: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(x), 0, max(0, self.levels - 1))

    def about(self) -> str:
        shown = ", ".join(str(level) for level in self.categories[:4]) + (", …" if self.levels > 4 else "")
        return f"{self.levels} {'ordered ' if self.ordered else ''}levels: {shown}"


class Date(Number):
    """A column of dates or of points in time, as days or seconds since the first one of the fit.

    Parameters
    ----------
    step, start : in `unit`: what all times since `start` are multiples of, and the first time of the fit since 1970 in
        UTC.
    low, high : the least and the greatest value of the fit, in days where `unit` is ``D``, in seconds otherwise.
    unit : ``D``, ``s``, ``ms``, ``us`` or ``ns``.
    zone : the time zone that is given back, or "".
    """

    sort: ClassVar[Sort] = "date"
    unit: str = field(default="", kw_only=True)
    zone: str = field(default="", kw_only=True)

    @property
    def integer(self) -> bool:
        return False

    @property
    def per(self) -> int:
        return COUNTS_PER_SECOND.get(self.unit, 1)

    def learn(self, cells: Cells) -> Self:
        learnt = replace(self, dtype=cells.dtype, unit=cells.unit, zone=cells.zone, gaps=bool(cells.gaps.any()))
        if not len(cells.known):
            return learnt
        start = int(cells.known.min()) if self.sort == "date" else 0
        step = int(np.gcd.reduce(cells.known - start)) or 1
        x = replace(learnt, start=start).numbers(cells)
        return replace(learnt, start=start, step=step, low=float(x.min()), high=float(x.max()))

    def numbers(self, cells: Cells) -> np.ndarray:
        if cells.sort != self.sort:
            if not len(cells.known):
                return np.empty(0)
            raise self.refuse(cells)
        counts = cells.known
        if cells.unit != self.unit:
            counts = counts.astype(f"m8[{cells.unit}]").astype(f"m8[{self.unit}]").astype(np.int64)
        return np.asarray((counts - self.start) / self.per)

    def decode(self, x: np.ndarray) -> Cells:
        gaps = np.isnan(x)
        step = max(1, int(self.step))
        counts = np.rint(np.where(gaps, 0.0, x) * (self.per / step)).astype(np.int64) * step + self.start
        return Cells(self.sort, counts, gaps, self.dtype, unit=self.unit, zone=self.zone)

    def about(self) -> str:
        if self.low is None or self.high is None:
            return "no value"
        return f"{self._spelt(self.low)} to {self._spelt(self.high)}{' ' + self.zone if self.zone else ''}"

    def _spelt(self, x: float) -> str:
        return str(np.datetime64(int(self.decode(np.array([x])).values[0]), self.unit or "s"))


class Time(Date):
    """A column of times of day, as seconds since midnight."""

    sort: ClassVar[Sort] = "time"

    def _spelt(self, x: float) -> str:
        return str(np.datetime64(round(x), "s")).partition("T")[2]


class Duration(Date):
    """A column of durations, as seconds, or days where that is their unit."""

    sort: ClassVar[Sort] = "duration"

    def _spelt(self, x: float) -> str:
        return f"{x:g} {'days' if self.unit == 'D' else 'seconds'}"


def plain(value: Any) -> Any:
    """Return a value as Python has it, not NumPy."""
    return value.item() if isinstance(value, np.generic) else value


def step_of(values: np.ndarray) -> float:
    """Return the step that all values are multiples of: 1 or more for whole ones, 0.1, 0.01, ...; 0 if there is none.

    >>> step_of(np.array([1.25, 3.5])), step_of(np.array([2.0])), step_of(np.arange(20) * 50), step_of(np.sqrt([2]))
    (0.01, 1.0, 50.0, 0.0)
    """
    if values.dtype.kind in "iu" or bool((values == np.rint(values)).all() and (np.abs(values) < EXACT_BELOW).all()):
        whole = np.unique(values.astype(np.int64) if values.dtype.kind != "u" else values)
        common = int(np.gcd.reduce(whole)) if len(whole) >= STEP_FROM_VALUES else 1
        return float(max(1, abs(common)))
    for decimals in range(1, MOST_DECIMALS + 1):
        scaled = values * 10**decimals
        if bool((np.rint(scaled) / 10**decimals == values).all() and (np.abs(scaled) < EXACT_BELOW).all()):
            return float(f"1e-{decimals}")
    return 0.0


def as_numbers(cells: Cells, column: Column) -> Cells:
    """Return cells of numbers; of text, the numbers that it spells."""
    if cells.sort in ("number", "boolean"):
        return cells if cells.sort == "number" else replace(cells, sort="number", values=cells.values.astype(np.int64))
    read = spelt_numbers(cells) if cells.sort == "label" else None
    if read is None:
        if len(cells.known):
            raise column.refuse(cells)
        return replace(cells, sort="number", values=np.zeros(len(cells)))
    return read
