"""Gaps filled: cells hidden from tables and guessed again, beside forests, a Gaussian, neighbours and MIWAE."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (it makes the next line possible)
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from isthmus.joint_gaussian import fit_gaussian

SEEDS = (0, 1, 2)
MOST_ROWS = 1_000
SHARE = 0.3
LEVEL = 0.9

CHOSEN_ON = (
    "wine",
    "breast cancer",
    "diabetes",
    "27_PageBlocks",
    "31_satimage-2",
    "35_SpamBase",
    "41_Waveform",
    "47_yeast",
)
"""The sets of the goals; the default was chosen on them too, with other rows and other masks (seeds from 10 on)."""

NOT_CHOSEN_ON = ("7_Cardiotocography", "29_Pima")

GOALS = {"trees": 0.955, "MIWAE": 0.92}
OVER_GAUSSIAN, SECONDS, COVER = 1.02, 10.0, (0.86, 0.94)


class Holed(NamedTuple):
    """A table, and which of its cells are hidden."""

    whole: np.ndarray
    hidden: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """The rows as an imputer meets them."""
        return np.where(self.hidden, np.nan, self.whole)

    def error(self, filled: np.ndarray) -> float:
        """Return the root mean squared error of hidden cells over each column's standard deviation."""
        return float(np.sqrt(np.mean(((filled - self.whole) / self.whole.std(0))[self.hidden] ** 2)))

    def judged(self, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
        """Return the share of hidden cells that intervals cover, and their mean interval score, in deviations.

        The score is the width and, for a miss, 2/α times how far off the cell lies: Tilmann Gneiting and Adrian E.
        Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, equation 43.
        """
        x, low, high = ((a / self.whole.std(0))[self.hidden] for a in (self.whole, low, high))
        missed = np.maximum(low - x, 0) + np.maximum(x - high, 0)
        return float(np.mean(missed == 0)), float(np.mean(high - low + 2 / (1 - LEVEL) * missed))


def load(name: str, seed: int) -> np.ndarray:
    """Return at most 1,000 rows of a set, drawn by the seed, without columns of one value."""
    plain = {"wine": load_wine, "breast cancer": load_breast_cancer, "diabetes": load_diabetes}
    if name in plain:
        X = plain[name]().data
    else:
        with np.load(Path(os.environ.get("ISTHMUS_DATA", "")) / "adbench" / f"{name}.npz") as file:
            X = file["X"].astype(np.float64)
    rows = np.random.default_rng(1_000 + seed).permutation(len(X))[:MOST_ROWS]
    X = X[np.sort(rows)] if len(X) > MOST_ROWS else X
    return X[:, X.std(0) > 0]


def at_random(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hide cells whatever they and others hold."""
    return rng.random(z.shape) < SHARE


def by(score: Callable[[np.ndarray, np.ndarray], np.ndarray], *, kept: bool) -> Callable[..., np.ndarray]:
    """Return a mask whose odds are a logistic function of a score of the rows, 1.5 to a unit of it.

    Parameters
    ----------
    score : standardised rows, and those of the columns that are never hidden mixed → the score of every cell.
    kept : whether a third of the columns is never hidden, and decides.
    """

    def mask(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        deciding = rng.permutation(z.shape[1])[: max(1, z.shape[1] // 3)]
        mixed = z[:, deciding] @ rng.normal(size=(len(deciding), z.shape[1])) / np.sqrt(len(deciding))
        odds, hidden = 1.5 * score(z, mixed), np.zeros(z.shape, dtype=bool)
        for column in range(z.shape[1]):
            low, high = -50.0, 50.0
            for _ in range(60):
                middle = (low + high) / 2
                rate = np.mean(1 / (1 + np.exp(-(odds[:, column] + middle))))
                low, high = (middle, high) if rate < SHARE else (low, middle)
            hidden[:, column] = rng.random(len(z)) < 1 / (1 + np.exp(-(odds[:, column] + middle)))
        if kept:
            hidden[:, deciding] = False
        return hidden

    return mask


MASKS = {
    "at random": at_random,
    "by seen values, high ones": by(lambda z, mixed: mixed, kept=True),
    "by seen values, extreme ones": by(lambda z, mixed: np.abs(mixed), kept=True),
    "by themselves, high ones": by(lambda z, mixed: z, kept=False),
    "by themselves, extreme ones": by(lambda z, mixed: np.abs(z), kept=False),
}


def holed(name: str, kind: str, seed: int) -> Holed:
    """Return a set with cells hidden, of which every column keeps ten at least."""
    X, rng = load(name, seed), np.random.default_rng(seed)
    hidden = MASKS[kind]((X - X.mean(0)) / X.std(0), rng)
    for column in range(X.shape[1]):
        hidden[rng.permutation(len(X))[: max(0, 10 - (~hidden[:, column]).sum())], column] = False
    return Holed(X, hidden)


def gaussian(rows: np.ndarray, seed: int) -> np.ndarray:
    """Fill rows by the conditional means of a Gaussian fitted by expectation maximisation."""
    mean, std = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    std = np.where(std > 0, std, 1.0)
    z = torch.as_tensor((rows - mean) / std)
    return fit_gaussian(z)[0].completed(z).mean.numpy() * std + mean


PEERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "mean": lambda rows, seed: SimpleImputer().fit_transform(rows),
    "5 neighbours": lambda rows, seed: (
        KNNImputer().fit_transform((rows - np.nanmean(rows, 0)) / np.nanstd(rows, 0)) * np.nanstd(rows, 0)
        + np.nanmean(rows, 0)
    ),
    "trees": lambda rows, seed: IterativeImputer(
        ExtraTreesRegressor(50, random_state=seed), max_iter=5, random_state=seed
    ).fit_transform(rows),
    "Gaussian EM": gaussian,
}
