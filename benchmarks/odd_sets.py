"""Anomalies in the odd-numbered sets of ADBench: the default estimators beside PyOD's networks and simple searches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from isthmus import VAE, Autoencoder

from .report import table
from .timing import ratio, take_turns, verdict

__all__ = ["GOALS", "PROTOCOLS", "names", "odd_set", "pyod_network", "split"]

MOST_ROWS = 10_000
LEFT_OUT = ("17_InternetAds",)
"""1,555 columns, most of them words: one fit takes as long as all of the others."""

PROTOCOLS = {
    "S": "trained on half of the normal rows, standardised; tested on the other half and all anomalies",
    "U": "trained on 70 % of the rows, anomalies included, scaled to [0, 1]; tested on the rest",
}
GOALS = {("VAE()", "S"): 0.815, ("VAE()", "U"): 0.73, ("Autoencoder()", "S"): 0.81, ("Autoencoder()", "U"): 0.70}
TIMED, TIMED_ROWS, TURNS = "19_landsat", 2_000, 5

Scores = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""Fits to rows and returns how unusual other rows are: (train, test, seed) → (N,)."""

Split = tuple[np.ndarray, np.ndarray, np.ndarray]


def folder() -> Path:
    """Return where the sets are: ``adbench`` in the folder that the environment variable ISTHMUS_DATA names."""
    return Path(os.environ.get("ISTHMUS_DATA", "")) / "adbench"


def names(every: bool = False) -> list[str]:
    """Return the odd-numbered sets that are there, by number; `every` is the slow one too."""
    found = sorted(folder().glob("*_*.npz"), key=lambda path: int(path.stem.partition("_")[0]))
    odd = [path.stem for path in found if int(path.stem.partition("_")[0]) % 2]
    return [name for name in odd if every or name not in LEFT_OUT]


