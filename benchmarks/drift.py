"""Drift: how often a watch raises a false alarm, and how soon a true one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_breast_cancer

from isthmus.detection import Detector
from isthmus.detection.betting import SimpleJumper

from .report import table

ALPHA = 0.05
NULL_RUNS, NULL_ROWS = 200, 100_000
RUNS, QUIET_ROWS, MOVED_ROWS = 20, 500, 2_000

Rows = np.ndarray
SHIFTS: dict[str, Callable[[Rows], Rows]] = {
    "none": lambda X: X,
    "one column of 30 by 0.5 σ": lambda X: X + 0.5 * np.eye(X.shape[1])[0],
    "one column of 30 by 1 σ": lambda X: X + np.eye(X.shape[1])[0],
    "one column of 30 by 2 σ": lambda X: X + 2 * np.eye(X.shape[1])[0],
    "one column of 30, twice as wide": lambda X: X * (1 + np.eye(X.shape[1])[0]),
    "all columns by 0.25 σ": lambda X: X + 0.25,
    "columns permuted, each by itself": lambda X: np.random.default_rng(0).permuted(X, axis=0),
}


def run() -> str:
    null = Parallel(-1)(delayed(_null)(seed) for seed in range(NULL_RUNS // 20))
    false = sum(null)
    lines = []
    for name in SHIFTS:
        found = Parallel(-1)(delayed(_stream)(name, seed) for seed in range(RUNS))
        early = sum(since is not None and since < QUIET_ROWS for since, _ in found)
        delays = [since - QUIET_ROWS for since, _ in found if since is not None and since >= QUIET_ROWS]
        median = f"{np.median(delays):.0f}" if delays else "–"
        right = sum(named for since, named in found if since is not None)
        lines.append([name, early, len(delays), median, right if name.startswith("one") else "–"])
    head = ["what moves after 500 rows", "alarms before", "alarms after", "median delay, rows", "it is named first"]
    return (
        f"{NULL_RUNS} runs of {NULL_ROWS:,} uniform p-values at α = {ALPHA:g}: the money reached 1/α in {false}, "
        f"{100 * false / NULL_RUNS:.1f} %. Below, {RUNS} streams of {QUIET_ROWS + MOVED_ROWS:,} rows, drawn with small "
        "noise from the rows of scikit-learn's breast cancer table (all rows, standardised), at the same α: "
        "how many raised an alarm before anything moved, and after.\n\n" + table(head, lines)
    )


def _null(seed: int) -> int:
    """Return in how many of twenty runs the money of a jumper ever reaches 1/α."""
    rng, jumper, most = np.random.default_rng(seed), SimpleJumper(20), np.zeros(20)
    for _ in range(NULL_ROWS):
        jumper.bet(rng.uniform(size=20))
        most = np.maximum(most, jumper.log_money)
    return int((most >= -np.log(ALPHA)).sum())


def _stream(shift: str, seed: int) -> tuple[int | None, bool]:
    """Return at which row the alarm was raised, and whether the first column is the first that is named."""
    X = load_breast_cancer().data
    X, rng = (X - X.mean(axis=0)) / X.std(axis=0), np.random.default_rng(seed)

    def draw(rows: int) -> Rows:
        return X[rng.integers(len(X), size=rows)] + 0.1 * rng.normal(size=(rows, X.shape[1]))

    detector = Detector(random_state=seed).fit(draw(1000))
    watch = detector.watch(alpha=ALPHA, random_state=seed)
    watch.update(draw(QUIET_ROWS))
    found = watch.update(SHIFTS[shift](draw(MOVED_ROWS)))
    return found.since, bool(found.moved) and found.moved[0].column == "column 0"
