"""Everything that is measured of a synthetic table, at once: whether it is good, and what was tried on its privacy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..data import Category, Schema
from ..data.schema import is_table
from ..errors import DataError, nearest
from .privacy import (
    FEWEST_ROWS,
    Attack,
    ClosestRecords,
    Nearer,
    closest_records,
    copies,
    membership_attack,
    nearer_to_training,
)
from .rows import same_width
from .tables import ToldApart, column_shapes, pair_trends, told_apart, usefulness

__all__ = ["FEWEST_JUDGED_ROWS", "TableQuality", "Usefulness"]

T = TypeVar("T")

FEWEST_JUDGED_ROWS = max(FEWEST_ROWS, 40)
"""The smallest number of training, held-out and synthetic rows that are judged."""

JUDGED_ROWS = 8000
"""The largest number of rows of each kind that are compared, drawn at random from more."""


class Usefulness(NamedTuple):
    """How well a target is predicted by boosting that was trained on synthetic rows, and on as many real ones."""

    target: str
    synthetic: float
    real: float


class TableQuality:
    """Synthetic rows beside held-out rows, which neither the model nor the synthetic rows have seen.

    Each quantity is measured when it is first asked for. If there is a second one whose name begins with ``real_``, it
    is the floor: what as many training rows reach.

    Parameters
    ----------
    train, held_out, other : (L, n), (M, n), (N, n), 40 rows or more each: frames, whose columns say what they are, or
        arrays. In a frame, a category that the training rows do not have counts as a gap.
    categories : the indices of columns that are categories, of arrays.
    names : the names of columns, of arrays.
    target : the name of a column whose prediction measures the use of the rows, or None.
    random_state : the seed of every draw.

    Attributes
    ----------
    n : the number of rows of each kind that are compared.

    Raises
    ------
    DataError : there are too few rows, or there is no column of the target's name.

    >>> X = np.random.default_rng(0).normal(size=(300, 3))
    >>> quality = TableQuality(X[:100], X[100:200], X[200:])
    >>> quality.copies, quality.nearer.low < 0.5 < quality.nearer.high
    (0.0, True)
    """

    def __init__(
        self,
        train: Any,
        held_out: Any,
        other: Any,
        categories: Sequence[int] = (),
        *,
        names: Sequence[str] | None = None,
        target: str | None = None,
        random_state: int = 0,
    ) -> None:
        if is_table(train):
            learnt = Schema.learn(train)
            columns = [replace(c, unseen="gap") if isinstance(c, Category) else c for c in learnt.columns]
            schema = replace(learnt, columns=tuple(columns))
            train, held_out, other = (schema.encode(X) for X in (train, held_out, other))
            categories, names = [i for i, column in enumerate(columns) if column.levels], schema.names
        self._train, self._held_out, self._other = rows = same_width(train, held_out, other)
        if min(map(len, rows)) < FEWEST_JUDGED_ROWS:
            raise DataError(
                f"a table is judged by {FEWEST_JUDGED_ROWS} rows or more of each kind, got {len(rows[0])} training, "
                f"{len(rows[1])} held-out and {len(rows[2])} synthetic rows"
            )
        self.names = [f"x{i}" for i in range(rows[0].shape[1])] if names is None else list(names)
        if target is not None and target not in self.names:
            raise DataError(f"there is no column {target!r} to predict{nearest(target, self.names)}")
        self.categories, self.target, self._seed = tuple(categories), target, random_state
        self.n = min(*map(len, rows), JUDGED_ROWS)
        generator = np.random.default_rng(random_state)
        self._floor, self._real, self._made = (x[generator.permutation(len(x))[: self.n]] for x in rows)

    @cached_property
    def shapes(self) -> np.ndarray:
        """The similarity of each column's distribution, (n,); see `column_shapes`."""
        return column_shapes(self._real, self._made, self.categories)

    @cached_property
    def real_shapes(self) -> np.ndarray:
        """The floor of `shapes`."""
        return column_shapes(self._real, self._floor, self.categories)

    @cached_property
    def trends(self) -> np.ndarray:
        """The similarity of each pair of columns, (n, n); see `pair_trends`."""
        return pair_trends(self._real, self._made, self.categories)

    @cached_property
    def real_trends(self) -> np.ndarray:
        """The floor of `trends`."""
        return pair_trends(self._real, self._floor, self.categories)

    def trend(self, trends: np.ndarray) -> float:
        """Return the mean over pairs of columns, of which those with a constant number are left out; 1 without any."""
        pairs = trends[np.tril_indices(len(trends), -1)]
        known = pairs[~np.isnan(pairs)]
        return float(known.mean()) if len(known) else 1.0

    @cached_property
    def told(self) -> ToldApart:
        """How well boosting tells the rows from held-out rows; see `told_apart`."""
        return told_apart(self._real, self._made, self.categories, random_state=self._seed)

    @cached_property
    def real_told(self) -> ToldApart:
        """The floor of `told`."""
        return told_apart(self._real, self._floor, self.categories, random_state=self._seed)

    def betraying_rows(self, count: int) -> np.ndarray:
        """Return the rows that boosting took for synthetic most surely, (count, n), the surest first."""
        surest = np.argsort(self.told.suspicion_other, kind="stable")[:count]
        rows: np.ndarray = self._made[self.told.other[surest]]
        return rows

    @cached_property
    def copies(self) -> float:
        """The share of rows that equal a training row; see `isthmus.metrics.copies`."""
        return copies(self._train, self._other)

    @cached_property
    def real_copies(self) -> float:
        """The share of held-out rows that equal a training row."""
        return copies(self._train, self._held_out)

    @cached_property
    def closest(self) -> ClosestRecords:
        """The distances of rows and of held-out rows to the nearest training row; see `closest_records`."""
        return self._measured(closest_records)

    @cached_property
    def nearer(self) -> Nearer:
        """The share of rows that lie nearer to a training row than to a held-out row; see `nearer_to_training`."""
        return self._measured(nearer_to_training)

    @cached_property
    def attack(self) -> Attack:
        """How well training rows are told from held-out rows by means of the rows; see `membership_attack`."""
        return self._measured(membership_attack)

    def _measured(self, metric: Callable[..., T]) -> T:
        return metric(self._train, self._held_out, self._other, self.categories, random_state=self._seed)

    @cached_property
    def useful(self) -> Usefulness | None:
        """How well the target is predicted; None without a target, or if the kinds of rows share less than two values.

        As many synthetic as real rows are trained on, and held-out rows are predicted; see `usefulness`.
        """
        if self.target is None:
            return None
        target = self.names.index(self.target)
        rows = self._train, self._held_out, self._other
        kinds = set.intersection(*(set(x[~np.isnan(x[:, target]), target]) for x in rows))
        if target in self.categories:
            kept = [x[np.isin(x[:, target], list(kinds))] for x in rows]
        else:
            kept = [x[~np.isnan(x[:, target])] for x in rows]
        generator = np.random.default_rng(self._seed)
        a, b, s = (x[generator.permutation(len(x))] for x in kept)
        n = min(len(a), len(s))
        if min(n, len(b)) < 2 or (target in self.categories and len(kinds) < 2):
            return None
        return Usefulness(self.target, *(usefulness(x[:n], b, target, self.categories) for x in (s, a)))
