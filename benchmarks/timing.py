"""How times are compared: contestants take turns, and a ratio is the median over turns of the ratio within a turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["clock", "rate", "ratio", "take_turns", "verdict"]


def take_turns(contestants: Mapping[str, Callable[[], float]], turns: int) -> dict[str, np.ndarray]:
    """Call every contestant once a turn, each turn starting with another one; return what each returned."""
    names, measured = list(contestants), {name: np.zeros(turns) for name in contestants}
    for turn in range(turns):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            measured[name][turn] = contestants[name]()
    return measured


def ratio(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the median of paired ratios."""
    return float(np.median(ours / theirs))


def clock(work: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def rate(work: Callable[[], int], seconds: float) -> float:
    """Return rows a second of work that returns how many rows it did, repeated for at least so many seconds."""
    rows, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        rows += work()
    return rows / passed


def verdict(value: float, target: float, *, at_most: bool = False) -> Sequence[str]:
    """Return the cells value, target, met or missed."""
    met = value <= target if at_most else value >= target
    return f"{value:.2f}", f"{'≤' if at_most else '≥'} {target:g}", "met" if met else "missed"
