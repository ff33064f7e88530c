"""The tables whose rows are created: two that others are measured on, and more of other sizes and kinds.

``adult`` and ``default`` are read from the folder that ISTHMUS_TABLES names (``adult.train.csv.gz``,
``adult.test.csv.gz``, …), or are fetched from OpenML and cut the same way. The others are sets of ADBench, in the
folder ``adbench`` of ISTHMUS_DATA, all rows, the mark of an anomaly among the columns.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml

PAYMENTS = ("SEX", "EDUCATION", "MARRIAGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6", "target")
"""The numbers of Default that stand for categories."""

HELD_OUT_SHARE = 0.2
"""The share of an ADBench set's rows that is held out."""

GAP_SHARE = 0.1
"""The share of values that is taken out of every third column of a set with gaps."""

OTHERS = {"waveform": "41_Waveform", "page blocks": "27_PageBlocks", "landsat": "19_landsat", "spam": "35_SpamBase"}
"""Sets of ADBench: 3,443 × 22, 5,393 × 11, 6,435 × 37 and 4,207 × 58, anomalies' mark included."""

WITH_GAPS = ("page blocks", "spam")
"""The sets that gaps are planted in."""


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


def load(name: str) -> Held:
    """Return a table."""
    if name in OTHERS:
        return _adbench(name)
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


def _adbench(name: str) -> Held:
    with np.load(Path(os.environ["ISTHMUS_DATA"]) / "adbench" / f"{OTHERS[name]}.npz") as file:
        X, y = file["X"].astype(np.float64), file["y"].astype(int)
    rng = np.random.default_rng(0)
    if name in WITH_GAPS:
        gaps = rng.random(X.shape) < GAP_SHARE * (np.arange(X.shape[1]) % 3 == 0)
        X = np.where(gaps, np.nan, X)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    frame["anomaly"] = np.where(y > 0, "yes", "no")
    frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    held_out = round(HELD_OUT_SHARE * len(frame))
    return Held(frame.iloc[held_out:], frame.iloc[:held_out], "anomaly")
