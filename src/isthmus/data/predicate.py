"""Predicates of rows as text, such as ``"start < end and age > 60"``, which are read but never run as code."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ..errors import CompositionError, nearest
from .cells import Cells
from .column import Column

__all__ = ["Predicate"]

MICROSECONDS_PER_DAY = 86_400_000_000

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}

_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`([^`]+)`""")
_PLACEHOLDER = "column_between_backticks_{}"


@dataclass(frozen=True)
class _Value:
    """A value of each row, or of all: ``truth``, ``number``, ``text``, ``date`` or ``span``; of text, its column."""

    kind: str
    array: Any
    cells: Cells | None = None


class Predicate:
    """A condition on rows in terms of their columns, as `pandas.DataFrame.query` takes it.

    ==================  ===============================================================================
    comparisons         ``age >= 18``, ``18 <= age < 65``, ``start < end``, ``city == "Utrecht"``
    several values      ``city in ["Utrecht", "Delft"]``, ``city not in ["Utrecht"]``
    arithmetic          ``weight / height ** 2 < 40``, with ``+ - * / // % **`` on numbers
    dates               ``since >= "2020-01-05"``; ``end - start`` is a number of days
    logic               ``and``, ``or``, ``not``, and ``&``, ``|``, ``~`` between brackets
    other names         between backticks: ``` `hours per week` < 40 ```
    ==================  ===============================================================================

    Ordered categories compare by their order, other text only by ``==``, ``!=``, ``in`` and ``not in``. As in a frame,
    a gap satisfies no comparison except ``!=`` and ``not in``. Columns of an array are called x0, x1, and so on.

    Parameters
    ----------
    text : the condition.

    Raises
    ------
    CompositionError : the text is no such condition.

    >>> from isthmus.data import Category, Number
    >>> columns = [Number("age"), Category("city", categories=("Delft", "Utrecht"))]
    >>> rows = np.array([[61.0, 1], [70, 0], [np.nan, 1]])
    >>> Predicate("age > 60 and city == 'Utrecht'")(rows, columns).tolist()
    [True, False, False]
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._quoted: dict[str, str] = {}
        try:
            self._tree = ast.parse(_QUOTED.sub(self._placeholder, self.text), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._error("it is no condition such as age > 60 or start < end; write names that are no plain words "
                              "between backticks") from None  # fmt: skip

    def __repr__(self) -> str:
        return f"Predicate({self.text!r})"

    def _placeholder(self, match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        name = _PLACEHOLDER.format(len(self._quoted))
        self._quoted[name] = match[1]
        return name

    def _error(self, why: str) -> CompositionError:
        return CompositionError(f"where={self.text!r}: {why}")

    def __call__(self, x: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
        """Return which rows satisfy the condition, (N,).

        Parameters
        ----------
        x : rows as numbers, (N, n), as the columns encode them.
        columns : the n columns.

        Raises
        ------
        CompositionError : there is no such column or category, or kinds of values are mixed up.
        """
        with np.errstate(all="ignore"):
            truth = self._truth(self._tree, _Rows(x, columns))
        return np.broadcast_to(truth, (len(x),)).copy()

    def _truth(self, node: ast.expr, rows: _Rows) -> Any:
        value = self._value(node, rows)
        if value.kind == "number" and value.cells is not None and value.cells.sort == "boolean":
            return np.nan_to_num(value.array) != 0
        if value.kind != "truth":
            raise self._error(f"{ast.unparse(node)} is no condition; compare it with something")
        return value.array

    def _value(self, node: ast.expr, rows: _Rows) -> _Value:
        match node:
            case ast.BoolOp(op=op, values=parts):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                truths = [self._truth(part, rows) for part in parts]
                return _Value("truth", join.reduce(np.broadcast_arrays(*truths)))
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() as op, right=right):
                join = np.logical_and if isinstance(op, ast.BitAnd) else np.logical_or
                return _Value("truth", join(self._truth(left, rows), self._truth(right, rows)))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return _Value("truth", np.logical_not(self._truth(operand, rows)))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                value = self._value(operand, rows)
                if value.kind != "number":
                    raise self._error(f"{ast.unparse(operand)} is no number")
                return _Value("number", -value.array if isinstance(op, ast.USub) else value.array)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return self._arithmetic(node, self._value(left, rows), type(op), self._value(right, rows))
            case ast.Compare(left=left, ops=ops, comparators=others):
                truth: Any = True
                for a, by, b in zip([left, *others], ops, others, strict=False):
                    truth = np.logical_and(truth, self._compared(a, by, b, rows))
                return _Value("truth", truth)
            case ast.Constant(value=bool() | int() | float() as number):
                return _Value("number", np.float64(number))
            case ast.Constant(value=str() as text):
                return _Value("text", text)
            case ast.Name(id=name):
                return rows.column(self._quoted.get(name, name), self._error)
            case ast.Attribute():
                return rows.column(ast.unparse(node), self._error)
        raise self._error(f"{ast.unparse(node)} is not among what a condition is made of: columns, constants, "
                          "comparisons, arithmetic, and, or, not, in")  # fmt: skip

    def _arithmetic(self, node: ast.expr, a: _Value, op: type[ast.operator], b: _Value) -> _Value:
        kinds = a.kind, b.kind
        if kinds == ("number", "number"):
            return _Value("number", ARITHMETIC[op](a.array, b.array))
        if op is ast.Sub and kinds in (("date", "date"), ("span", "span")):
            return _Value("number", _days(a.array - b.array))
        if op in (ast.Add, ast.Sub) and kinds in (("date", "number"), ("span", "number")):
            return _Value(a.kind, ARITHMETIC[op](a.array, _span(b.array)), a.cells)
        raise self._error(f"{ast.unparse(node)} is no arithmetic with numbers, or with days")

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr, rows: _Rows) -> Any:
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                raise self._error(f"after in comes a list of values, got {ast.unparse(right)}")
            a = self._value(left, rows)
            within: Any = False
            for element in right.elts:
                within = np.logical_or(within, self._comparison(a, ast.Eq, self._value(element, rows)))
            return np.logical_not(within) if isinstance(op, ast.NotIn) else within
        if type(op) not in COMPARISONS:
            raise self._error(f"{ast.unparse(left)} is compared by {type(op).__name__.lower()}; use <, <=, >, >=, ==, "
                              "!= or in")  # fmt: skip
        return self._comparison(self._value(left, rows), type(op), self._value(right, rows))

    def _comparison(self, a: _Value, op: type[ast.cmpop], b: _Value) -> Any:
        if a.cells is None and b.cells is not None:
            a, op, b = b, SWAPPED.get(op, op), a
        if "truth" in (a.kind, b.kind):
            raise self._error("conditions are joined by and, or and not, and are not compared")
        if a.kind == "text" and b.kind == "text":
            return self._text(a, op, b)
        if a.kind in ("date", "span") and b.kind == "text" and b.cells is None:
            b = _Value(a.kind, self._time(b.array, a))
        elif a.kind == "span" and b.kind == "number":
            b = _Value("span", _span(b.array))
        if a.kind != b.kind:
            name = {"text": "text", "number": "numbers", "date": "dates", "span": "durations"}
            raise self._error(f"{name[a.kind]} are compared with {name[b.kind]}")
        return COMPARISONS[op](a.array, b.array)

    def _text(self, a: _Value, op: type[ast.cmpop], b: _Value) -> Any:
        levels = None if a.cells is None else list(a.cells.categories or ())
        if levels is not None and isinstance(b.array, str) and b.array not in levels:
            known = ", ".join(map(repr, levels[:5])) + (f" and {len(levels) - 5} more" if len(levels) > 5 else "")
            raise self._error(f"{b.array!r} is none of the categories {known}{nearest(b.array, [*map(str, levels)])}")
        if op in (ast.Eq, ast.NotEq):
            return COMPARISONS[op](a.array, b.array)
        if a.cells is None or not a.cells.ordered or levels is None:
            raise self._error("text without an order is compared by ==, !=, in and not in")
        place = {level: number for number, level in enumerate(levels)}
        both = [np.vectorize(lambda level: place.get(level, np.nan), otypes=[float])(side.array) for side in (a, b)]
        return COMPARISONS[op](*both)

    def _time(self, text: str, like: _Value) -> Any:
        """Return a point in time, or a time of day, that is written as text."""
        try:
            if like.kind == "span":
                time = datetime.fromisoformat(f"1970-01-01T{text}").replace(tzinfo=UTC)
                return np.timedelta64(round(time.timestamp() * 1e6), "us")
            point = datetime.fromisoformat(text)
        except ValueError:
            written = "12:30" if like.kind == "span" else "2020-01-05 or 2020-01-05 12:30"
            raise self._error(f"{text!r} is no {'time' if like.kind == 'span' else 'date'} such as {written}") from None
        zone = "" if like.cells is None else like.cells.zone
        if point.tzinfo is None and zone:
            point = point.replace(tzinfo=ZoneInfo(zone))
        if point.tzinfo is not None:
            point = point.astimezone(UTC).replace(tzinfo=None)
        return np.datetime64(point, "us")


class _Rows:
    """The columns of rows by name, each decoded when it is first asked for."""

    def __init__(self, x: np.ndarray, columns: Sequence[Column]) -> None:
        self.x, self.columns, self._known = x, columns, dict[str, _Value]()
        names = [column.name for column in columns]
        plain = names == [str(i) for i in range(len(names))] or not any(names)
        self.places = {f"x{i}" if plain else name: i for i, name in enumerate(names)}

    def column(self, name: str, error: Callable[[str], CompositionError]) -> _Value:
        if name not in self.places:
            shown = ", ".join(list(self.places)[:8]) + (" ..." if len(self.places) > 8 else "")
            raise error(f"there is no column {name!r}{nearest(name, list(self.places))}; columns are {shown}")
        if name not in self._known:
            i = self.places[name]
            cells = self.columns[i].decode(np.asarray(self.x[:, i], dtype=np.float64))
            self._known[name] = _value_of(cells)
        return self._known[name]


def _value_of(cells: Cells) -> _Value:
    """Return the values of a column, with NaN, NaT or None at gaps."""
    if cells.sort in ("date", "time", "duration"):
        kind, letter = ("date", "M8") if cells.sort == "date" else ("span", "m8")
        times = cells.values.astype(f"{letter}[{cells.unit or 's'}]")
        times[cells.gaps] = "NaT"
        return _Value(kind, times, cells)
    labels = cells.categories or ()
    if cells.sort == "label" and not all(isinstance(label, bool | int | float) for label in labels):
        text = cells.values.astype(object)
        text[cells.gaps] = None
        return _Value("text", text, cells)
    values = cells.values.copy()
    values[cells.gaps] = 0
    return _Value("number", np.where(cells.gaps, np.nan, values.astype(np.float64)), cells)


def _days(spans: Any) -> Any:
    """Return durations as numbers of days."""
    return np.where(np.isnat(spans), np.nan, spans.astype("m8[us]").astype(np.int64) / MICROSECONDS_PER_DAY)


def _span(days: Any) -> Any:
    """Return numbers of days as durations; NaN is NaT."""
    known = np.isfinite(days)
    spans = np.asarray(np.rint(np.where(known, days, 0.0) * MICROSECONDS_PER_DAY).astype("m8[us]"))
    spans[~known] = "NaT"
    return spans
