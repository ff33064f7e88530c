"""How like real rows samples are: every figure once, with its error, and beside it what as many real rows reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import metrics
from ..errors import DataError
from ..look import Rows as TableRows
from ..metrics import Features, SmallClassifier
from ..metrics.tables import column_shapes
from ..metrics.uncertainty import NORMAL_QUANTILE
from ..subsets import even_subset, random_subset

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["FEWEST_COMPARED", "Columns", "Figure", "Likeness", "Nearest", "likeness_of", "nearest_of", "short"]

FEWEST_COMPARED = 40
"""Rows of either kind without which nothing is measured."""

RESAMPLES, RESAMPLED_SHARE = 30, 0.25
"""How many parts of the rows give a figure's standard error by their spread, and the share of rows in each."""

KERNEL_BLOCKS = 10
"""Blocks of rows that the kernel distance is averaged over."""

CLASSIFIER_ROWS = 4_000
"""Training rows that a classifier for features is trained on, at most."""

FEWEST_OF_A_CLASS = 10
"""Rows of a class without which labels are not taken for classes."""

NEAREST_ROWS = 20_000
"""Training rows among which nearest ones are looked for, at most."""


class Figure(NamedTuple):
    """A figure of samples, and what it is worth.

    Attributes
    ----------
    value, error : the figure and its standard error.
    real : what as many real rows reach.
    worst : what samples would reach that are useless: 0 for a share, 1 for the chance of being told apart, and for a
        distance that of samples which are all the mean row.
    definition : what the figure is, in a sentence.
    """

    value: float
    error: float
    real: float
    worst: float
    definition: str

    @property
    def shortfall(self) -> float:
        """How far the figure is from what real rows reach, beyond twice its error: 0 is as good, 1 is useless."""
        gap, room = self.value - self.real, self.worst - self.real
        if room == 0 or np.sign(gap) != np.sign(room):
            return 0.0
        return max(0.0, abs(gap) - 2 * self.error) / abs(room)


class Columns(NamedTuple):
    """Columns of samples beside those of real rows: distances of distributions (n,), correlations (n, n).

    `pairs` and `real_pairs` are by how much the dependence of two columns differs from that in held-out rows, (n, n):
    |ρ − ρ'| of two numbers, and of a pair with a category ½Σ|p − p'| over the pair's table of shares.
    """

    distances: np.ndarray
    real_distances: np.ndarray
    correlations: np.ndarray
    real_correlations: np.ndarray
    pairs: np.ndarray
    real_pairs: np.ndarray


@dataclass(frozen=True)
class Likeness:
    """What was measured of samples.

    Attributes
    ----------
    figures : by name.
    n : samples and held-out rows that were compared.
    beside : what real rows the figures of real rows are of.
    columns : of a table, else None.
    classifier : the classifier of labels that classes were counted with, or None.
    """

    figures: dict[str, Figure]
    n: int
    beside: str
    columns: Columns | None = None
    classifier: SmallClassifier | None = field(default=None, repr=False)


class Nearest(NamedTuple):
    """Distances of samples and of held-out rows to the nearest training row, and the training rows looked among."""

    of_samples: np.ndarray
    of_held_out: np.ndarray
    among: np.ndarray


def short(value: float) -> str:
    """Return a figure to two decimals, a small one to two digits, a count as it is.

    >>> short(0.0712), short(0.0031), short(10.0), short(-0.25)
    ('0.07', '0.0031', '10', '−0.25')
    """
    if abs(value) >= 2 and float(value).is_integer():
        return f"{value:,.0f}"
    return (f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}").replace("-", "−")


