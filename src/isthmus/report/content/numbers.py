"""The numbers of a report, each with its definition and, where there is one, the value that perfection would reach."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ... import metrics
from ...diagnosis import Subject, short
from ...errors import DataError
from ...history import History
from ...look import Images, Rows
from ...subsets import even_subset
from .rows import Scores

__all__ = [
    "Number",
    "code_numbers",
    "fit_numbers",
    "reconstruction_numbers",
    "sample_numbers",
    "score_numbers",
    "signed",
    "with_error",
]

SIMILARITY_IMAGES = 2_000
"""Images that structural similarity is measured on, at most."""


@dataclass(frozen=True)
class Number:
    """A measurement: name, value, text, definition, and what real rows reach (`floor`), if known.

    A `key` number stands at the top of the page.
    """

    group: str
    name: str
    value: float
    text: str
    definition: str
    floor: str = ""
    key: bool = False


def signed(text: str) -> str:
    """Return a number's text with a minus for its hyphen."""
    return text.replace("-", "−")


def with_error(value: float, error: float) -> str:
    """Return a value with its error, to the error's first digit.

    >>> with_error(-257.63, 1.7), with_error(0.8162, 0.0213), with_error(86.36, 31.0), with_error(0.5, 0.0)
    ('−258 ± 2', '0.82 ± 0.02', '86 ± 31', '0.5')
    """
    if not error > 0:
        return signed(f"{value:,.4g}")
    digits = max(0, -math.floor(math.log10(error)))
    return signed(f"{value:,.{digits}f} ± {error:,.{digits}f}")


def reconstruction_numbers(subject: Subject) -> list[Number]:
    """Return R² and error, two measures of image quality, the error over PCA's, and what denoising gains."""
    group, rows, look = "Reconstruction", subject.held_out, subject.look
    of = " of cleaned rows" if subject.denoises else ""
    which = "held-out rows, corrupted as in training and cleaned" if subject.denoises else "held-out rows"
    unit = f"in {look.unit_name}{' of each column' if isinstance(look, Rows) else ''}, squared"
    kept = (
        f"R² = 1 − Σ‖x − x̂‖² / Σ‖x − x̄‖² over {which}, x̄ the mean row: the share of the variance that comes back. "
        "100% is exact, 0% as good as the mean row (Wright 1921)."
    )
    squared = f"The mean of (x − x̂)² over all entries of {which}, {unit}."
    found = [
        Number(group, f"R²{of}", rows.r2, f"{rows.r2:.1%}", kept, key=True),
        Number(group, f"mean squared error{of}", rows.error, f"{rows.error:.4g}", squared),
    ]
    peak = float(np.max(look.limits[1] - look.limits[0]))
    if isinstance(look, Images) and look.one_unit and peak > 0:
        ratio = metrics.psnr(rows.comparable, rows.comparable_x_hat, peak)
        definition = "10 log₁₀(peak² / error), the peak being the range of the data (Huynh-Thu & Ghanbari 2008)."
        found.append(Number(group, "peak signal-to-noise", ratio, f"{ratio:.1f} dB", definition))
        some = even_subset(len(rows), SIMILARITY_IMAGES)
        before, after = (look.planes(x[some]) for x in (rows.comparable, rows.comparable_x_hat))
        alike = metrics.ssim(before, after, peak)
        definition = (
            f"Luminance, contrast and structure compared window by window, over {len(some):,} images; 1 is exact "
            "(Wang et al. 2004)."
        )
        found.append(Number(group, "structural similarity", alike.value, f"{alike.value:.3f}", definition))
    if subject.training is not None and subject.pca_error > 0:
        ratio = rows.error / subject.pca_error
        definition = (
            f"The error over that of PCA with {subject.pca_width} numbers a row, fitted on {len(subject.training):,} "
            "training rows and measured on the same held-out rows. Below 1 beats PCA."
        )
        found.append(Number(group, "error ÷ PCA's", ratio, f"{ratio:.2f}", definition, key=True))
    gain = subject.denoising_gain if subject.denoises else None
    if gain is not None:
        ratio_of = "10 log₁₀(Σ‖x − x̄‖² / Σ‖error‖²), the error being what the {} differ by from the clean rows."
        found += [
            Number(
                group,
                "gain, dB",
                gain.decibels,
                signed(f"{gain.decibels:+.1f} dB"),
                "By how many decibels cleaning raises the signal-to-noise ratio.",
                key=True,
            ),
            Number(
                group,
                "signal-to-noise of noisy rows, dB",
                gain.before,
                signed(f"{gain.before:.1f} dB"),
                ratio_of.format("noisy rows"),
            ),
            Number(
                group,
                "signal-to-noise of cleaned rows, dB",
                gain.after,
                signed(f"{gain.after:.1f} dB"),
                ratio_of.format("cleaned rows"),
            ),
        ]
    return found


