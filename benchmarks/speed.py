"""Training throughput: isthmus, pythae, scikit-learn, a tight loop and the bare matrix products of a step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch

from isthmus.datasets import load
from isthmus.device import has_bfloat16

from .contest import (
    SYSTEMS,
    System,
    bare_products,
    isthmus_model,
    multilayer,
    pythae_speed,
    pythae_trainer,
    tight_loop,
)
from .report import table
from .timing import Fits, clock, rate, ratio, repaid, take_turns, verdict

BATCHES = (100, 256, 1024)
CHECK_BATCH_ROWS = 256
"""The batch size at which the seconds of the history are checked against the wall time of whole fits."""

OURS, PLAIN, DEFAULT = "isthmus, float32", "isthmus, not compiled", "isthmus, default precision"
PYTHAE, SKLEARN = "pythae", "MLPRegressor"
TIGHT, TIGHT16, BARE, BARE16 = (
    "tight loop, float32",
    "tight loop, bfloat16",
    "bare products, float32",
    "bare products, bfloat16",
)

# contestants, the targets at each batch size, and whether the ratio is of times (lower is better) and not of speeds
TARGETS = [
    (OURS, PYTHAE, (2.0, 1.7, 1.5), False),
    (DEFAULT, PYTHAE, (2.8, 2.8, 2.5), False),
    (DEFAULT, SKLEARN, (3, 5, 6), False),
    (OURS, BARE, (1.5, 1.25, 1.2), True),
    (DEFAULT, BARE16, (2.3, 1.5, 1.5), True),
    (OURS, TIGHT, (1.2, 1.0, 1.0), False),
    (DEFAULT, TIGHT16, (1.2, 1.0, 1.0), False),
]
ABSENT = "not measured: this CPU multiplies no bfloat16"


def run(seconds: float = 2.0, turns: int = 3, rows: int = 60_000) -> str:
    X = load("fashion-mnist").train[:rows].reshape(-1, 784)
    speeds, ratios, compiling = [], [], []
    with tempfile.TemporaryDirectory() as cold, mock.patch.dict(os.environ, TORCHINDUCTOR_CACHE_DIR=cold):
        for system in SYSTEMS:
            for batch in BATCHES:
                fits = _fits(system, X, batch, seconds, "float32", compile=True)
                measured = take_turns(_contestants(system, X, batch, seconds, fits, cold), turns)
                measured.setdefault(DEFAULT, measured[OURS])  # where "auto" is float32 the two are one
                speeds += [[system.name, batch, who, f"{np.median(v) / 1e3:.1f}"] for who, v in measured.items()]
                ratios += _compare(system, batch, measured)
                check = f"{_whole(fits, turns):.2f}" if batch == CHECK_BATCH_ROWS else ""
                paid = repaid(fits.compilation, measured[PLAIN], measured[OURS])
                compiling.append([system.name, batch, *paid, check])
    return _text(seconds, turns) + "\n\n".join(
        [
            table(["system", "batch", "contestant", "thousand rows a second"], speeds),
            table(["system", "batch", "ratio", "measured", "held to", ""], ratios),
            table(["system", "batch", "compilation, seconds", "repaid after rows", "whole fits ÷ epochs"], compiling),
        ]
    )


def _fits(system: System, X: np.ndarray, batch: int, seconds: float, precision: str, compile: bool) -> Fits:
    what = {"batch_size": batch, "precision": precision, "compile": compile}
    return Fits(lambda epochs: isthmus_model(system, epochs=epochs, **what), X, seconds)


def _whole(fits: Fits, turns: int) -> float:
    """Return the cross-check: the wall time of whole fits that differ by some epochs, over what the longer one says."""
    ratios, kept = [], []
    for _ in range(turns):
        short = clock(lambda: fits.fit(1))
        long = clock(lambda: kept.append(fits.fit(2 + fits.epochs)))
        ratios.append((long - short) / float(np.sum(kept[-1][1:])))
    return float(np.median(ratios))


def _contestants(
    system: System, X: np.ndarray, batch: int, seconds: float, fits: Fits, folder: str
) -> dict[str, Callable[[], float]]:
    scaled = np.float32(1 / 255) * X.astype(np.float32)
    x, who = torch.from_numpy(scaled), {}
    who[OURS] = fits
    who[PLAIN] = _fits(system, X, batch, seconds, "float32", compile=False)
    trainer = pythae_trainer(
        (784, system.hidden, system.latent),
        scaled,
        folder,
        variational=system.variational,
        per_device_train_batch_size=batch,
    )
    who[PYTHAE] = lambda: pythae_speed(trainer, seconds)
    works = {TIGHT: tight_loop(system, x, batch, False), BARE: bare_products(system, batch, torch.float32)}
    if system.variational:
        works[SKLEARN] = multilayer(system, scaled, batch)
    if has_bfloat16(torch.device("cpu")):
        who[DEFAULT] = _fits(system, X, batch, seconds, "auto", compile=True)
        works[TIGHT16] = tight_loop(system, x, batch, True)
        works[BARE16] = bare_products(system, batch, torch.bfloat16)
    for name, work in works.items():
        for _ in range(3):  # warm-up
            work()
        who[name] = lambda work=work: rate(work, seconds)
    return who


def _compare(system: System, batch: int, measured: dict[str, np.ndarray]) -> list[list[object]]:
    lines: list[list[object]] = []
    for ours, theirs, targets, times in TARGETS:
        target = dict(zip(BATCHES, targets, strict=True))[batch]
        if theirs == SKLEARN and not system.variational:
            continue
        label = f"{ours} {'time' if times else 'speed'} ÷ {theirs}"
        if theirs not in measured:
            sign = "≤" if times else "≥"
            lines.append([system.name, batch, label, ABSENT, f"{sign} {target:g}", ""])
            continue
        a, b = (measured[theirs], measured[ours]) if times else (measured[ours], measured[theirs])
        lines.append([system.name, batch, label, *verdict(ratio(a, b), target, at_most=times)])
    return lines


def _text(seconds: float, turns: int) -> str:
    return (
        f"Fashion-MNIST, 60,000 rows, Adam. Contestants take turns in one process, {turns} turns of at least "
        f"{seconds:g} s each; ratios are medians of paired ratios. Import, set-up and compilation are left out of the "
        "speeds; compilation is the first epoch's excess in a first fit with an empty cache. Whole fits ÷ "
        "epochs is the "
        "cross-check: wall time that more epochs add, over what the history says of them.\n\n"
    )
