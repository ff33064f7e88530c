"""How times are compared: contestants take turns, and a ratio is the median over turns of the ratio within a turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Fits", "clock", "rate", "ratio", "repaid", "take_turns", "verdict"]


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


class Fits:
    """Rows a second of fits by their own history, the first epoch of each, compilation included, left out.

    Parameters
    ----------
    make : returns the estimator for so many epochs.
    X : what it is fitted to.
    seconds : at least so long is measured, once it is known how long an epoch takes.

    Attributes
    ----------
    compilation : seconds by which the first epoch of the first fit exceeds the others.
    """

    def __init__(self, make: Callable[[int], Any], X: np.ndarray, seconds: float) -> None:
        self.make, self.X, self.seconds = make, X, seconds
        self.compilation = float("nan")
        self.epochs = 1

    def __call__(self) -> float:
        history = self.fit(self.epochs + 1)
        epoch = float(np.median(history[1:]))
        if np.isnan(self.compilation):
            self.compilation = history[0] - epoch
        self.epochs = max(self.epochs, int(np.ceil(self.seconds / epoch)))
        return len(self.X) / epoch

    def fit(self, epochs: int) -> np.ndarray:
        """Fit anew and return the seconds of each epoch."""
        return self.make(epochs).fit(self.X).history_["seconds"]


def repaid(seconds: float, slow: np.ndarray, fast: np.ndarray) -> tuple[str, str]:
    """Return the cells of what costs seconds once and makes a slow speed a fast one: seconds, rows that repay it."""
    gain = 1 / np.median(slow) - 1 / np.median(fast)
    return f"{seconds:.1f}", f"{seconds / gain:,.0f}" if min(gain, seconds) > 0 else "never"
