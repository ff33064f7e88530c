"""Gaps filled: cells hidden from tables and guessed again, beside forests, a Gaussian, neighbours and MIWAE."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (it makes the next line possible)
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from isthmus import Imputer
from isthmus.joint_gaussian import fit_gaussian

from .miwae import MIWAE
from .report import table
from .tables import load as load_table
from .timing import verdict

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


class Found(NamedTuple):
    """What one imputer made of one set with one mask: error, processor seconds, cover and interval score."""

    error: float
    seconds: float
    cover: float = float("nan")
    score: float = float("nan")


def measured(name: str, kind: str, seed: int, *, trees_alone: bool = False) -> dict[str, Found]:
    """Return what each imputer makes of a set with cells hidden."""
    given, found = holed(name, kind, seed), {}
    for who, fill in PEERS.items():
        if who == "trees" or not trees_alone:
            start = time.process_time()
            found[who] = Found(given.error(fill(given.rows, seed)), time.process_time() - start)
    if not trees_alone:
        start = time.process_time()
        filled, low, high = MIWAE(seed).fit(given.rows).complete(LEVEL)
        found["MIWAE"] = Found(given.error(filled), time.process_time() - start, *given.judged(low, high))
    start = time.process_time()
    imputer = Imputer(random_state=seed).fit(given.rows)
    filled = imputer.transform(given.rows)
    seconds = time.process_time() - start
    found["Imputer()"] = Found(given.error(filled), seconds, *given.judged(*imputer.intervals(given.rows, LEVEL)))
    return found


def mean_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the geometric mean of ratios."""
    return float(np.exp(np.mean(np.log(np.asarray(ours) / np.asarray(theirs)))))


def of_numbers() -> str:
    """Return the tables of cells hidden at random: errors, ratios and intervals."""
    found = {name: [measured(name, "at random", seed) for seed in SEEDS] for name in (*CHOSEN_ON, *NOT_CHOSEN_ON)}
    error = {(n, w): float(np.median([one[w].error for one in all_])) for n, all_ in found.items() for w in all_[0]}
    everyone = list(found["wine"][0])
    rows = [[name, *(f"{error[name, who]:.3f}" for who in everyone)] for name in found]
    ours = [error[name, "Imputer()"] for name in CHOSEN_ON]
    ratios = [
        mean_ratio([error[name, who] for name in CHOSEN_ON], [error[name, "trees"] for name in CHOSEN_ON])
        for who in everyone
    ]
    rows.append(["geometric mean of the first eight, trees = 1", *(f"{ratio:.3f}" for ratio in ratios)])
    seconds = max(float(np.median([one["Imputer()"].seconds for one in all_])) for all_ in found.values())
    worst = max(error[name, "Imputer()"] / error[name, "Gaussian EM"] for name in found)
    held = [
        [
            f"of {who}, eight sets",
            *verdict(mean_ratio(ours, [error[name, who] for name in CHOSEN_ON]), goal, at_most=True),
        ]
        for who, goal in GOALS.items()
    ]
    held.append(["of Gaussian EM, the worst set", *verdict(worst, OVER_GAUSSIAN, at_most=True)])
    held.append(["processor seconds, the slowest set", *verdict(seconds, SECONDS, at_most=True)])
    intervals, better, inside = [], 0, 0
    for name, all_ in found.items():
        cells = [name]
        for who in ("Imputer()", "MIWAE"):
            cover, score = (float(np.mean([getattr(one[who], field) for one in all_])) for field in ("cover", "score"))
            cells += [f"{cover:.3f}", f"{score:.2f}"]
        intervals.append(cells)
        inside += COVER[0] <= float(cells[1]) <= COVER[1]
        better += name in CHOSEN_ON and float(cells[2]) < float(cells[4])
    held.append(["sets whose intervals cover 0.86 to 0.94", *verdict(inside, len(found))])
    held.append(["sets of eight with a better interval score than MIWAE", *verdict(better, 6)])
    return (
        table(["set", *everyone], rows)
        + "\n\n"
        + table(["set", "Imputer() covers", "interval score", "MIWAE covers", "interval score"], intervals)
        + "\n\n"
        + table(["Imputer()", "measured", "held to", ""], held)
    )


