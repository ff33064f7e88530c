"""Rows of two tables created, and told from real ones by gradient boosting, which sees what other measures miss.

The tables are read from the folder that ISTHMUS_TABLES names (``adult.train.csv.gz``, ``adult.test.csv.gz``,
``default.…``), or are fetched from OpenML and cut the same way.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import fetch_openml

from isthmus import MaskedAutoencoder, Training
from isthmus.metrics import column_shapes, copies, nearer_to_training, pair_trends, told_apart, usefulness

from .report import table
from .timing import verdict

SEEDS = (0, 1, 2)

PAYMENTS = ("SEX", "EDUCATION", "MARRIAGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6", "target")
"""The numbers of Default that stand for categories."""


class Held(NamedTuple):
    """A table: rows to train on and rows held out, and the column to be predicted."""

    train: pd.DataFrame
    test: pd.DataFrame
    target: str

    @property
    def categories(self) -> tuple[int, ...]:
        """Which columns are categories."""
        return tuple(i for i, column in enumerate(self.train) if not pd.api.types.is_numeric_dtype(self.train[column]))

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Return rows as numbers, a category as the code of its level."""
        levels = pd.concat([self.train, self.test])
        columns = [
            pd.Categorical(frame[name], categories=sorted(levels[name].unique())).codes
            if i in self.categories
            else frame[name]
            for i, name in enumerate(self.train)
        ]
        return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


class Goal(NamedTuple):
    """What a fit is held to: seconds, and the least or the greatest value of each measure."""

    table: str
    seconds: float
    boosting: float
    shape: float | None = None
    trend: float | None = None
    useful: float | None = None


GOALS = (
    Goal("adult", 120, 0.51, 0.996, 0.991, 0.915),
    Goal("adult", 30, 0.505),
    Goal("default", 200, 0.56, None, 0.983, 0.778),
)
NEARER = (0.47, 0.53)
SAMPLING_SECONDS = 3.0


def load(name: str) -> Held:
    """Return a table."""
    folder = os.environ.get("ISTHMUS_TABLES")
    if folder:
        frames = [pd.read_csv(Path(folder) / f"{name}.{part}.csv.gz") for part in ("train", "test")]
    else:
        found = fetch_openml(data_id={"adult": 1590, "default": 42477}[name], as_frame=True).frame
        cut = 32_561 if name == "adult" else 24_000
        frames = [found.iloc[:cut], found.iloc[cut:]]
        frames = [frame.rename(columns={"class": "income", "y": "target"}).dropna() for frame in frames]
    for frame in frames:
        for column in frame:
            if (name == "default" and column in PAYMENTS) or not pd.api.types.is_numeric_dtype(frame[column]):
                frame[column] = frame[column].astype(str)
    return Held(*frames, "income" if name == "adult" else "target")


def measured(goal: Goal, seed: int) -> dict[str, float]:
    """Fit, sample as many rows as were trained on, and measure."""
    held = load(goal.table)
    model = MaskedAutoencoder(random_state=seed, training=Training(max_time=0.97 * goal.seconds))
    started = time.process_time()
    model.fit(held.train)
    fitted = time.process_time()
    rows = model.sample(len(held.train), random_state=seed)
    seconds = time.process_time() - fitted
    train, test, drawn = (held.numbers(frame) for frame in (held.train, held.test, rows))
    pairs = pair_trends(train, drawn, held.categories)[np.tril_indices(train.shape[1], -1)]
    near = nearer_to_training(train, test, drawn, held.categories)
    return {
        "fit": fitted - started,
        "sample": seconds,
        "boosting": told_apart(train, drawn, held.categories).auc,
        "shape": float(column_shapes(train, drawn, held.categories).mean()),
        "trend": float(np.nanmean(pairs)),
        "useful": usefulness(drawn, test, list(held.train).index(held.target), held.categories),
        "nearer": near.share,
        "copies": copies(train, drawn),
    }


def rows_of(goal: Goal) -> list[list[str]]:
    """Return the rows of the page: each measure's median over the seeds, and what it is held to."""
    found = [measured(goal, seed) for seed in SEEDS]
    median = {name: float(np.median([one[name] for one in found])) for name in found[0]}
    title = f"{goal.table}, {goal.seconds:g} s"
    rows = [[title, "boosting", *_cells(median["boosting"], goal.boosting, at_most=True)]]
    for name in ("shape", "trend", "useful"):
        least = getattr(goal, name)
        rows += [[title, name, *_cells(median[name], least)]] if least else []
    inside = NEARER[0] <= median["nearer"] <= NEARER[1]
    rows.append([title, "nearer to training", f"{median['nearer']:.3f}", "0.47 to 0.53", "met" if inside else "missed"])
    rows.append([title, "copies", f"{median['copies']:.4f}", "0", "met" if median["copies"] == 0 else "missed"])
    rows.append([title, "fit, s", *verdict(median["fit"], goal.seconds, at_most=True)])
    if goal.table == "adult":
        rows.append([title, "32,561 rows drawn, s", *verdict(median["sample"], SAMPLING_SECONDS, at_most=True)])
    return rows


def _cells(value: float, goal: float, *, at_most: bool = False) -> list[str]:
    met = value <= goal if at_most else value >= goal
    return [f"{value:.4f}", f"{'≤' if at_most else '≥'} {goal:g}", "met" if met else "missed"]


def run() -> str:
    torch.set_num_threads(1)
    rows = [row for goal in GOALS for row in rows_of(goal)]
    return (
        "A masked autoencoder, one thread, medians of three seeds, nothing set but the time. Boosting: the area under "
        "the curve of gradient boosting that tells 8,000 real rows from 8,000 drawn ones, three-fold held out; 0.5 is "
        "ideal. Useful: that of boosting trained on drawn rows and tested on real ones (0.927 on real rows of Adult, "
        "0.783 of Default). TVAE and CTGAN at their own defaults are told from Adult's rows at 0.992 and 0.999.\n\n"
        + table(["table", "measure", "median", "held to", ""], rows)
    )
