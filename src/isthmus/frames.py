"""Frames of polars and pandas: those of a file as numbers, and what no column of a model's rows may hold."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import polars

__all__ = [
    "MISSING_WORDS",
    "Table",
    "import_polars",
    "named_columns",
    "refuse_nested",
    "some",
    "table",
    "without_index",
]

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none")
"""What stands for a missing value in text that holds numbers, in any case of letters."""

_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name in a Parquet file."""

_NAMELESS = re.compile(r"|Unnamed: 0(_level_\d+)?|_duplicated_\d+")
"""What an index without a name is called in a text file, once written and once read and written again."""


class Table:
    """Values (N, ...) and, where the file names them, the columns.

    Attributes
    ----------
    values : of a frame, worked out when they are asked for, since its columns may hold no numbers.
    columns : their names, or None.
    ids : what names the rows and is no value: columns of identifiers, or the files of pictures as ``file``; by name.
    frame : what the values are made of, columns of any kind, or None.
    """

    def __init__(
        self,
        values: np.ndarray | Callable[[], np.ndarray],
        columns: list[str] | None = None,
        ids: Mapping[str, Sequence[Any]] | None = None,
        frame: polars.DataFrame | None = None,
    ) -> None:
        self._values, self.columns, self.ids, self.frame = values, columns, ids or {}, frame

    @cached_property
    def values(self) -> np.ndarray:
        """The numbers; raises `DataError` if there are others than numbers."""
        return self._values() if callable(self._values) else self._values

    def __len__(self) -> int:
        return len(self.values) if self.frame is None else self.frame.height

    def __repr__(self) -> str:
        return f"Table(values={self.values!r}, columns={self.columns!r})"


def import_polars() -> ModuleType:
    """Return polars, or say how to install it."""
    try:
        import polars
    except ImportError:
        raise MissingExtraError("polars", "tables", "reading and writing CSV and Parquet") from None
    return polars


def table(source: object, frame: polars.DataFrame, ids: Mapping[str, Sequence[Any]] | None = None) -> Table:
    """Return a frame as a table, whose values are numbers.

    Text that spells numbers, truth values or missing values is read as such, and missing values come as NaN. Columns
    of one numeric type keep it; otherwise the values are float64.

    Parameters
    ----------
    source : where the frame was read from, which an error names.
    ids : what names the rows.

    Raises
    ------
    DataError : when the values are asked for and columns hold no numbers; they are named.

    >>> import polars as pl
    >>> table("x.csv", pl.DataFrame({"a": ["1", "NA"], "b": [True, False]}))
    Table(values=array([[ 1.,  1.],
           [nan,  0.]]), columns=['a', 'b'])
    """
    return Table(partial(_numbers, source, frame), list(frame.columns), ids, frame)


def _numbers(source: object, frame: polars.DataFrame) -> np.ndarray:
    """Return the values of a frame as numbers; raise `DataError` if there are others."""
    pl = import_polars()
    read = {column.name: _spelt(column) for column in frame.get_columns()}
    text = {name: first for name, (_, first) in read.items() if first is not None}
    for name, first in text.items():
        raise DataError(
            f"{source}: columns {some(list(text))} hold no numbers "
            f"(row {first} of {name!r}: {str(frame[name][first])[:30]!r}); encode them or leave them out"
        )
    numbers = frame.with_columns(column for column, _ in read.values())
    kinds = set(numbers.dtypes)
    own = len(kinds) == 1 and all((k.is_float() or k.is_integer()) and k not in (pl.Int128, pl.UInt128) for k in kinds)
    missing = any(column.null_count() for column in numbers.get_columns())
    values: np.ndarray = (numbers if own and not missing else numbers.cast(pl.Float64)).to_numpy(order="c")
    return values


