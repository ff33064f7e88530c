"""Columns of categories."""

from __future__ import annotations

import math
from dataclasses import field, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..errors import DataError
from .cells import Cells, Sort
from .column import Column

__all__ = ["Category", "Unseen"]

Unseen = Literal["error", "gap", "nearest"]
"""What a category that was not met in the fit is at scoring: an error that names it, a gap, or the nearest one."""


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
            found = set(cells.known.tolist())
            levels = tuple(sorted(found, key=lambda level: (isinstance(level, str), level)))
        declared = self.ordered or cells.ordered
        learnt = replace(self, dtype=cells.dtype, categories=levels, ordered=declared, of=cells.of)
        return replace(learnt, gaps=bool(np.isnan(learnt.encode(cells)).any()))

    def read(self, cells: Cells) -> Cells:
        return cells if cells.sort in ("number", "boolean") else super().read(cells)

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
        number: np.ndarray = np.clip(np.rint(x), 0, max(0, self.levels - 1))
        return number

    def about(self) -> str:
        shown = ", ".join(str(level) for level in self.categories[:4]) + (", …" if self.levels > 4 else "")
        return f"{self.levels} {'ordered ' if self.ordered else ''}levels: {shown}"
