"""How like real rows samples are, in numbers: each with its error, and beside it what real rows reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import metrics
from ...metrics import Features, SmallClassifier
from ...subsets import even_subset, random_subset
from .look import Look
from .numbers import Number, signed, with_error

__all__ = ["memorisation_numbers", "sample_numbers"]

COMPARED_ROWS = 2_000
"""Rows of either kind that are compared, at most: distances cost the square of their number."""

FEWEST_ROWS = 40
"""Rows of either kind without which nothing is measured."""

RESAMPLES, RESAMPLED_SHARE = 30, 0.25
"""How many parts of the rows give a figure's standard error by their spread, and the share of rows in each."""

KERNEL_BLOCKS = 10
"""Blocks of rows that the kernel distance is averaged over."""

CLASSIFIER_ROWS = 4_000
"""Training rows that a classifier for features is trained on, at most."""


def sample_numbers(
    model: Any,
    drawn: np.ndarray,
    X: np.ndarray,
    X_train: np.ndarray | None,
    train_labels: np.ndarray | None,
    look: Look,
    seed: int,
) -> list[Number]:
    """Return how like held-out rows samples are: neighbourhoods, two-sample test, distances, classes reached.

    The floor is what as many training rows reach against the same held-out rows, or where no training rows are given
    what one half of the held-out rows reaches against the other.
    """
    n = min(len(X), len(drawn), COMPARED_ROWS)
    if n < FEWEST_ROWS:
        return []
    real, new = X[even_subset(len(X), n)], drawn[:n]
    if X_train is not None and len(X_train) >= n:
        held, ideal, beside = real, X_train[random_subset(len(X_train), n, seed)], "as many training rows"
    else:
        order = np.random.default_rng(seed).permutation(n)
        held, ideal, beside = real[order[: n // 2]], real[order[n // 2 :]], "one half of the rows against the other"
    classifier = _classifier(X_train, train_labels)
    features, named = _features(model, classifier, look)
    floors = _estimates(held, ideal, look, features, seed, errors=False)
    numbers = [
        Number(
            "Samples",
            name,
            value,
            with_error(value, error),
            f"{DEFINITIONS[name].format(features=named)} Measured on {n:,} samples and {n:,} held-out rows, ± the "
            f"standard error; beside it: {beside}.",
            signed(_short(floors[name][0])),
            key=name == "coverage",
        )
        for name, (value, error) in _estimates(real, new, look, features, seed).items()
    ]
    return [*numbers, *_class_numbers(classifier, new, ideal, train_labels)]


DEFINITIONS = {
    "precision": "The share of samples that lie within the real rows' neighbourhoods (Kynkäänniemi et al. 2019).",
    "recall": "The share of held-out rows that lie within the samples' neighbourhoods (Kynkäänniemi et al. 2019).",
    "density": "How deep samples lie within the neighbourhoods of held-out rows (Naeem et al. 2020).",
    "coverage": "The share of held-out rows whose neighbourhood holds a sample (Naeem et al. 2020).",
    "two-sample accuracy": "How often a forest, trained to distinguish samples from real rows, is right about rows it "
    "did not see: 0.5 if they cannot be distinguished, 1 if they always can (Lopez-Paz & Oquab 2017).",
    "Fréchet distance": "‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) of {features} (Heusel et al. 2017); not comparable with "
    "that of other features, nor of another number of rows.",
    "kernel distance": "The squared discrepancy with the kernel (x·y/d + 1)³ of {features}, unbiased: 0 is equality "
    "(Bińkowski et al. 2018).",
}


def _estimates(
    real: np.ndarray, new: np.ndarray, look: Look, features: Features, seed: int, errors: bool = True
) -> dict[str, tuple[float, float]]:
    """Return values and standard errors: by resampling, or where a value is a mean or a share, by its spread."""
    rows, seen = (look.flat(real), look.flat(new)), (features(real), features(new))

    def resampled(metric: Callable[..., Any], *sets: np.ndarray) -> tuple[Any, Any]:
        if not errors:
            value = metric(*sets)
            return value, value
        interval = metrics.bootstrap_interval(
            metric, *sets, n_resamples=RESAMPLES, share=RESAMPLED_SHARE, random_state=seed
        )
        return interval.value, interval.standard_error

    found: dict[str, tuple[float, float]] = {}
    for metric in (metrics.precision_recall, metrics.density_coverage):
        value, error = resampled(metric, *rows)
        found |= dict(zip(value._fields, zip(value, error, strict=True), strict=True))
    accuracy = metrics.two_sample_accuracy(*rows, random_state=seed).accuracy
    blocks = min(KERNEL_BLOCKS, min(len(real), len(new)) // 10)
    return found | {
        "two-sample accuracy": (accuracy, (accuracy * (1 - accuracy) / len(real)) ** 0.5),  # tested on half
        "Fréchet distance": resampled(metrics.frechet_distance, *seen),
        "kernel distance": metrics.kernel_distance(*seen, blocks, seed),
    }


def _classifier(X_train: np.ndarray | None, labels: np.ndarray | None) -> SmallClassifier | None:
    """Return a classifier of some training rows, if their labels are classes with rows enough in each."""
    if X_train is None or labels is None:
        return None
    some = even_subset(len(X_train), CLASSIFIER_ROWS)
    classes, counts = np.unique(labels[some], return_counts=True)
    real_valued = classes.dtype.kind == "f" and bool((classes % 1).any())
    if real_valued or len(classes) < 2 or counts.min() < 10:
        return None
    return metrics.small_classifier(X_train[some], labels[some])


def _features(model: Any, classifier: SmallClassifier | None, look: Look) -> tuple[Features, str]:
    """Return the features that Gaussians are fitted to, and their name."""
    if classifier is not None:
        right = f"right for {classifier.accuracy:.0%} of {classifier.tested:,} rows it was not trained on"
        return classifier.features, f"the hidden units of a small classifier of the labels, {right}"
    if hasattr(model, "transform"):
        return metrics.features(model), "the model's own codes"
    return look.flat, "the values themselves"


def _class_numbers(
    classifier: SmallClassifier | None, new: np.ndarray, ideal: np.ndarray, labels: np.ndarray | None
) -> list[Number]:
    """Return how many classes samples reach, and how far their frequencies are from the data's."""
    if classifier is None or labels is None:
        return []
    reached, real = (metrics.class_coverage(rows, classifier.labels, labels) for rows in (new, ideal))
    definition = (
        f"Classes that a small classifier, right for {classifier.accuracy:.0%} of rows, gives to {len(new):,} samples "
        "(Srivastava et al. 2017)."
    )
    found = [
        Number("Samples", "classes", reached.found, f"{reached.found} of {reached.total}", definition, f"{real.found}")
    ]
    definition = (
        "KL(p ‖ q) in nats of the samples' class frequencies p from the data's q, as the same classifier sees them, ± "
        "its standard error (Lin et al. 2018)."
    )
    text = with_error(reached.reverse_kl, reached.standard_error)
    return [*found, Number("Samples", "class balance", reached.reverse_kl, text, definition, _short(real.reverse_kl))]


def memorisation_numbers(of_samples: np.ndarray, of_real: np.ndarray, n_train: int) -> list[Number]:
    """Return the ratio of median distances to the nearest training row, samples' over held-out rows'."""
    base = float(np.median(of_real))
    if base == 0:
        return []
    ratio = float(np.median(of_samples)) / base
    definition = (
        f"The median distance of {len(of_samples):,} samples to the nearest of {n_train:,} training rows, over that of "
        "as many held-out rows. Far below 1, samples lie where training rows do and held-out rows do not: they were "
        "memorised (Meehan et al. 2020)."
    )
    return [Number("Samples", "distance to training ÷ real's", ratio, f"{ratio:.2f}", definition, "1.00")]


def _short(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= abs(value) < 100 else f"{value:.2g}"
