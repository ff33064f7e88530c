"""Columns: what is known of one column of a table, and how its values become numbers and values again.

A model works on numbers, (N, d) in float64. A number is itself, a category the number of its level, 0 to K − 1, a point
in time the days or seconds since the first one that was met in training, and a gap is NaN. `Column.decode` undoes
`Column.encode`; `Column.settle` makes of a number that a model drew one that the column could hold: whole, with so many
decimals, within the bounds.
"""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar, Self

import numpy as np

from ..errors import DataError
from ..parts import Part
from .cells import Cells, Sort

__all__ = ["Column"]

NOUNS: dict[Sort, str] = {
    "number": "numbers",
    "boolean": "truth values",
    "label": "text",
    "date": "dates",
    "time": "times of day",
    "duration": "durations",
}
"""What cells of a sort are called."""


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
        cells = self.read(cells)
        x = np.full(len(cells), np.nan)
        x[~cells.gaps] = self.numbers(cells)
        return x

    def read(self, cells: Cells) -> Cells:
        """Return cells as cells of this column's sort; raise `DataError` if they are none."""
        if cells.sort != self.sort and len(cells.known):
            raise self.refuse(cells)
        return cells

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
