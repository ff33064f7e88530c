"""Cells: the values of one column, whichever library its frame came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

__all__ = ["MISSING_WORDS", "Cells", "Sort", "as_text", "spelt_numbers", "within"]

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none")
"""What stands for a missing value in text that holds numbers, in any case of letters."""

DIGITS_OF_INT64 = 19
"""The digits from which on a whole number may not fit into 64 bits."""

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


def as_text(cells: Cells) -> np.ndarray:
    """Return numbers as text, objects (N,), a gap as None."""
    words = [str(int(value)) if float(value).is_integer() else repr(float(value)) for value in cells.values.tolist()]
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