def of_causes() -> str:
    """Return the table of masks that depend on what is seen, and on what is hidden, one seed each."""
    rows = []
    for kind in list(MASKS)[1:]:
        found = [measured(name, kind, SEEDS[0], trees_alone=True) for name in CHOSEN_ON]
        ours, trees = ([one[who].error for one in found] for who in ("Imputer()", "trees"))
        rows.append(
            [
                kind,
                *(f"{a / b:.3f}" for a, b in zip(ours, trees, strict=True)),
                *verdict(mean_ratio(ours, trees), 1.0, at_most=True),
            ]
        )
    return table(["hidden", *CHOSEN_ON, "geometric mean", "held to", ""], rows)


def of_mixed() -> str:
    """Return the table of a frame of numbers and categories: Adult, 5,000 rows, a fifth of the cells hidden."""
    held = load_table("adult")
    whole, rng = held.train.sample(5_000, random_state=0).reset_index(drop=True), np.random.default_rng(0)
    hidden = rng.random(whole.shape) < 0.2
    codes = held.numbers(whole)
    rows, categories = np.where(hidden, np.nan, codes), np.array(held.categories)
    numbers = np.setdiff1d(np.arange(codes.shape[1]), categories)
    frame = whole.astype({name: object for name in whole.columns[categories]}).mask(hidden)
    start = time.process_time()
    filled = {"Imputer()": held.numbers(Imputer(random_state=0).fit_transform(frame))}
    seconds = time.process_time() - start
    scale = codes.std(0)
    spread = np.where(np.isin(np.arange(codes.shape[1]), categories), 1.0, scale)
    filled["mode and mean"] = np.column_stack(
        [
            SimpleImputer(strategy="most_frequent" if j in categories else "mean").fit_transform(rows[:, [j]])[:, 0]
            for j in range(rows.shape[1])
        ]
    )
    filled["5 neighbours"] = KNNImputer().fit_transform(rows / spread) * spread
    filled["trees"] = PEERS["trees"](rows, 0)
    lines = []
    for who, x in filled.items():
        right = [np.mean(np.rint(x[hidden[:, j], j]) == codes[hidden[:, j], j]) for j in categories]
        off = [np.sqrt(np.mean(((x[:, j] - codes[:, j])[hidden[:, j]] / scale[j]) ** 2)) for j in numbers]
        lines.append([who, f"{np.mean(right):.3f}", f"{np.mean(off):.3f}"])
    return (
        table(["Adult", "accuracy, 9 categories", "error, 6 numbers"], lines) + f"\n\n{seconds:.0f} processor seconds."
    )


def run() -> str | None:
    if not (Path(os.environ.get("ISTHMUS_DATA", "")) / "adbench").is_dir():
        return None
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of scikit-learn, that five rounds of trees have not converged
    return (
        "Root mean squared error of hidden cells over each column's standard deviation, at most 1,000 rows, 30 % of "
        "the cells hidden at random, medians of three masks. Trees: `IterativeImputer` with 50 extra trees, five rounds, as "
        "missForest. The default was chosen on the first eight sets, with other rows and masks; the last two had no part "
        "in it. The interval score is that of 90 % intervals: width, and twenty times what a cell lies outside.\n\n"
        f"{of_numbers()}\n\nWhether a cell is hidden depends on seen columns, or on what it holds; errors over those of "
        f"trees, one mask each.\n\n{of_causes()}\n\nA fifth of the cells of 5,000 rows; neighbours and trees get a category "
        f"as the code of its level, and are rounded.\n\n{of_mixed()}"
    )
