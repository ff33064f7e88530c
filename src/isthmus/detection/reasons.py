"""Reasons: the columns that make a row unusual, what was expected there, and what change would silence the alarm."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral, Real
from typing import Any

import numpy as np

from .replacement import Replacement

__all__ = ["Explanation", "Reason", "explain_rows"]

MOST_COLUMNS = 32
"""How many columns, those furthest from what is expected, are tried one by one."""

PAIRED_COLUMNS = 8
"""How many columns are tried in pairs: those that tell most by themselves, and those furthest from what is expected."""

Judged = tuple[np.ndarray, np.ndarray]
"""Scores and p-values of rows, (N,) each."""


@dataclass(frozen=True)
class Reason:
    """A column that makes a row unusual.

    Attributes
    ----------
    column : its name.
    index : its place among the columns.
    seen : its value in the row, as the data have it: a number, a level, a date; None where it is missing.
    expected : the value that usual rows have which are like this one in the other columns.
    low, high : where 90 % of usual rows lie about what is expected of them; None of a category.
    share : of what makes the row unusual, from 0 to 1; the shares of a row's reasons sum to 1.

    >>> print(Reason("flow [l/s]", 2, seen=12.34, expected=4.1, low=3.2, high=5.0, share=0.83))
    flow [l/s] is 12.34, expected 4.1 (3.2 to 5): 83 %
    """

    column: str
    index: int
    seen: Any
    expected: Any
    low: Any
    high: Any
    share: float

    def __str__(self) -> str:
        interval = "" if self.low is None else f" ({_in_words(self.low)} to {_in_words(self.high)})"
        share = f"{100 * self.share:.0f} %"
        return f"{self.column} is {_in_words(self.seen)}, expected {_in_words(self.expected)}{interval}: {share}"


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a row is unusual.

    Attributes
    ----------
    p_value : of the row.
    reasons : the columns that count most, first those whose change silences the alarm.
    needed : how many of them, from the first, must change until the row raises no alarm; 0 where it raises none, None
        where more would have to change than are named.
    nearest : the row with the needed columns as expected, or with all named ones; the nearest usual row that was found.
    """

    p_value: float
    reasons: tuple[Reason, ...]
    needed: int | None
    nearest: np.ndarray

    def __str__(self) -> str:
        return "; ".join(str(reason) for reason in self.reasons)


def explain_rows(
    rows: np.ndarray,
    replacement: Replacement,
    judge: Callable[[np.ndarray], Judged],
    shown: Callable[[np.ndarray], list[list[Any]]],
    level: float,
    names: Sequence[str],
    at_most: int,
) -> list[Explanation]:
    """Return, for each row, the columns whose replacement by what is expected raises its score most.

    Single columns are tried first, then pairs, since two faults may hide each other; further columns join one at a
    time. A column's share is the mean of what it gains alone and what it gains last, above the row as it is. All rows
    are explained at once, so that scores are asked for a few times only.

    Parameters
    ----------
    rows : (N, n).
    replacement : what is expected in a column.
    judge : scores and p-values of rows, each by itself.
    shown : rows as the data have them, by column.
    level : a p-value up to this raises an alarm.
    names : of the columns.
    at_most : how many columns are named.
    """
    waiting = {i: _explanation(row, replacement, shown, level, names, at_most) for i, row in enumerate(rows)}
    asked = {i: next(search) for i, search in waiting.items()}
    found: dict[int, Explanation] = {}
    while asked:
        scores, p = judge(np.concatenate(list(asked.values())))
        ends = np.cumsum([len(changed) for changed in asked.values()])
        answers = zip(asked, np.split(scores, ends[:-1]), np.split(p, ends[:-1]), strict=True)
        asked = {}
        for i, own_scores, own_p in answers:
            try:
                asked[i] = waiting[i].send((own_scores, own_p))
            except StopIteration as done:
                found[i] = done.value
    return [found[i] for i in range(len(rows))]


def _explanation(
    row: np.ndarray,
    replacement: Replacement,
    shown: Callable[[np.ndarray], list[list[Any]]],
    level: float,
    names: Sequence[str],
    at_most: int,
) -> Generator[np.ndarray, Judged, Explanation]:
    """Return why a row is unusual; it yields rows that it wants judged, and is sent their scores and p-values."""

    def replaced(columns: Sequence[int]) -> np.ndarray:
        changed = row.copy()
        changed[list(columns)] = replacement.expected(row, columns)
        return changed

    def all_replaced(sets: Sequence[Sequence[int]]) -> np.ndarray:
        return np.stack([replaced(columns) for columns in sets])

    expected = replacement.each(row)
    apart = replacement.apart(row, expected)
    tried = [int(j) for j in np.argsort(-apart, kind="stable")[:MOST_COLUMNS]]
    at_most = min(at_most, len(tried))
    scores, p = yield np.concatenate([row[None], all_replaced([[j] for j in tried])])
    own_score, own_p = scores[0], float(p[0])
    alone = dict(zip(tried, scores[1:] - own_score, strict=True))
    ranked = sorted(tried, key=lambda j: -alone[j])
    chosen = ranked[:1]
    if at_most > 1:
        half, first = PAIRED_COLUMNS // 2, ranked[0]
        silenced = p[1 + tried.index(first)] > level
        paired = list(dict.fromkeys([*ranked[:half], *tried[:half]]))
        pairs = [pair for pair in combinations(paired, 2) if first in pair or not silenced]
        scores, _ = yield all_replaced(pairs)
        chosen = sorted(pairs[int(np.argmax(scores))], key=lambda j: -alone[j])
    while len(chosen) < at_most:
        rest = [j for j in ranked if j not in chosen][:PAIRED_COLUMNS]
        scores, _ = yield all_replaced([[*chosen, j] for j in rest])
        chosen.append(rest[int(np.argmax(scores))])
    k = len(chosen)
    steps, without = [chosen[: i + 1] for i in range(k)], [[i for i in chosen if i != j] for j in chosen]
    scores, p = yield all_replaced([*steps, *without])
    last = scores[k - 1] - np.where([bool(columns) for columns in without], scores[k:], own_score)
    gains = np.maximum(0.0, (np.array([alone[j] for j in chosen]) + last) / 2)
    shares = gains / gains.sum() if gains.sum() > 0 else np.full(k, 1 / k)
    needed = 0 if own_p > level else next((i + 1 for i in range(k) if p[i] > level), None)
    low, high = expected - replacement.half_width, expected + replacement.half_width
    values = shown(np.stack([row, expected, low, high]))
    reasons = []
    for j, share in zip(chosen, shares, strict=True):
        seen, wanted, least, most = (None if _missing(value) else value for value in values[j])
        reasons.append(Reason(names[j], j, seen, wanted, least, most, float(share)))
    return Explanation(own_p, tuple(reasons), needed, row if needed == 0 else replaced(chosen[: needed or k]))


def _missing(value: Any) -> bool:
    """Return whether a value is one of the ways in which frames say that there is none."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _in_words(value: Any) -> str:
    if value is None:
        return "missing"
    return f"{value:.4g}" if isinstance(value, Real) and not isinstance(value, Integral) else str(value)