def sample_numbers(subject: Subject) -> list[Number]:
    """Return every figure of samples, and beside it what real rows reach; and how near samples are to training rows."""
    made, found = subject.likeness, []
    for name, figure in {} if made is None else made.figures.items():
        assert made is not None
        found.append(
            Number(
                "Samples",
                name,
                figure.value,
                with_error(figure.value, figure.error),
                f"{figure.definition} Measured on {made.n:,} samples and {made.n:,} held-out rows, ± the standard "
                f"error; beside it: {made.beside}.",
                short(figure.real),
                key=name in ("coverage", "told apart, AUC"),
            )
        )
    near = subject.nearest if subject.table is None else None
    base = 0.0 if near is None else float(np.median(near.of_held_out))
    if near is not None and base > 0:
        ratio = float(np.median(near.of_samples)) / base
        definition = (
            f"The median distance of {len(near.of_samples):,} samples to the nearest of {len(near.among):,} training "
            "rows, over that of as many held-out rows. Far below 1, samples lie where training rows do and held-out "
            "rows do not: they were memorised (Meehan et al. 2020)."
        )
        found.append(Number("Samples", "distance to training ÷ real's", ratio, f"{ratio:.2f}", definition, "1.00"))
    return found


def score_numbers(scores: Scores) -> list[Number]:
    """Return each group's mean score with its standard error."""
    found = []
    for group, values in scores.groups.items():
        error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0
        mean, what = float(values.mean()), scores.what
        definition = f"Mean over {len(values):,} rows ± its standard error. {scores.definition}"
        kind = "Likelihood" if "nats" in what else "Discriminator"
        found.append(Number(kind, f"{what}, {group}", mean, with_error(mean, error), definition))
    return found


def code_numbers(
    subject: Subject, labels: np.ndarray | None, H_train: np.ndarray | None, train_labels: np.ndarray | None
) -> list[Number]:
    """Return the active units where codes are drawn from a posterior, and how well codes predict labels, if any."""
    group, found, H = "Codes", [], subject.held_out.codes
    if "density" in subject.fitted.abilities and subject.variational:
        active = metrics.active_units(H)
        definition = (
            "Units whose posterior mean varies over held-out rows with a variance above 0.01 (Burda et al. 2016, "
            "section 5.2). The others carry nothing."
        )
        found.append(Number(group, "active units", active, f"{active} of {H.shape[1]}", definition, key=True))
    if labels is None:
        return found
    if H_train is not None and train_labels is not None:
        a, ya, b, yb = H_train, train_labels, H, labels
        how = f"trained on {len(a):,} training rows, tested on {len(b):,} held-out ones"
    else:
        half = len(H) // 2
        a, ya, b, yb = H[:half], labels[:half], H[half:], labels[half:]
        how = f"trained on {len(a):,} of the held-out rows, tested on the other {len(b):,}"
    kinds, counts = np.unique(yb, return_counts=True)
    guess = f"{counts.max() / len(yb):.0%}" if len(kinds) <= max(20, len(yb) // 5) else ""
    for name, measure, what in (
        ("linear probe", metrics.linear_probe, "a logistic regression on standardised codes (Alain & Bengio 2017)"),
        ("5 nearest codes", metrics.knn_accuracy, "a vote among the 5 nearest codes (Cover & Hart 1967)"),
    ):
        try:
            accuracy = measure(a, ya, b, yb)
        except (DataError, ValueError):  # one class only, or a class that the other half does not have
            continue
        definition = f"Accuracy of {what}, {how}; the model never saw a label. Beside it: always the commonest label."
        low, high = metrics.accuracy_interval(accuracy, len(b))
        definition += f" 95% interval {low:.1%} to {high:.1%} (Wilson 1927)."
        found.append(Number(group, name, accuracy, f"{accuracy:.1%}", definition, guess, key=name == "linear probe"))
    return found


def fit_numbers(weights: int, history: History) -> list[Number]:
    """Return how large the model is and how long it was trained."""
    found = [
        Number("Fit", "weights", weights, f"{weights:,}", "Numbers that training could move, in all networks."),
        Number("Fit", "epochs", len(history), f"{len(history):,}", "Passes over the training rows."),
    ]
    if "seconds" in history.columns:
        seconds = float(np.nansum(history["seconds"]))
        found.append(Number("Fit", "seconds", seconds, f"{seconds:,.1f}", "The time that all epochs took together."))
    return found
