"""The figures of a comparison: metrics of a fitted system, of PCA and of real rows, on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import metrics
from .datasets import Dataset
from .report.model_access import scores_bound_the_evidence
from .subsets import random_subset
from .yardstick import PrincipalComponents

__all__ = ["COLUMNS", "Column", "Measure", "linear", "scale_of"]

SAMPLE_ROWS = 2_000
"""The largest number of held-out rows for metrics of samples and for probes; distances cost the square of it."""


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
    "seconds": Column("s", "time of the fit", ".1f", False),
}


class Measure:
    """Measures fitted systems on the held-out rows of a data set.

    The columns of a table have different units, so errors and distances are in standard deviations of the training
    rows. Pixels, and steps of a series, share a unit and are not scaled.

    Parameters
    ----------
    data : the training rows and the held-out rows.
    noisy : the held-out rows with noise, or None.
    seed : the seed of samples.
    """

    def __init__(self, data: Dataset, noisy: np.ndarray | None, seed: int) -> None:
        self.data, self.noisy, self.seed = data, noisy, seed
        self.scale = scale_of(np.asarray(data.train))

    def __call__(self, model: Any, pca_error: float | None = None) -> dict[str, float]:
        """Return every figure that the system supports, by its column."""
        measured: dict[str, float] = {}
        data, train, test = self.data, np.asarray(self.data.train), np.asarray(self.data.test)
        beside = data.beside_test() if hasattr(model, "model_") else {}  # PCA has no condition
        reconstruct, encode = getattr(model, "reconstruct", None), getattr(model, "transform", None)
        if reconstruct is not None:
            clean = test / self.scale
            measured["error"] = metrics.mean_squared_error(clean, reconstruct(test, **beside) / self.scale)
            measured["error_vs_pca"] = measured["error"] / (pca_error or measured["error"])
            if self.noisy is not None:
                cleaned = reconstruct(self.noisy, **beside) / self.scale
                measured["denoising_gain"] = metrics.denoising_gain(clean, self.noisy / self.scale, cleaned)
        if encode is not None and data.train_labels is not None and data.test_labels is not None:
            first = slice(5 * SAMPLE_ROWS)
            codes = encode(train[first], **(data.beside_train(first) if hasattr(model, "model_") else {}))
            labels, codes_test = data.train_labels[first], encode(test, **beside)
            measured["probe"] = metrics.linear_probe(codes, labels, codes_test, data.test_labels)
        if scores_bound_the_evidence(model):
            scores = model.score_samples(test[:SAMPLE_ROWS], **data.beside_test(slice(SAMPLE_ROWS)))
            measured["log_likelihood"] = float(scores.mean())
        if hasattr(model, "sample"):
            n = min(SAMPLE_ROWS, len(test), len(train))
            measured |= self._likeness(test[:n], model.sample(n, random_state=self.seed, **data.beside_test(slice(n))))
        return measured

    def floors(self) -> dict[str, float]:
        """Return the figures of real rows: training rows in place of samples, compared with held-out rows."""
        train, test = np.asarray(self.data.train), np.asarray(self.data.test)
        n = min(SAMPLE_ROWS, len(test), len(train))
        return self._likeness(test[:n], train[random_subset(len(train), n, self.seed)])

    def _likeness(self, real: np.ndarray, samples: np.ndarray) -> dict[str, float]:
        density, coverage = metrics.density_coverage(real / self.scale, samples / self.scale)
        return {"density": density, "coverage": coverage}


def scale_of(train: np.ndarray) -> np.ndarray:
    """Return the divisor of a sample for comparisons: the columns' standard deviations for a table, otherwise 1."""
    if train.ndim != 2:
        return np.ones(())
    std = train.std(axis=0, dtype=np.float64)
    return np.where(std > 0, std, 1.0)


def linear(train: np.ndarray, d: int) -> PrincipalComponents:
    """Return PCA with d components, fitted to rows in the units of comparisons."""
    return PrincipalComponents(min(d, len(train), train[0].size), scale_of(train)).fit(train)
