"""Schemas: what is known of all columns of a table, learnt from a frame or an array and undone on the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from types import ModuleType
from typing import Any, Self

import numpy as np

from ..errors import CompositionError, DataError, MissingExtraError, nearest
from ..frames import some
from ..parts import Part, resolve
from . import array_columns, pandas_columns, polars_columns
from .category import Category
from .cells import Cells, spelt_dates, spelt_numbers
from .column import Column
from .numbers import Boolean, Number
from .times import Date, Duration, Time

__all__ = ["Edits", "Schema", "is_table", "library_of"]

Edits = Mapping[str, Column | str | None]
"""What is said of columns before a fit: a column or its name, such as ``"category"``; None leaves the column out."""

MOST_CATEGORIES = 20_000
"""Categories of all columns together that a fit takes."""

PASS_BYTES = 1 << 25
"""Bytes of an array's columns that are read in one pass over its rows."""

ID_FROM_LEVELS = 20
"""Different values from which a column of categories that has hardly any value twice is taken for names of the rows."""

_LIBRARIES: dict[str, ModuleType] = {"pandas": pandas_columns, "polars": polars_columns, "numpy": array_columns}

_COLUMNS: dict[str, type[Column]] = {
    "number": Number,
    "boolean": Boolean,
    "label": Category,
    "date": Date,
    "time": Time,
    "duration": Duration,
}


def library_of(X: Any) -> str:
    """Return whose table X is, ``pandas``, ``polars``, ``arrow`` or ``numpy``, or "" if it is none."""
    for cls in type(X).__mro__:
        library = cls.__module__.partition(".")[0]
        if library in ("pandas", "polars") and cls.__name__ in ("DataFrame", "LazyFrame"):
            return library
    if hasattr(X, "__arrow_c_stream__"):
        return "arrow"
    return "numpy" if isinstance(X, np.ndarray) and X.ndim == 2 else ""


def is_table(X: Any) -> bool:
    """Return whether X is a table of columns that need a schema to become numbers: a frame, or an array of objects."""
    library = library_of(X)
    return bool(library) and (library != "numpy" or X.dtype.kind in "OUS")


