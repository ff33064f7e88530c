"""History: a table with one row per epoch and one column per term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from .errors import MissingExtraError

if TYPE_CHECKING:
    import polars

__all__ = ["COLUMN", "ROWS", "History"]

COLUMN, ROWS = "history", "history_rows"
"""What the names of a history's arrays begin with: a column's values, and the rows that have one."""


class History(Sequence[dict[str, float]]):
    """A table with one row per epoch: ``history["loss"]`` is a column, ``history[-1]`` is a row.

    `frame` makes it a polars frame, ``pandas.DataFrame(list(history))`` one of pandas.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"].tolist(), history[-1]["epoch"], history.columns
    ([0.5, 0.25], 2, ['epoch', 'loss'])
    """

    def __init__(self, rows: Sequence[dict[str, float]] = ()) -> None:
        self.rows = [dict(row) for row in rows]

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], columns: Sequence[str], length: int) -> History:
        """Return the history of which `arrays` gave the columns."""
        rows: list[dict[str, float]] = [{} for _ in range(length)]
        for name in columns:
            there = arrays.get(f"{ROWS}.{name}", np.arange(length))
            for row, value in zip(there.tolist(), arrays[f"{COLUMN}.{name}"].tolist(), strict=True):
                rows[row][name] = value
        return cls(rows)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return each column's values, and the rows they are of where not every row has one.

        >>> History([{"epoch": 1}, {"epoch": 2, "healed": 1}]).arrays()
        {'history.epoch': array([1, 2]), 'history.healed': array([1]), 'history_rows.healed': array([1])}
        """
        found: dict[str, np.ndarray] = {}
        for name in self.columns:
            there = [i for i, row in enumerate(self.rows) if row.get(name) is not None]
            found[f"{COLUMN}.{name}"] = np.array([self.rows[i][name] for i in there])
            if len(there) < len(self.rows):
                found[f"{ROWS}.{name}"] = np.array(there, dtype=np.int64)
        return found

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order in which they appeared."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def frame(self) -> polars.DataFrame:
        """Return the history as a polars frame, a row an epoch; what an epoch has no value of is missing there.

        >>> History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]).frame().shape
        (2, 2)
        """
        try:
            import polars
        except ImportError:
            raise MissingExtraError("polars", "tables", "a history as a frame") from None
        return polars.DataFrame({name: [row.get(name) for row in self.rows] for name in self.columns}, strict=False)

    @overload
    def __getitem__(self, key: str) -> np.ndarray: ...
    @overload
    def __getitem__(self, key: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, key: slice) -> History: ...
    def __getitem__(self, key: str | int | slice) -> np.ndarray | dict[str, float] | History:
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"no column {key!r}; there are {', '.join(self.columns)}")
            return np.array([row.get(key, np.nan) for row in self.rows])
        return History(self.rows[key]) if isinstance(key, slice) else self.rows[key]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self.rows == other.rows

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        columns = self.columns
        shown = self.rows if len(self) <= 10 else [*self.rows[:5], {}, *self.rows[-4:]]
        cells = [[_cell(row.get(name)) if row else "…" for name in columns] for row in shown]
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)] if columns else []
        lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in [columns, *cells]]
        return "\n".join(lines) if columns else "History()"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, int) else f"{value:.5g}"