def likeness_of(subject: Subject) -> Likeness | None:
    """Compare samples with held-out rows, and as many real rows with the same held-out rows.

    These are training rows, or where none are given one half of the held-out rows against the other; samples are then
    held against the same half, since most figures depend on the number of rows.
    """
    drawn, samples = subject.drawn, subject.samples
    if drawn is None or samples is None:
        return None
    held, own = subject.compared.comparable, subject.compared.own
    train, n = subject.every_training_row, len(held)
    if train is not None and len(train) >= n:
        chosen = random_subset(len(train), n, subject.seed)
        ideal_own, beside = train[chosen], "as many training rows"
    else:
        order = subject.random().permutation(n)
        half, other = order[: n // 2], order[n // 2 : 2 * (n // 2)]
        ideal_own, beside = own[other], "the other half of the held-out rows"
        held, own, drawn, samples, n = held[half], own[half], drawn[: n // 2], samples[: n // 2], n // 2
    ideal = subject.look.flat(ideal_own)
    if n < FEWEST_COMPARED:
        return None
    classifier = _classifier(train, subject.labels_train)
    features, named = _features(subject, classifier)
    figures = _neighbourhoods(held, samples, ideal, subject.seed)
    table = subject.table
    if table is None:
        figures["told apart, AUC"] = _told_apart(held, samples, ideal, subject.seed)
    else:
        error = (table.told.high - table.told.low) / (2 * NORMAL_QUANTILE)
        figures["told apart, AUC"] = Figure(table.told.auc, error, table.real_told.auc, 1.0, BOOSTED)
    with suppress(DataError):  # rows that are mostly equal have a median distance of 0, which is no bandwidth
        figures["MMD²"] = _distance(metrics.mmd, held, samples, ideal, subject.seed, DISCREPANCY)
    seen = features(own), features(drawn), features(ideal_own)
    figures["Fréchet distance"] = _distance(
        metrics.frechet_distance, *seen, subject.seed, FRECHET.format(features=named)
    )
    figures["kernel distance"] = _kernel_distance(*seen, subject.seed, KERNEL.format(features=named))
    if classifier is not None:
        figures |= _classes(classifier, drawn, ideal_own, subject.labels_train)
    look = subject.look
    columns = _columns(held, samples, ideal, look.categories) if isinstance(look, TableRows) else None
    return Likeness(figures, n, beside, columns, classifier)


PRECISION = "The share of samples that lie within the real rows' neighbourhoods (Kynkäänniemi et al. 2019)."
RECALL = "The share of held-out rows that lie within the samples' neighbourhoods (Kynkäänniemi et al. 2019)."
DENSITY = (
    "In how many neighbourhoods of held-out rows a sample lies, over the five of an average held-out row: near 1 "
    "samples lie as densely as real rows, below 1 some lie where no real rows are, above 1 they crowd where real rows "
    "are densest, which is no merit where recall or coverage is low (Naeem et al. 2020)."
)
COVERAGE = "The share of held-out rows whose neighbourhood holds a sample (Naeem et al. 2020)."
TOLD_APART = (
    "The chance that a forest, trained to distinguish samples from real rows, finds a sample likelier to be one than a "
    "real row, of rows it did not see: 0.5 if they cannot be told apart, 1 if they always can (Lopez-Paz & Oquab 2017)."
)
BOOSTED = (
    "The chance that gradient boosting, trained to distinguish samples from real rows, finds a sample likelier to be "
    "one than a real row, of rows it did not see: 0.5 if they cannot be told apart, 1 if they always can. Well below "
    "0.5, samples are copies (Lopez-Paz & Oquab 2017)."
)
DISCREPANCY = (
    "The squared maximum mean discrepancy with a Gaussian kernel as wide as the median distance of rows, unbiased: 0 "
    "is equality (Gretton et al. 2012)."
)
FRECHET = (
    "‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) of {features} (Heusel et al. 2017); not comparable with that of other "
    "features, nor of another number of rows."
)
KERNEL = (
    "The squared discrepancy with the kernel (x·y/d + 1)³ of {features}, unbiased: 0 is equality (Bińkowski et al. "
    "2018)."
)


def _neighbourhoods(held: np.ndarray, samples: np.ndarray, ideal: np.ndarray, seed: int) -> dict[str, Figure]:
    """Return precision, recall, density and coverage."""
    found = {}
    for metric, definitions in (
        (metrics.precision_recall, {"precision": PRECISION, "recall": RECALL}),
        (metrics.density_coverage, {"density": DENSITY, "coverage": COVERAGE}),
    ):
        interval, real = _resampled(metric, held, samples, seed), metric(held, ideal)
        for name, definition in definitions.items():
            value, error = getattr(interval.value, name), getattr(interval.standard_error, name)
            found[name] = Figure(value, error, getattr(real, name), 0.0, definition)
    return found


def _resampled(metric: Callable[..., Any], x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    return metrics.bootstrap_interval(metric, x, y, n_resamples=RESAMPLES, share=RESAMPLED_SHARE, random_state=seed)


def _told_apart(held: np.ndarray, samples: np.ndarray, ideal: np.ndarray, seed: int) -> Figure:
    """Return the area under the curve, with the standard error of Hanley & McNeil (1982) for the half tested."""
    auc = metrics.two_sample_accuracy(held, samples, seed).auc
    each = len(held) / 2
    pairs = (each - 1) * (auc / (2 - auc) + 2 * auc**2 / (1 + auc) - 2 * auc**2)
    error = (max(0.0, auc * (1 - auc) + pairs) / each**2) ** 0.5
    real = metrics.two_sample_accuracy(held, ideal, seed).auc
    return Figure(auc, error, real, 1.0, TOLD_APART)


def _distance(
    metric: Callable[..., float], held: np.ndarray, samples: np.ndarray, ideal: np.ndarray, seed: int, definition: str
) -> Figure:
    """Return a distance of distributions."""
    interval = _resampled(metric, held, samples, seed)
    worst = metric(held, np.broadcast_to(held.mean(0), held.shape))
    return Figure(interval.value, interval.standard_error, metric(held, ideal), worst, definition)


def _kernel_distance(held: np.ndarray, samples: np.ndarray, ideal: np.ndarray, seed: int, definition: str) -> Figure:
    """Return the kernel distance, whose blocks give its error."""
    blocks = max(2, min(KERNEL_BLOCKS, len(held) // 10))
    value, error = metrics.kernel_distance(held, samples, blocks, seed)
    mean = np.broadcast_to(held.mean(0), held.shape)
    real, worst = (metrics.kernel_distance(held, rows, blocks, seed).value for rows in (ideal, mean))
    return Figure(value, error, real, worst, definition)


def _classes(classifier: SmallClassifier, drawn: np.ndarray, ideal: np.ndarray, labels: Any) -> dict[str, Figure]:
    """Return how many classes samples reach, and how far their frequencies are from the data's."""
    reached, real = (metrics.class_coverage(rows, classifier.labels, labels) for rows in (drawn, ideal))
    seen = f"a small classifier, right for {classifier.accuracy:.0%} of rows"
    counted = f"Classes, of {reached.total}, that {seen}, gives to the samples (Srivastava et al. 2017)."
    balance = (
        "KL(p ‖ q) in nats of the samples' class frequencies p from the data's q, as the same classifier sees them "
        "(Lin et al. 2018)."
    )
    one_class = float(np.log(reached.total))
    return {
        "classes": Figure(reached.found, 0.0, real.found, 0.0, counted),
        "class balance": Figure(reached.reverse_kl, reached.standard_error, real.reverse_kl, one_class, balance),
    }


def _columns(held: np.ndarray, samples: np.ndarray, ideal: np.ndarray, categories: Sequence[int]) -> Columns:
    """Compare columns one at a time and in pairs."""
    correlations = [metrics.correlations(rows) for rows in (samples, held, ideal)]
    pairs = [np.abs(found - correlations[1]) for found in (correlations[0], correlations[2])]
    if categories:
        of_category = np.isin(np.arange(held.shape[1]), categories)
        mixed = of_category[:, None] | of_category
        pairs = [
            np.where(mixed, 1 - metrics.pair_trends(held, rows, categories), gaps)
            for rows, gaps in zip((samples, ideal), pairs, strict=True)
        ]
    return Columns(
        1 - column_shapes(held, samples, categories),
        1 - column_shapes(held, ideal, categories),
        correlations[0],
        correlations[1],
        *pairs,
    )


def _classifier(X_train: np.ndarray | None, labels: Any) -> SmallClassifier | None:
    """Return a classifier of some training rows, if their labels are classes with rows enough in each."""
    if X_train is None or labels is None:
        return None
    some = even_subset(len(X_train), CLASSIFIER_ROWS)
    y = np.asarray(labels)[some]
    classes, counts = np.unique(y, return_counts=True)
    real_valued = classes.dtype.kind == "f" and bool((classes % 1).any())
    if real_valued or len(classes) < 2 or counts.min() < FEWEST_OF_A_CLASS:
        return None
    return metrics.small_classifier(X_train[some], y)


def _features(subject: Subject, classifier: SmallClassifier | None) -> tuple[Features, str]:
    """Return the features that distances are measured in, and their name."""
    if classifier is not None:
        right = f"right for {classifier.accuracy:.0%} of {classifier.tested:,} rows it was not trained on"
        return classifier.features, f"the hidden units of a small classifier of the labels, {right}"
    if subject.encodes and subject.model.condition_width == 0:
        return lambda rows: subject.encoded(subject.units(rows), None), "the model's own codes"
    return subject.look.flat, "the values themselves"


def nearest_of(subject: Subject) -> Nearest | None:
    """Return distances to the nearest training row, in comparable units; None without samples or training rows."""
    rows = subject.every_training_row
    if subject.samples is None or rows is None:
        return None
    among = subject.look.flat(rows[subject.random().permutation(len(rows))[:NEAREST_ROWS]])
    held = subject.compared.comparable
    return Nearest(metrics.nearest_distance(subject.samples, among), metrics.nearest_distance(held, among), among)