class Schema(Part, kind="schema", final=True):
    """What is known of the columns of a table.

    `encode` makes float64 numbers (N, d) of a frame and `decode` makes the frame of them again: names, order, types,
    categories, time zones and, from a frame of as many rows, the index. `settle` makes of numbers that a model drew
    ones that the columns could hold: whole, rounded to as many decimals as the data have, within their bounds.

    Parameters
    ----------
    columns : in the order of the numbers.
    library : whose frame was learnt from: ``pandas``, ``polars``, ``arrow`` or ``numpy``; "" leaves rows in numbers.
    left_out : the names of columns that the model does not see.
    ids : the names of columns whose values look like names of the rows.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"size": ["S", "L", None], "price": [9.95, 12.5, 10.0], "id": [7, 8, 9]})
    >>> schema = Schema.learn(frame, {"size": Category(categories=("S", "M", "L")), "id": None})
    >>> print(schema)
    size   category  3 levels: S, M, L, gaps
    price  number    in steps of 0.01, 9.95 to 12.5
    id     left out
    >>> schema.encode(frame)
    array([[ 0.  ,  9.95],
           [ 2.  , 12.5 ],
           [  nan, 10.  ]])
    >>> schema.decode(schema.settle(np.array([[1.2, 11.2345]])))
      size  price
    0    M  11.23
    """

    columns: Sequence[Column] = ()
    library: str = "numpy"
    left_out: Sequence[str] = ()
    ids: Sequence[str] = field(default=(), kw_only=True)

    def check(self) -> None:
        for column in self.columns:
            self.require_part("columns", column, Column)
        self.require(self.library in (*_LIBRARIES, "arrow", ""), f"unknown library {self.library!r}")

    @classmethod
    def learn(cls, X: Any, edits: Edits | None = None) -> Self:
        """Return the schema of a frame or an array (N, d).

        Parameters
        ----------
        X : a frame of pandas or polars, lazy ones too, an Arrow table, or an array of numbers or objects.
        edits : what is said of columns by name: ``{"zip": "category", "size": Category(unseen="gap"), "id": None}``.
            Everything else about them is still learnt.

        Raises
        ------
        DataError : a column holds what a model has no use for, or all columns are left out, or hold nothing at all.
        CompositionError : an edit names no column, or is none.
        """
        frame, library = collected(X)
        edits = dict(edits or {})
        names = names_of(frame)
        for name in edits:
            if name not in names:
                raise CompositionError(f"schema: there is no column {name!r}{nearest(str(name), names)}")
        said = {name: None if edit is None else resolve("column", edit) for name, edit in edits.items()}
        wrong = next((name for name, edit in said.items() if not isinstance(edit, Column | None)), None)
        if wrong is not None:
            raise CompositionError(f"schema: column {wrong!r} must be a Column, its name or None, got {edits[wrong]!r}")
        left_out = [name for name, edit in said.items() if edit is None]
        columns, ids, empty = [], [], []
        for name, cells in _cells_of(frame, library):
            if name in left_out:
                continue
            column = _learnt(name, cells, said.get(name))
            columns.append(column)
            if cells.gaps.all():
                empty.append(name)
            elif _is_id(column, cells):
                ids.append(name)
        if empty:
            how = f"leave it out: schema={{{empty[0]!r}: None}}"
            raise DataError(f"there is no value at all in column {some(list(map(repr, empty)))}; {how}")
        if not columns:
            raise DataError("every column is left out; a fit needs at least one")
        return cls(tuple(columns), library, tuple(left_out), ids=tuple(ids)).affordable()

    def affordable(self) -> Self:
        """Return the schema itself; raise `DataError` if it has more categories than a fit takes."""
        levels = sorted(((column.levels, column.name) for column in self.columns), reverse=True)
        total = sum(count for count, _ in levels)
        if total > MOST_CATEGORIES:
            raise DataError(
                f"the columns have {total:,} categories, {levels[0][0]:,} of them in {levels[0][1]!r}; a fit takes "
                f"{MOST_CATEGORIES:,}: leave it out: schema={{{levels[0][1]!r}: None}}"
            )
        return self

    @property
    def names(self) -> list[str]:
        """The names of the columns that the model sees."""
        return [column.name for column in self.columns]

    @property
    def plain(self) -> bool:
        """Whether all columns are numbers."""
        return all(type(column) is Number for column in self.columns)

    def remarks(self) -> list[str]:
        """Return, a line each, what a person should know of the columns before a fit."""
        constant = [column.name for column in self.columns if column.constant]
        lines = []
        if constant:
            how = f"schema={{{constant[0]!r}: None}} leaves one out"
            lines.append(f"columns {some(list(map(repr, constant)))} hold one value alone; {how}")
        if self.ids:
            how = f"schema={{{self.ids[0]!r}: None}} leaves one out"
            named = some(list(map(repr, self.ids)))
            lines.append(f"columns {named} look like names of the rows, of which nothing is learnt; {how}")
        return lines

    def encode(self, X: Any) -> np.ndarray:
        """Return a frame as numbers, (N, d) in float64, a gap as NaN.

        Raises
        ------
        DataError : a column is missing or holds something else than in the fit.
        """
        frame, library = collected(X)
        there = names_of(frame)
        missing = [name for name in self.names if name not in there]
        if missing:
            raise DataError(f"column {missing[0]!r} is missing{nearest(missing[0], there)}")
        places = {column.name: (place, column) for place, column in enumerate(self.columns)}
        x = np.empty((len(frame), len(self.columns)))
        for name, cells in _cells_of(frame, library, self.names):
            place, column = places[name]
            x[:, place] = column.encode(cells)
        return x

    def number(self, place: int, value: Any) -> float:
        """Return a single value of the column at a place as a number; None is a gap.

        >>> Schema((Category("size", categories=("S", "M", "L")),)).number(0, "M")
        1.0
        """
        column = self.columns[place]
        one = np.empty(1, dtype=object)
        one[0] = value
        return float(column.encode(array_columns.read(column.name, one))[0])

    def decode(self, x: np.ndarray, like: Any = None) -> Any:
        """Return the frame that numbers (N, d) stand for.

        Parameters
        ----------
        x : (N, d).
        like : a frame of as many rows, whose index the result gets.

        Raises
        ------
        MissingExtraError : the library of the frame that was learnt from is not installed.
        """
        library = _LIBRARIES["polars" if self.library == "arrow" else self.library]
        cells = {column.name: column.decode(np.asarray(x[:, i], np.float64)) for i, column in enumerate(self.columns)}
        index = like if library_of(like) == "pandas" == self.library and len(like) == len(x) else None
        try:
            frame = library.assemble(cells, self.names, index)
        except ModuleNotFoundError as error:
            raise MissingExtraError(str(error.name), "tables", "giving rows back as they came") from None
        return frame.to_arrow() if self.library == "arrow" else frame

    def given_by(self, library: str) -> Schema:
        """Return the schema that gives rows back as frames of another library, in its own plain types."""
        return replace(self, library=library, columns=tuple(replace(column, dtype="") for column in self.columns))

    def leaving_out(self, names: Sequence[str]) -> Self:
        """Return the schema without some columns, which rows may still have."""
        columns = tuple(column for column in self.columns if column.name not in names)
        ids = tuple(name for name in self.ids if name not in names)
        return replace(self, columns=columns, left_out=(*self.left_out, *names), ids=ids)

    def settle(self, x: np.ndarray) -> np.ndarray:
        """Return numbers (N, d) that a model drew as the columns could hold them."""
        return np.stack([column.settle(x[:, i]) for i, column in enumerate(self.columns)], axis=1).astype(x.dtype)

    def __str__(self) -> str:
        rows = [(c.name, type(c).__name__.lower(), c.about() + (", gaps" if c.gaps else "")) for c in self.columns]
        rows += [(name, "left out", "") for name in self.left_out]
        widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
        return "\n".join(f"{name:{widths[0]}}  {kind:{widths[1]}}  {text}".rstrip() for name, kind, text in rows)


