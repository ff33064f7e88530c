"""Rows that satisfy conditions: drawn anew until they do, and how many of the first ones did is said at the start."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .data import Number
from .data.output import rows_back
from .data.predicate import Predicate
from .errors import CompositionError, DataError
from .typing import ArrayLike

__all__ = ["Where", "satisfying"]

Condition = str | Callable[[Any], ArrayLike]
Where = Condition | Sequence[Condition]
"""What rows have to satisfy: an expression such as ``"start < end"``, a function of rows, or several of them."""

FIRST_ROWS = 1024
"""The number of rows by which the share that satisfies the conditions is measured, and the fewest that are drawn."""

MOST_ROWS = 32_768
"""The largest number of rows that are drawn at once."""

MOST_FRUITLESS = 100_000
"""The number of draws, one after the other, that satisfy the conditions for no waiting row, after which they end."""

SAID_BELOW_SHARE = 0.05
SAID_FROM_SECONDS = 20.0
"""A warning says the share if it is smaller, or if all rows will take longer."""


def satisfying(estimator: Any, where: Where, draw: Callable[[np.ndarray], np.ndarray], n: int) -> np.ndarray:
    """Return n rows, each drawn anew until it satisfies every condition: draws from p(x | conditions), exactly.

    The share of rows that satisfy the conditions is measured on a first batch. A verbose estimator prints it before it
    draws the rest; others warn if it is small.

    Parameters
    ----------
    estimator : fitted; its schema says what the columns are.
    where : expressions (`isthmus.data.predicate.Predicate`) or functions of rows, in the form in which samples are
        returned, to booleans (N,).
    draw : returns a row for each of the indices that it is given, as numbers (N, ...).
    n : the number of rows.

    Raises
    ------
    CompositionError : an expression cannot be read, or does not fit the columns.
    DataError : none of `MOST_FRUITLESS` rows in succession satisfied the conditions.
    """
    conditions = _conditions(estimator, where)
    start = time.monotonic()
    rows = np.resize(np.arange(n), FIRST_ROWS)
    drawn = draw(rows)
    holds = [test(drawn) for test in conditions.values()]
    good = np.logical_and.reduce(holds)
    rate = float(good.mean())
    shares = dict(zip(conditions, (float(each.mean()) for each in holds), strict=True))
    _say(estimator, shares, rate, n, time.monotonic() - start)
    out = np.empty((n, *drawn.shape[1:]), dtype=drawn.dtype)
    waiting, fruitless = np.arange(n), 0
    while True:
        accepted, at = np.unique(rows[good], return_index=True)
        out[accepted] = drawn[good][at]
        waiting = np.setdiff1d(waiting, accepted)
        fruitless = 0 if len(accepted) else fruitless + len(rows)
        if not len(waiting):
            return out
        if fruitless > MOST_FRUITLESS:
            each = ", ".join(f"{name} for {share:.2%}" for name, share in shares.items())
            raise DataError(
                f"where does not hold for row {waiting[0]} in {fruitless:,} draws; of the rows drawn first it holds: "
                f"{each}; ask for less, or say more with given="
            )
        wanted = 1.1 * len(waiting) / max(rate, 1 / MOST_ROWS)
        rows = np.resize(waiting, int(np.clip(wanted, FIRST_ROWS, MOST_ROWS)))
        drawn = draw(rows)
        good = np.logical_and.reduce([test(drawn) for test in conditions.values()])


def _conditions(estimator: Any, where: Where) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return tests of rows as numbers by what they are called."""
    several = [where] if isinstance(where, str) or callable(where) else list(where)
    tests: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    for i, condition in enumerate(several):
        if isinstance(condition, str):
            tests[repr(condition)] = _expression(estimator, condition)
        elif callable(condition):
            tests[f"condition {i}"] = _function(estimator, condition)
        else:
            raise CompositionError(f"where is an expression, a function or a list of them, got {condition!r}")
    if not tests:
        raise CompositionError("where is an empty list; leave it out to draw any rows")
    return tests


def _expression(estimator: Any, text: str) -> Callable[[np.ndarray], np.ndarray]:
    predicate, schema = Predicate(text), estimator.schema_
    if schema is None and len(estimator.shape_) > 1:
        raise CompositionError(f"where={text!r}: samples of shape {estimator.shape_} have no columns; give a function")
    columns = [Number() for _ in range(estimator.shape_[0])] if schema is None else schema.columns
    predicate(np.zeros((1, len(columns))), columns)  # a mistake in the text is told before anything is drawn

    def holds(x: np.ndarray) -> np.ndarray:
        return predicate(x if schema is None else schema.settle(x), columns)

    return holds


def _function(estimator: Any, function: Callable[[Any], ArrayLike]) -> Callable[[np.ndarray], np.ndarray]:
    def holds(x: np.ndarray) -> np.ndarray:
        found = np.asarray(function(rows_back(estimator, x, drawn=True)), dtype=bool)
        if found.shape != (len(x),):
            raise CompositionError(f"where returns one truth value for each row, ({len(x)},), got {found.shape}")
        return found

    return holds


def _say(estimator: Any, shares: dict[str, float], rate: float, n: int, seconds: float) -> None:
    """Say what share of rows satisfies the conditions, and how long all rows will take."""
    left = seconds * n / max(rate, 1 / MOST_FRUITLESS) / FIRST_ROWS
    each = f" ({', '.join(f'{name} {share:.2%}' for name, share in shares.items())})" if len(shares) > 1 else ""
    about = f"{left / 60:.0f} minutes" if left > 90 else f"{max(1, left):.0f} s"
    said = f"where holds for {rate:.2%} of the rows drawn first{each}; {n:,} such rows take about {about}"
    if rate < SAID_BELOW_SHARE or left > SAID_FROM_SECONDS:
        warnings.warn(said, stacklevel=4)
    elif getattr(estimator, "verbose", 0):
        print(said)
