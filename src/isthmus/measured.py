"""The figures of a comparison: metrics of a fitted system, of PCA and of real rows, on held-out rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import metrics
from .datasets import Dataset
from .diagnosis import Subject, measured_rows
from .look import look_of
from .report.model_access import scores_bound_the_evidence
from .yardstick import PrincipalComponents

__all__ = ["COLUMNS", "Column", "Measure", "reals_of", "subject_of"]

SCORED_ROWS = 2_000
"""Held-out rows that the bound on log p(x) is measured on, at most: a hundred draws each."""

PROBED_ROWS = 10_000
"""Training rows that a probe learns from, at most."""

SAMPLED = {
    "recall": "recall",
    "coverage": "coverage",
    "density": "density",
    "told_apart": "told apart, AUC",
    "classes": "classes",
}
"""Columns that are figures of samples, and how the diagnosis calls them."""


@dataclass(frozen=True)
class Column:
    """A figure of the leaderboard: its label, what it means, how it is written, and whether higher is better.

    `higher_is_better` is None if neither direction is better by itself.
    """

    label: str
    meaning: str
    form: str = ".2f"
    higher_is_better: bool | None = None


COLUMNS = {
    "error": Column(
        "error",
        "mean squared error of the reconstruction of held-out rows, a table's columns in their own standard "
        "deviations; lower is better",
        ".4g",
        False,
    ),
    "error_vs_pca": Column(
        "÷ PCA", "the same error over that of PCA with as many numbers a row; below 1 beats PCA", higher_is_better=False
    ),
    "log_likelihood": Column(
        "log p(x)", "importance-weighted lower bound, 100 draws, nats a row; higher is better", ".1f", True
    ),
    "denoising_gain": Column(
        "gain dB", "by how many decibels reconstruction lowers the error of noisy rows; higher is better", ".1f", True
    ),
    "probe": Column(
        "probe",
        "accuracy of a logistic regression on the codes, trained on labels the systems never saw; higher is better",
        ".1%",
        True,
    ),
    "recall": Column(
        "recall",
        "share of held-out rows that lie in the neighbourhood of a sample, which reaches to its third nearest sample; "
        "higher is better (Kynkäänniemi et al. 2019)",
        higher_is_better=True,
    ),
    "coverage": Column(
        "cover",
        "share of held-out rows that have a sample in their neighbourhood, which reaches to the fifth nearest held-out "
        "row; higher is better (Naeem et al. 2020)",
        higher_is_better=True,
    ),
    "density": Column(
        "density",
        "in how many neighbourhoods of held-out rows a sample lies, over the five of an average held-out row. "
        "Near 1 samples lie as densely as real rows do; below 1 many lie where no real rows are; above 1 "
        "they crowd where real rows are densest, which is no merit where coverage is low (Naeem et al. 2020)",
    ),
    "told_apart": Column(
        "told apart",
        "chance that a forest finds a sample likelier to be one than a real row: 0.5 if they cannot be told apart, 1 "
        "if they always can; lower is better (Lopez-Paz & Oquab 2017)",
        higher_is_better=False,
    ),
    "classes": Column(
        "classes",
        "classes that samples reach, as a small classifier of the labels sees them; higher is better (Srivastava et "
        "al. 2017)",
        ".0f",
        True,
    ),
    "seconds": Column("s", "time of the fit", ".1f", False),
}


def subject_of(model: Any, data: Dataset, seed: int) -> Subject:
    """Return a fitted system with the rows of a data set, as the diagnosis judges it."""
    return Subject(
        model,
        data.test,
        data.train,
        condition=data.test_condition,
        condition_train=data.train_condition,
        labels_train=data.train_labels,
        random_state=seed,
    )


def reals_of(subjects: Iterable[Subject]) -> dict[str, float]:
    """Return what as many training rows reach where samples are measured, of the first system that draws some."""
    likeness = next((subject.likeness for subject in subjects if subject.likeness is not None), None)
    figures = {} if likeness is None else likeness.figures
    return {column: figures[name].real for column, name in SAMPLED.items() if name in figures}


class Measure:
    """Measures fitted systems on the held-out rows of a data set, as many as the diagnosis judges.

    The columns of a table have different units, so errors and distances are in standard deviations of the training
    rows. Pixels, and steps of a series, share a unit and are not scaled.

    Parameters
    ----------
    data : the training rows and the held-out rows.
    noisy : the held-out rows that are measured, with noise, or None.
    seed : the seed of the choice of rows and of samples.
    """

    def __init__(self, data: Dataset, noisy: np.ndarray | None, seed: int) -> None:
        self.data, self.noisy = data, noisy
        self.scale = look_of(np.asarray(data.train)).unit
        self.rows, self.fitted_on = (measured_rows(np.asarray(X), seed) for X in (data.test, data.train))

    def linear(self, d: int) -> PrincipalComponents:
        """Return PCA with d numbers a row, fitted to training rows in the units that they are compared in."""
        train = np.asarray(self.data.train)[self.fitted_on]
        return PrincipalComponents(min(d, len(train), train[0].size), self.scale).fit(train)

    def __call__(self, model: Any, subject: Subject | None = None, pca_error: float | None = None) -> dict[str, float]:
        """Return every figure that the system supports, by its column; a system of isthmus comes with its subject."""
        measured: dict[str, float] = {}
        data, test = self.data, np.asarray(self.data.test)[self.rows]
        beside = data.beside_test(self.rows) if subject is not None else {}  # PCA has no condition
        reconstruct, encode = getattr(model, "reconstruct", None), getattr(model, "transform", None)
        if subject is not None and subject.hides:
            reconstruct = None  # what a model sees of a row that was trained to predict the rest, it may simply copy
        if reconstruct is not None:
            clean = test / self.scale
            measured["error"] = metrics.mean_squared_error(clean, reconstruct(test, **beside) / self.scale)
            measured["error_vs_pca"] = measured["error"] / (pca_error or measured["error"])
            if self.noisy is not None:
                cleaned = reconstruct(self.noisy, **beside) / self.scale
                measured["denoising_gain"] = metrics.denoising_gain(clean, self.noisy / self.scale, cleaned)
        if encode is not None and data.train_labels is not None and data.test_labels is not None:
            first = slice(PROBED_ROWS)
            codes = encode(np.asarray(data.train)[first], **(data.beside_train(first) if subject is not None else {}))
            labels, codes_test = data.train_labels[first], encode(test, **beside)
            measured["probe"] = metrics.linear_probe(codes, labels, codes_test, data.test_labels[self.rows])
        if scores_bound_the_evidence(model):
            some = self.rows[:SCORED_ROWS]
            scores = model.score_samples(np.asarray(data.test)[some], **data.beside_test(some))
            measured["log_likelihood"] = float(scores.mean())
        if subject is not None and subject.likeness is not None:
            figures = subject.likeness.figures
            measured |= {column: figures[name].value for column, name in SAMPLED.items() if name in figures}
        return measured
