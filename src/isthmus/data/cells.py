"""Cells: the values of one column, whichever library its frame came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ..frames import MISSING_WORDS

__all__ = ["Cells", "Sort", "as_text", "spelt_dates", "spelt_numbers", "within"]

DIGITS_OF_INT64 = 19
"""The digits from which on a whole number may not fit into 64 bits."""

DAY_LETTERS = len("1970-01-01")

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?")

_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

Sort = Literal["number", "boolean", "label", "date", "time", "duration"]
"""What cells are: numbers, truth values, labels, points in time, times of day, spans of time."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The values of one column, and where there are none.

    Attributes
    ----------
    sort : what the values are.
    values : (N,): bool of truth values; int64, uint64 or float64 of numbers; objects of labels; int64 of times, counted
        in `unit`: since 1970 in UTC, since midnight, or from nothing. At a gap, a value means nothing.
    gaps : where there is no value, (N,), bool.
    dtype : the column's type, as its library spells it.
    categories : the labels that the type itself declares, in its order; None where it declares none.
    ordered : whether the type says that the labels have an order.
    of : the type of the labels, as the library spells it, where it is not plain text, numbers or truth values.
    unit : of times: ``D``, ``s``, ``ms``, ``us`` or ``ns``.
    zone : the time zone, or "".
    """

    sort: Sort
    values: np.ndarray
    gaps: np.ndarray
    dtype: str = ""
    categories: tuple[object, ...] | None = field(default=None, kw_only=True)
    ordered: bool = field(default=False, kw_only=True)
    of: str = field(default="", kw_only=True)
    unit: str = field(default="", kw_only=True)
    zone: str = field(default="", kw_only=True)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def known(self) -> np.ndarray:
        """The values without the gaps."""
        known: np.ndarray = self.values[~self.gaps]
        return known


def spelt_numbers(cells: Cells) -> Cells | None:
    """Return text that spells numbers as numbers, with words for a missing value as gaps; None if any of it does not.

    A number with a leading zero, as in ``007``, is a label.

    >>> text = np.array(["1", "NA", "-3"], dtype=object)
    >>> found = spelt_numbers(Cells("label", text, np.zeros(3, dtype=bool)))
    >>> found.values.tolist(), found.gaps.tolist()
    ([1, 0, -3], [False, True, False])
    """
    gaps, words = cells.gaps.copy(), []
    for row, value in enumerate(cells.values.tolist()):
        word = "0"
        if not gaps[row]:
            if not isinstance(value, str):
                return None
            word = value.strip()
            if word.casefold() in MISSING_WORDS:
                gaps[row], word = True, "0"
            elif not _NUMBER.fullmatch(word):
                return None
        words.append(word)
    whole = all(word.lstrip("+-").isdigit() and len(word) < DIGITS_OF_INT64 for word in words)
    values = np.array([int(word) for word in words], np.int64) if whole else np.array([float(word) for word in words])
    return replace(cells, sort="number", values=values, gaps=gaps) if not gaps.all() else None


def spelt_dates(cells: Cells) -> Cells | None:
    """Return text that spells dates, or points in time, as ISO 8601 has them; None if any of it does not.

    >>> found = spelt_dates(Cells("label", np.array(["1970-01-03", ""], dtype=object), np.zeros(2, dtype=bool)))
    >>> found.values.tolist(), found.gaps.tolist(), found.unit
    ([2, 0], [False, True], 'D')
    """
    gaps, words = cells.gaps.copy(), []
    for row, value in enumerate(cells.values.tolist()):
        word = "" if gaps[row] or not isinstance(value, str) else value.strip()
        gaps[row] |= isinstance(value, str) and word.casefold() in MISSING_WORDS
        if not gaps[row] and not _DATE.fullmatch(word):
            return None
        words.append("1970-01-01" if gaps[row] else word)
    unit = "D" if all(len(word) == DAY_LETTERS for word in words) else "us"
    try:
        counts = np.array(words, dtype=f"M8[{unit}]").astype(np.int64)
    except ValueError:  # a thirteenth month
        return None
    return None if gaps.all() else replace(cells, sort="date", values=counts, gaps=gaps, unit=unit)


def as_text(cells: Cells) -> np.ndarray:
    """Return numbers or dates as text, objects (N,), a gap as None."""
    if cells.sort == "date":
        times = cells.values.astype(f"M8[{cells.unit}]")
        whole = cells.unit != "D" and bool((times == times.astype("M8[s]")).all())
        words = [str(word).replace("T", " ") for word in (times.astype("M8[s]") if whole else times)]
    else:
        words = [str(int(v)) if float(v).is_integer() else repr(float(v)) for v in cells.values.tolist()]
    out = np.array([*words, None], dtype=object)[:-1]
    out[cells.gaps] = None
    return out


def within(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return numbers as a type of that name can hold them: whole, and no larger than it has bits for.

    >>> within(np.array([1.6, 300.0]), "uint8").tolist(), within(np.array([1.6]), "float32").tolist()
    ([2, 255], [1.6])
    """
    name = dtype.lower().partition("[")[0]
    if name.rstrip("0123456789") not in ("int", "uint"):
        return values
    limits = np.iinfo(np.dtype(name))
    rounded = np.rint(values) if values.dtype.kind == "f" else values
    fitting: np.ndarray = np.clip(rounded, limits.min, limits.max).astype(limits.dtype)
    return fitting
