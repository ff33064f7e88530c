"""Artefacts: faults of a recording, planted in held-out windows of an electrocardiogram; alarms, time by time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from isthmus import Autoencoder
from isthmus.datasets import load
from isthmus.detection import Detector
from isthmus.errors import DataError

from .report import table

ALPHA = 0.05
LENGTH = 64
"""Samples in a window: 0.18 s."""

SPAN_SAMPLES = (16, 48)
"""How long an artefact lasts, from 40 to 130 ms."""

PLANTED_SHARE = 0.2
"""The share of held-out windows in which one is planted."""

REPEATS = 2
"""How many times artefacts are planted anew, and the score fitted anew."""

Plant = Callable[[np.ndarray, np.random.Generator], np.ndarray]

KINDS: dict[str, Plant] = {
    "a spike of 1 mV": lambda x, rng: x + 1.0 * np.hanning(len(x)) * rng.choice([-1, 1]),
    "a lost contact: the value stays": lambda x, rng: np.full(len(x), x[0]),
    "mains hum of 0.3 mV at 50 Hz": lambda x, rng: x + 0.3 * np.sin(2 * np.pi * 50 / 360 * np.arange(len(x))),
    "noise of 0.3 mV": lambda x, rng: x + 0.3 * rng.normal(size=len(x)),
    "the base line jumps by 0.5 mV": lambda x, rng: x + 0.5 * rng.choice([-1, 1]),
}


SCORES = {"`Detector()`": "auto", "`Detector(Autoencoder())`": Autoencoder(random_state=0)}


def planted(windows: np.ndarray, plant: Plant, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return windows, (N, 256), of which half have an artefact, and where it is, (N, 256) of truth values."""
    out, where = windows.copy(), np.zeros(windows.shape, dtype=bool)
    for i in rng.choice(len(out), round(PLANTED_SHARE * len(out)), replace=False):
        length = int(rng.integers(*SPAN_SAMPLES))
        start = int(rng.integers(LENGTH - length))
        out[i, start : start + length] = plant(out[i, start : start + length], rng)
        where[i, start : start + length] = True
    return out, where


def run() -> str | None:
    torch.set_num_threads(1)
    try:
        data = load("ecg")
    except DataError:
        return None
    train, test = (rows.reshape(-1, LENGTH) for rows in (data.train, data.test))
    lines = []
    for score, estimator in SCORES.items():
        found: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
        for seed in range(REPEATS):
            detector = Detector(estimator, alarm=f"falsealarms:{ALPHA}", random_state=seed).fit(train)
            for kind, plant in KINDS.items():
                X, where = planted(test, plant, np.random.default_rng(seed))
                found[kind].append(_measured(detector, X, where))
        for kind, figures in found.items():
            lines.append([score, kind, *(f"{100 * figure:.0f} %" for figure in np.nanmean(figures, axis=0))])
            print(*lines[-1], flush=True)
    head = [
        "score",
        "what is planted",
        "of artefacts, found",
        "of clean windows, falsely",
        "span overlaps the artefact",
    ]
    head += ["of artefacts' time, marked", "of the time marked, artefacts'"]
    return (
        f"{len(train):,} windows of {LENGTH} samples of an electrocardiogram at "
        f"360 Hz to fit and calibrate on, {len(test)} held out, in a fifth of which one artefact of "
        f"{SPAN_SAMPLES[0]} to {SPAN_SAMPLES[1]} samples is planted at random; α = {ALPHA:g}; means over {REPEATS} "
        "fits. A window that raises an alarm marks the span of time that `explain` names, and nothing else is marked. "
        "Each sample counts by itself: no artefact counts as found in full because one of its samples is (no point "
        "adjustment). The recording's own ectopic beats count as clean.\n\n" + table(head, lines)
    )


def _measured(detector: Detector, X: np.ndarray, where: np.ndarray) -> list[float]:
    """Return the figures of a line of the table, as shares."""
    raised, faulty = detector.predict(X) == -1, where.any(axis=1)
    marked, touched = np.zeros(X.shape, dtype=bool), []
    for i, why in zip(np.flatnonzero(raised), detector.explain(X[raised]) if raised.any() else [], strict=True):
        marked[i, slice(*why.times)] = True
        if faulty[i]:
            touched.append(float((marked[i] & where[i]).any()))
    return [
        float(raised[faulty].mean()),
        float(raised[~faulty].mean()),
        float(np.mean(touched)) if touched else float("nan"),
        float(marked[where].mean()),
        float(where[marked].mean()) if marked.any() else float("nan"),
    ]