@cache
def odd_set(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return at most 10,000 rows of a set, and which are anomalies."""
    with np.load(folder() / f"{name}.npz") as file:
        X, y = file["X"].astype(np.float64), file["y"].astype(int)
    rows = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
    return X[rows], y[rows]


def split(name: str, protocol: str, seed: int = 0) -> Split:
    """Return rows to train on, rows to test on, and which of these are anomalies."""
    X, y = odd_set(name)
    if protocol == "S":
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
        half = len(normal) // 2
        tested = np.concatenate([normal[half:], np.flatnonzero(y == 1)])
        train, test, truth, scaler = X[normal[:half]], X[tested], y[tested], StandardScaler()
    else:
        train, test, _, truth = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
        scaler = MinMaxScaler()
    return scaler.fit(train).transform(train), scaler.transform(test), truth


def pyod_network(name: str, seed: int, **changed: Any) -> Any:
    """Return PyOD's network of that name at its defaults, or None where PyOD is not installed."""
    try:
        from pyod.models import auto_encoder, deep_svdd, vae
    except ImportError:
        return None
    if name == "DeepSVDD":
        return deep_svdd.DeepSVDD(random_state=seed, verbose=0, **changed)
    kind = {"AutoEncoder": auto_encoder.AutoEncoder, "VAE": vae.VAE}[name]
    return kind(random_state=seed, verbose=0, device="cpu", **changed)


def _ours(make: Callable[..., Any]) -> Scores:
    def scores(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        return -make(random_state=seed).fit(train).score_samples(test)

    return scores


def _pyod(name: str) -> Scores:
    def scores(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        return pyod_network(name, seed).fit(train).decision_function(test)

    return scores


def _neighbours(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    k = min(5, len(train))
    return NearestNeighbors(n_neighbors=k).fit(train).kneighbors(test)[0][:, -1]


def _forest(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def contestants() -> Mapping[str, Scores]:
    """Return who is measured; PyOD's networks where it is installed."""
    theirs = {} if pyod_network("VAE", 0) is None else {f"PyOD {n}": _pyod(n) for n in ("AutoEncoder", "VAE")}
    return {
        "VAE()": _ours(VAE),
        "Autoencoder()": _ours(Autoencoder),
        **theirs,
        "isolation forest": _forest,
        "5 nearest neighbours": _neighbours,
    }


def run(seed: int = 0) -> str | None:
    if not names():
        return None
    who = contestants()
    jobs = [(set_name, protocol, label) for set_name in names() for protocol in PROTOCOLS for label in who]
    found = dict(zip(jobs, Parallel(-1, verbose=5)(delayed(_measured)(*job, seed) for job in jobs), strict=True))
    absent = "" if any("PyOD" in label for label in who) else " PyOD is not installed here."
    means = {
        (label, protocol): float(np.mean([found[name, protocol, label][0] for name in names()]))
        for label in who
        for protocol in PROTOCOLS
    }
    lines = [
        [
            label,
            *(f"{means[label, protocol]:.3f}" for protocol in PROTOCOLS),
            *(f"{sum(found[name, protocol, label][1] for name in names()):.0f}" for protocol in PROTOCOLS),
            sum(found[name, protocol, label][2] for name in names() for protocol in PROTOCOLS),
        ]
        for label in who
    ]
    each = [
        [name, *(f"{found[name, protocol, label][0]:.3f}" for protocol in PROTOCOLS for label in list(who)[:4])]
        for name in names()
    ]
    held = [[label, protocol, *verdict(means[label, protocol], goal)] for (label, protocol), goal in GOALS.items()]
    return (
        f"{len(names())} odd-numbered sets of ADBench, all but InternetAds, at most {MOST_ROWS:,} rows of each, one "
        "seed. "
        + " ".join(f"{protocol}: {what}." for protocol, what in PROTOCOLS.items())
        + f" The area under the ROC curve, mean over sets; everything at its default, a thread each.{absent}\n\n"
        + table(["who", "S", "U", "processor seconds, S", "U", "rows without a score"], lines)
        + "\n\n"
        + table(["goal", "protocol", "measured", "held to", ""], held)
        + "\n\n"
        + table(["set", *(f"{label}, {protocol}" for protocol in PROTOCOLS for label in list(who)[:4])], each)
        + "\n\n"
        + _lengths(who)
    )


def _measured(name: str, protocol: str, label: str, seed: int) -> tuple[float, float, int]:
    """Return the area under the curve, the processor's seconds, and how many rows got no score."""
    torch.set_num_threads(1)
    train, test, truth = split(name, protocol, seed)
    started = time.process_time()
    scores = contestants()[label](train, test, seed)
    seconds = time.process_time() - started
    none = ~np.isfinite(scores)
    return (
        float(roc_auc_score(truth, np.where(none, np.inf if none.all() else scores[~none].max() + 1, scores))),
        seconds,
        int(none.sum()),
    )


def _lengths(who: Mapping[str, Scores]) -> str:
    """Return what a fit to 2,000 rows costs beside PyOD's autoencoder, in turns."""
    torch.set_num_threads(1)
    train = split(TIMED, "S")[0][:TIMED_ROWS]
    fits: dict[str, Callable[[], Any]] = {
        "VAE()": lambda: VAE(random_state=0).fit(train),
        "Autoencoder()": lambda: Autoencoder(random_state=0).fit(train),
    }
    if "PyOD AutoEncoder" not in who:
        return "PyOD is not installed here; what a fit costs beside its own was not measured."
    fits["PyOD AutoEncoder"] = lambda: pyod_network("AutoEncoder", 0).fit(train)
    for fit in fits.values():
        fit()  # warm-up

    def clocked(fit: Callable[[], Any]) -> Callable[[], float]:
        def turn() -> float:
            started = time.process_time()
            fit()
            return time.process_time() - started

        return turn

    seconds = take_turns({label: clocked(fit) for label, fit in fits.items()}, TURNS)
    theirs = seconds["PyOD AutoEncoder"]
    lines = [
        [label, f"{np.median(seconds[label]):.2f}", *(verdict(ratio(seconds[label], theirs), 1.0, at_most=True))]
        for label in list(fits)[:2]
    ]
    return (
        f"A fit to {TIMED_ROWS:,} rows of {TIMED}, {train.shape[1]} columns, in processor seconds; {TURNS} turns, one "
        f"thread; PyOD's AutoEncoder takes {np.median(theirs):.2f}.\n\n"
        + table(["who", "seconds", "÷ PyOD's AutoEncoder", "held to", ""], lines)
    )
