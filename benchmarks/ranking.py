"""Ranking: how well a detector's default score tells anomalies from usual rows, on the odd-numbered sets of ADBench."""

from __future__ import annotations

import time

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from isthmus.detection import Detector

from .odd_sets import PROTOCOLS, names, split
from .report import table

SEEDS = (0, 1, 2)
MODES = {"S": 0.0, "U": "auto"}
"""How rows are trimmed where they are clean and where anomalies are among them."""


def run() -> str | None:
    if not names():
        return None
    jobs = [(name, protocol, seed) for name in names() for protocol in PROTOCOLS for seed in SEEDS]
    found = dict(zip(jobs, Parallel(-1)(delayed(_measured)(*job) for job in jobs), strict=True))
    mean = {
        (protocol, i): np.mean([found[name, protocol, seed][i] for name in names() for seed in SEEDS])
        for protocol in PROTOCOLS
        for i in range(3)
    }
    lines = [
        [label, *(f"{mean[protocol, i]:.3f}" for protocol in PROTOCOLS), f"{(mean['S', i] + mean['U', i]) / 2:.3f}"]
        for i, label in enumerate(['`Detector()`, `Detector(trim="auto")`', "isolation forest"])
    ]
    seconds = {protocol: mean[protocol, 2] * len(names()) for protocol in PROTOCOLS}
    return (
        f"Mean area under the ROC curve over {len(names())} sets and {len(SEEDS)} seeds, the detector's 30 % of "
        "calibration rows taken off what its score is fitted on. "
        + " ".join(f"{protocol}: {what}." for protocol, what in PROTOCOLS.items())
        + f" Processor time of the detector, all sets: {seconds['S']:.0f} s and {seconds['U']:.0f} s.\n\n"
        + table(["who", *PROTOCOLS, "mean"], lines)
    )


def _measured(name: str, protocol: str, seed: int) -> tuple[float, float, float]:
    """Return the areas of the detector and of an isolation forest, and the detector's processor time."""
    train, test, truth = split(name, protocol, seed)
    start = time.process_time()
    scores = Detector(trim=MODES[protocol], alarm="budget:1", random_state=seed).fit(train).score_samples(test)
    seconds = time.process_time() - start
    forest = IsolationForest(random_state=seed).fit(train).score_samples(test)
    return float(roc_auc_score(truth, -scores)), float(roc_auc_score(truth, -forest)), seconds