def _spelt(column: Any) -> tuple[Any, int | None]:
    """Return a column as numbers, and the first row that holds none."""
    pl = import_polars()
    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        return column, None
    if column.dtype != pl.String:
        return column, column.is_not_null().arg_max()
    words = {**dict.fromkeys(MISSING_WORDS), "true": "1", "false": "0"}
    text = column.str.strip_chars().str.to_lowercase().replace(words)
    numbers = text.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & text.is_not_null()
    return numbers, wrong.arg_max() if wrong.any() else None


def without_index(source: object, frame: polars.DataFrame) -> polars.DataFrame:
    """Return a frame from a text file without the index that pandas wrote beside its columns; warn that it is left out.

    The index is a first column without a name that numbers the rows: whole numbers, each once. A last column without a
    name and without values, from a separator at the end of each line, goes as well.
    """
    first, last = frame.to_series(0), frame.to_series(-1)
    if frame.width > 1 and _NAMELESS.fullmatch(last.name) and last.null_count() == frame.height:
        frame = frame.drop(last.name)
    is_index = _NAMELESS.fullmatch(first.name) and first.dtype.is_integer() and first.n_unique() == frame.height
    return frame.select(named_columns(source, frame.columns, [first.name] if is_index else []))


def named_columns(source: object, columns: Sequence[str], index: Sequence[str] = ()) -> list[str]:
    """Return the names of columns without those of pandas' index, ``__index_level_0__`` and `index`; warn of them.

    >>> named_columns("x.parquet", ["mass", "charge"])
    ['mass', 'charge']
    """
    kept = [name for name in columns if name not in index and not _INDEX.fullmatch(name)]
    if not kept or len(kept) == len(columns):
        return list(columns)
    left_out = some([repr(name) for name in columns if name not in kept])
    warnings.warn(
        f"{source}: the index that pandas wrote ({left_out}) is left out; give it a name to keep it as a column",
        stacklevel=2,
    )
    return kept


def refuse_nested(X: Any, name: str) -> None:
    """Raise `DataError` if columns of a frame hold lists, arrays, records or intervals; the message says what to do.

    Parameters
    ----------
    X : anything; what is no frame of polars or pandas is welcome.
    name : what the argument is called.

    >>> import polars as pl
    >>> refuse_nested(pl.DataFrame({"e": [[1.0, 2.0], [3.0, 4.0]]}), "X")
    Traceback (most recent call last):
    ...
    isthmus.errors.DataError: X: columns e hold lists; make an array of them: numpy.stack(X['e'].to_list())
    """
    library = type(X).__module__.partition(".")[0]
    if library not in ("polars", "pandas") or type(X).__name__ == "LazyFrame" or not hasattr(X, "columns"):
        return
    names = list(X.columns)
    if len(set(names)) < len(names):
        return
    nested = [column for column in names if _is_nested(X[column])]
    if nested:
        raise DataError(
            f"{name}: columns {some(nested)} hold lists; make an array of them: "
            f"numpy.stack({name}[{nested[0]!r}].to_list())"
        )
    intervals = [column for column in names if str(X[column].dtype).startswith("interval")]
    if intervals:
        raise DataError(f"{name}: columns {some(intervals)} hold intervals; give their ends as two columns")


def _is_nested(column: Any) -> bool:
    """Return whether a column's values are lists, arrays or records."""
    kind = str(column.dtype).lower()
    if kind.startswith(("list", "array", "struct")):
        return True
    if not kind.startswith("object"):
        return False
    first = next((value for value in column if value is not None), None)
    return isinstance(first, list | tuple | dict | np.ndarray)


def some(items: Sequence[object], total: int | None = None) -> str:
    """Return the first three items, and how many more there are, of `total` if the items are only the first.

    >>> some(["a", "b", "c", "d", "e"]), some([1, 2, 3], 7)
    ('a, b, c and 2 more', '1, 2, 3 and 4 more')
    """
    total = len(items) if total is None else total
    return ", ".join(map(str, items[:3])) + (f" and {total - 3} more" if total > 3 else "")
