"""Reasons: the columns that make a row unusual, what was expected there, and what change would silence the alarm.

In a series a span of time takes the place of a column, in a picture a tile: see `isthmus.detection.Regions`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral, Real
from typing import Any

import numpy as np

from .regions import Regions
from .replacement import Expected, Replacement

__all__ = ["Explanation", "Reason", "explain_rows"]

MOST_COLUMNS = 64
"""How many columns, those furthest from what is expected, are tried one by one."""

PAIRED_COLUMNS = 8
"""How many columns are tried in pairs: those that tell most by themselves, and those furthest from what is expected."""

LEAST_SHARE = 0.005
"""The share below which a column is not named: it would be shown as 0 %."""

SPAN_SHARE = 0.8
"""The share of what all spans of a series gain that is gained in the one that is named."""

Judged = tuple[np.ndarray, np.ndarray]
"""Scores and p-values of rows, (N,) each."""


@dataclass(frozen=True)
class Reason:
    """A column that makes a row unusual.

    Attributes
    ----------
    column : its name; of a series the span of time, of a picture the tile, whose furthest entry is then shown.
    index : its place among the columns, spans or tiles.
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

    @property
    def seen_in_words(self) -> str:
        """The value that was seen."""
        return _in_words(self.seen)

    @property
    def expected_in_words(self) -> str:
        """The value that is expected, and its interval where it has one."""
        interval = "" if self.low is None else f" ({_in_words(self.low)} to {_in_words(self.high)})"
        return _in_words(self.expected) + interval

    def __str__(self) -> str:
        share = f"{100 * self.share:.0f} %"
        return f"{self.column} is {self.seen_in_words}, expected {self.expected_in_words}: {share}"


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a row is unusual.

    Attributes
    ----------
    p_value : of the row.
    reasons : the columns that count most, first those whose change silences the alarm; none whose change helps nothing.
    needed : how many of them, from the first, must change until the row raises no alarm; 0 where it raises none, None
        where more would have to change than are named.
    nearest : the row with the needed columns as expected, or with all named ones; the nearest usual row that was found.
    map : what the score gains where each column, span or tile alone is as expected, of the row's shape; 0 where it
        gains nothing.
    times : of a series, the first time and the one after the last of the span that makes it unusual; else None.
    """

    p_value: float
    reasons: tuple[Reason, ...]
    needed: int | None
    nearest: np.ndarray
    map: np.ndarray
    times: tuple[int, int] | None = None

    def __str__(self) -> str:
        return "; ".join(str(reason) for reason in self.reasons)


def explain_rows(
    rows: np.ndarray,
    replacement: Replacement,
    judge: Callable[[np.ndarray], Judged],
    shown: Callable[[np.ndarray], list[list[Any]]],
    level: float,
    at_most: int,
) -> list[Explanation]:
    """Return, for each row, the columns whose replacement by what is expected raises its score most.

    Columns are regions here, spans of a series and tiles of a picture too. Single columns are tried first, then pairs,
    since two faults may hide each other; further columns join one at a time. A column's share is the mean of what it
    gains alone and what it gains last, above the row as it is. All rows are explained at once, so that scores are asked
    for a few times only.

    Parameters
    ----------
    rows : (N, n).
    replacement : what is expected in a column.
    judge : scores and p-values of rows, each by itself.
    shown : rows as the data have them, by column.
    level : a p-value up to this raises an alarm.
    at_most : how many columns are named.
    """
    expected = replacement.each(rows)
    waiting = {
        i: _explanation(row, expected.of_row(i), replacement, shown, level, at_most) for i, row in enumerate(rows)
    }
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
    expected: Expected,
    replacement: Replacement,
    shown: Callable[[np.ndarray], list[list[Any]]],
    level: float,
    at_most: int,
) -> Generator[np.ndarray, Judged, Explanation]:
    """Return why a row is unusual; it yields rows that it wants judged, and is sent their scores and p-values."""
    tried = [int(j) for j in np.argsort(-expected.apart, kind="stable")[:MOST_COLUMNS]]
    at_most = min(at_most, len(tried))
    scores, p = yield np.concatenate([row[None], replacement.replaced(row, [[j] for j in tried])])
    own_score, own_p = scores[0], float(p[0])
    alone = dict(zip(tried, scores[1:] - own_score, strict=True))
    ranked = sorted(tried, key=lambda j: -alone[j])
    chosen = ranked[:1]
    if at_most > 1:
        half, first = PAIRED_COLUMNS // 2, ranked[0]
        silenced = p[1 + tried.index(first)] > level
        paired = list(dict.fromkeys([*ranked[:half], *tried[:half]]))
        pairs = [pair for pair in combinations(paired, 2) if first in pair or not silenced]
        scores, _ = yield replacement.replaced(row, pairs)
        chosen = sorted(pairs[int(np.argmax(scores))], key=lambda j: -alone[j])
    while len(chosen) < at_most:
        rest = [j for j in ranked if j not in chosen][:PAIRED_COLUMNS]
        scores, _ = yield replacement.replaced(row, [[*chosen, j] for j in rest])
        chosen.append(rest[int(np.argmax(scores))])
    k = len(chosen)
    steps, without = [chosen[: i + 1] for i in range(k)], [[i for i in chosen if i != j] for j in chosen]
    scores, p = yield replacement.replaced(row, [*steps, *[columns for columns in without if columns]])
    last = scores[k - 1] - (scores[k:] if k > 1 else own_score)
    gains = np.maximum(0.0, (np.array([alone[j] for j in chosen]) + last) / 2)
    if not gains.any():  # the score is as low whatever is changed
        gains = (expected.apart[chosen] > 0).astype(np.float64)
    shares = gains / max(gains.sum(), np.finfo(np.float64).tiny)
    needed = 0 if own_p > level else next((i + 1 for i in range(k) if p[i] > level), None)
    named = [i for i in range(k) if shares[i] >= LEAST_SHARE or i < (needed or 0)]
    regions, values = replacement.regions, shown(np.stack([row, expected.values, expected.low, expected.high]))
    reasons = []
    for i in named:
        entries = regions.entries[chosen[i]]
        furthest = entries[int(np.argmax(expected.entries_apart[entries]))]
        seen, wanted, least, most = (None if _missing(value) else value for value in values[furthest])
        share = float(shares[i] / shares[named].sum()) if shares[named].any() else 1 / len(named)
        reasons.append(Reason(regions.names[chosen[i]], chosen[i], seen, wanted, least, most, share))
    gained = np.zeros(len(regions.names))
    gained[tried] = np.maximum(0.0, [alone[j] for j in tried])
    nearest = row if needed == 0 else replacement.replaced(row, [chosen[: needed or k]])[0]
    return Explanation(own_p, tuple(reasons), needed, nearest, regions.spread(gained), _times(regions, gained))


def _times(regions: Regions, gained: np.ndarray) -> tuple[int, int] | None:
    """Return the shortest span of time that has most of what all spans gain; None of rows that are no series."""
    if regions.times is None:
        return None
    upto, n = np.concatenate([[0.0], np.cumsum(gained)]), len(gained)
    spans = ((last - first, first, last) for first in range(n) for last in range(first + 1, n + 1))
    _, first, last = min(span for span in spans if upto[span[2]] - upto[span[1]] >= SPAN_SHARE * upto[-1])
    return regions.times[first][0], regions.times[last - 1][1]


def _missing(value: Any) -> bool:
    """Return whether a value is one of the ways in which frames say that there is none."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _in_words(value: Any) -> str:
    if value is None:
        return "missing"
    return f"{value:.4g}" if isinstance(value, Real) and not isinstance(value, Integral) else str(value)
