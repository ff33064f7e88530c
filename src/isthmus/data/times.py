"""Columns of dates, of times of day and of durations."""

from __future__ import annotations

from dataclasses import field, replace
from typing import ClassVar, Self

import numpy as np

from .cells import Cells, Sort, spelt_dates
from .column import Column
from .numbers import Number

__all__ = ["Date", "Duration", "Time"]

COUNTS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


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
        """How many counts of `unit` are 1 of the encoded numbers."""
        return COUNTS_PER_SECOND.get(self.unit, 1)

    def learn(self, cells: Cells) -> Self:
        cells = self.read(cells)
        learnt = replace(self, dtype=cells.dtype, unit=cells.unit, zone=cells.zone, gaps=bool(cells.gaps.any()))
        if not len(cells.known):
            return learnt
        start = int(cells.known.min()) if self.sort == "date" else 0
        step = int(np.gcd.reduce(cells.known - start)) or 1
        x = replace(learnt, start=start).numbers(cells)
        return replace(learnt, start=start, step=step, low=float(x.min()), high=float(x.max()))

    def read(self, cells: Cells) -> Cells:
        spelt = spelt_dates(cells) if cells.sort == "label" and self.sort == "date" else None
        return Column.read(self, cells) if spelt is None else spelt

    def numbers(self, cells: Cells) -> np.ndarray:
        counts = cells.known
        if cells.unit and cells.unit != self.unit:
            counts = counts.astype(f"m8[{cells.unit}]").astype(f"m8[{self.unit}]").astype(np.int64)
        return np.asarray((counts - self.start) / self.per)

    def decode(self, x: np.ndarray) -> Cells:
        gaps = np.isnan(x)
        step = max(1, int(self.step))
        counts = np.rint(np.where(gaps, 0.0, x) * (self.per / step)).astype(np.int64) * step + self.start
        return Cells(self.sort, counts, gaps, self.dtype, unit=self.unit, zone=self.zone)

    def settle(self, x: np.ndarray) -> np.ndarray:
        step = max(1, int(self.step))
        x = np.rint(x * (self.per / step)) * step / self.per
        return x if self.low is None else np.clip(x, self.low, self.high)

    def about(self) -> str:
        if self.low is None or self.high is None:
            return "no value"
        return f"{self._spelt(self.low)} to {self._spelt(self.high)}{' ' + self.zone if self.zone else ''}"

    def _spelt(self, x: float) -> str:
        time = self.decode(np.array([x])).values.astype(f"M8[{self.unit}]")[0]
        return str(time.astype("M8[s]")).removesuffix("T00:00:00")


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