def collected(X: Any) -> tuple[Any, str]:
    """Return a frame with its rows, and whose it is: a lazy one is collected, an Arrow table becomes a polars frame."""
    library = library_of(X)
    if library == "polars" and type(X).__name__ == "LazyFrame":
        return X.collect(), library
    if library == "arrow":
        try:
            import polars
        except ImportError:
            raise MissingExtraError("polars", "tables", "reading Arrow tables") from None
        return polars.DataFrame(X), library
    if not library:
        raise DataError(f"a schema is learnt from a frame or an array (N, d), got {type(X).__name__}")
    return X, library


def names_of(frame: Any) -> list[str]:
    """Return the names of a frame's columns, or the numbers of an array's."""
    if isinstance(frame, np.ndarray):
        return [str(number) for number in range(frame.shape[1])]
    return [str(name) for name in frame.columns]


def _cells_of(frame: Any, library: str, wanted: Sequence[str] | None = None) -> Iterator[tuple[str, Cells]]:
    """Yield the columns of a frame as cells, by name; all, or those that are wanted.

    One column at a time, since cells are wider than what they are read from: 784 columns of a million bytes each are
    6 GB of cells.
    """
    reader = _LIBRARIES["polars" if library == "arrow" else library]
    columns = _array_columns(frame) if library == "numpy" else ((label, frame[label]) for label in frame.columns)
    for label, values in columns:
        if wanted is None or str(label) in wanted:
            yield str(label), reader.read(str(label), values)


def _array_columns(x: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the columns of an array, several of them from each pass over its rows, which may be on a disk."""
    at_once = max(1, PASS_BYTES // max(1, len(x) * x.itemsize))
    for first in range(0, x.shape[1], at_once):
        yield from enumerate(np.ascontiguousarray(x[:, first : first + at_once].T), first)


def _learnt(name: str, cells: Cells, said: Column | None) -> Column:
    """Return what is learnt of a column's cells, as the kind of column that was said, or that they look like."""
    column = said
    if column is None:
        column = _COLUMNS[cells.sort]()
        if cells.sort == "label" and cells.categories is None:
            spelt: list[tuple[Column, Cells | None]] = [(Number(), spelt_numbers(cells)), (Date(), spelt_dates(cells))]
            column = next((kind for kind, found in spelt if found is not None), column)
    return replace(column, name=name).learn(cells)


def _is_id(column: Column, cells: Cells) -> bool:
    """Return whether a column's values look like names of the rows: each once, and text or whole numbers in a run."""
    known = cells.known
    if len(known) <= ID_FROM_LEVELS or cells.categories is not None:
        return False
    if isinstance(column, Category):
        return 2 * column.levels > len(known)
    if type(column) is not Number or column.step != 1 or column.low is None or column.high is None:
        return False
    return column.high - column.low == len(known) - 1 and len(np.unique(known)) == len(known)
