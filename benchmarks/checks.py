"""Checks of metrics: what a metric is held against, and how far it agrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Check(NamedTuple):
    metric: str
    what: str
    source: str
    against: str
    agreement: Callable[[], str]


def add_to(checks: list[Check]) -> Callable[..., Callable[[Callable[[], str]], None]]:
    """Return the decorator that puts a check's row of the table, and the function that measures it, into a list."""

    def check(metric: str, what: str, source: str, against: str) -> Callable[[Callable[[], str]], None]:
        return lambda measure: checks.append(Check(metric, what, source, against, measure))

    return check


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def relative(ours: object, theirs: object) -> str:
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    return f"largest relative difference {np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-300)):.0e}"


def pair(n: int = 300, width: int = 5) -> tuple[np.ndarray, np.ndarray]:
    r = rng()
    return r.normal(size=(n, width)), 0.8 * r.normal(size=(n, width)) + 0.3
