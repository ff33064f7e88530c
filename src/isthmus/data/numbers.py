"""Columns of numbers and of truth values."""

from __future__ import annotations

from dataclasses import field, replace
from typing import ClassVar, Self

import numpy as np

from .cells import Cells, Sort, spelt_numbers
from .column import Column

__all__ = ["Boolean", "Number"]

MOST_DECIMALS = 6
"""Decimals up to which the numbers of a column are taken to be rounded to them."""

STEP_FROM_VALUES = 10
"""Different values from which whole numbers that share a divisor are taken to be multiples of it."""

FIRST_VALUES = 1_000
"""Values of a long column that are looked at first: they often say that it has no step, or that the step is 1."""

EXACT_BELOW = 2**53
"""Where float64 begins to skip whole numbers."""

DECIMALS_BELOW = EXACT_BELOW / 16
"""The number of steps up to which a value with decimals is taken for a multiple of one: float64 still tells a sixteenth
of a step there, so that the sum and the quotient of two such numbers can be rounded to the right one."""

LARGEST = float(2**62)
"""The largest whole number that is given back of a column that met none beyond 2⁵³."""


class Number(Column):
    """A column of numbers, whole or not.

    Parameters
    ----------
    step : what all values are multiples of: 1 for whole numbers, 0.01 for two decimals; 0 for any number.
    low, high : between which drawn values stay, as encoded; None is open. These are the least and the greatest value of
        the fit, each where it is a bound: where values have a step, several are equal to it, or all have one sign.
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
        return self.low is not None and self.low == self.high

    def learn(self, cells: Cells) -> Self:
        cells = self.read(cells)
        values = cells.known
        if not len(values):
            return replace(self, dtype=cells.dtype, gaps=True)
        large = values.dtype.kind in "iu" and max(-int(values.min()), int(values.max())) >= EXACT_BELOW
        learnt = replace(self, dtype=cells.dtype, gaps=bool(cells.gaps.any()), start=int(values.min()) if large else 0)
        x = learnt.numbers(cells)
        step, low, high = self.step or (1.0 if large else step_of(values)), float(x.min()), float(x.max())
        below = bool(step or low >= 0 or (x == low).sum() > 1)
        above = bool(step or high <= 0 or (x == high).sum() > 1)
        return replace(learnt, step=step, low=low if below else None, high=high if above else None)

    def read(self, cells: Cells) -> Cells:
        if cells.sort == "boolean":
            return replace(cells, sort="number", values=cells.values.astype(np.int64))
        spelt = spelt_numbers(cells) if cells.sort == "label" else None
        return super().read(cells) if spelt is None else spelt

    def numbers(self, cells: Cells) -> np.ndarray:
        values = cells.known
        if self.start and values.dtype.kind in "iu":  # what these differ by may not fit into 64 bits
            values = values.astype(object) - self.start
        elif self.start:
            values = values - self.start
        return values.astype(np.float64)

    def decode(self, x: np.ndarray) -> Cells:
        gaps = np.isnan(x)
        known = np.where(gaps, 0.0, x)
        if self.integer:
            whole = np.rint(known / self.step) * self.step
            values: np.ndarray = np.clip(whole, -LARGEST, LARGEST).astype(np.int64)
            if self.start:
                values = np.array([int(number) + self.start for number in whole.tolist()], dtype=object)
        else:
            values = known
        return Cells(self.sort, values, gaps, self.dtype)

    def settle(self, x: np.ndarray) -> np.ndarray:
        if 0 < self.step < 1:
            x = np.rint(x * round(1 / self.step)) / round(1 / self.step)
        elif self.step:
            x = np.rint(x / self.step) * self.step
        low, high = (-np.inf if self.low is None else self.low), (np.inf if self.high is None else self.high)
        inside: np.ndarray = np.clip(x, low, high)
        return inside

    def about(self) -> str:
        rounded = "whole" if self.step == 1 else f"in steps of {self.step:g}" if self.step else "any"
        ends = ["…" if end is None else f"{end:.6g}" for end in (self.low, self.high)]
        return f"{rounded}, {' to '.join(ends)}"


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
        met = np.unique(self.numbers(self.read(cells)))
        single = bool(met[0]) if len(met) == 1 else None
        return replace(self, dtype=cells.dtype, gaps=bool(cells.gaps.any()), single=single)

    def read(self, cells: Cells) -> Cells:
        bits = cells.sort == "number" and bool(np.isin(cells.known, (0, 1)).all())
        return cells if bits else super().read(cells)

    def numbers(self, cells: Cells) -> np.ndarray:
        return cells.known.astype(np.float64)

    def decode(self, x: np.ndarray) -> Cells:
        return Cells("boolean", np.nan_to_num(x) >= 0.5, np.isnan(x), self.dtype)

    def settle(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(x), x, x >= 0.5)

    def about(self) -> str:
        return "true or false" if self.single is None else f"{self.single} alone"


def step_of(values: np.ndarray) -> float:
    """Return the step that all values are multiples of: 1 or more for whole ones, 0.1, 0.01, ...; 0 if there is none.

    >>> step_of(np.array([1.25, 3.5])), step_of(np.array([2.0])), step_of(np.arange(20) * 50), step_of(np.sqrt([2]))
    (0.01, 1.0, 50.0, 0.0)
    """
    if values.dtype.kind in "iu" or bool((values == np.rint(values)).all() and (np.abs(values) < EXACT_BELOW).all()):
        values = values.astype(np.int64) if values.dtype.kind != "u" else values
        if np.gcd.reduce(values[:FIRST_VALUES]) == 1:  # as in most columns, which need not be sorted
            return 1.0
        whole = np.unique(values)
        common = int(np.gcd.reduce(whole)) if len(whole) >= STEP_FROM_VALUES else 1
        return float(max(1, abs(common)))
    first = values[:FIRST_VALUES]
    if len(first) < len(values) and not step_of(first):
        return 0.0
    for decimals in range(1, MOST_DECIMALS + 1):
        scaled = values * 10**decimals
        if bool((np.rint(scaled) / 10**decimals == values).all() and (np.abs(scaled) < DECIMALS_BELOW).all()):
            return float(f"1e-{decimals}")
    return 0.0
