"""Over-fitting, under-fitting, columns that are lost, noise that is not removed, training that stopped too early."""

from __future__ import annotations

import math

import numpy as np

from ..look import Rows as TableRows
from .subject import Subject
from .table import Finding, check, grade

__all__ = ["denoising", "lost_columns", "over_fitting", "stopped_early", "under_fitting"]

LOST, KEPT_BY_PCA = 0.1, 0.5
"""R² below which a column is lost, and R² from which on PCA keeps one."""

RARE = 0.05
"""Share of rows with another value than the commonest, below which a column hardly varies and is not judged."""

LOST_NAMED = 5
"""Lost columns that are named, at most."""


@check(
    "over-fitting",
    "The reconstruction error of held-out rows over that of training rows: warning above 1.5, or above 1.2 where PCA "
    "of as many numbers has an error less by a tenth on the held-out rows; fault above 2 where PCA does better there: "
    "then the gap costs more than it brought.",
)
def over_fitting(subject: Subject) -> Finding | None:
    """Hold the error of held-out rows against that of training rows, and against PCA's."""
    if not subject.reconstructs or subject.training is None:
        return None
    error, training_error, pca = subject.held_out.error, subject.training.error, subject.pca_error
    ratio = error / training_error if training_error else 1.0
    status = grade(ratio, 1.2 if pca < 0.9 * error else 1.5, 2.0)
    if status == "fault" and error <= pca:
        status = "warning"
    noise = "stronger noise (corruption)" if subject.denoises else "noise: DenoisingAutoencoder"
    of = " of cleaned rows" if subject.denoises else ""
    return Finding(
        status,
        f"The error{of} is {error:.3g} on held-out rows and {training_error:.3g} on training rows, {ratio:.2f} times; "
        f"PCA with {subject.pca_width} numbers has {pca:.3g} on held-out rows.",
        {f"mean squared error{of}": error, "training_error": training_error, "ratio": ratio, "pca_error": pca},
        "More rows, fewer epochs (validation_fraction=0.1, training=Training(patience=10)), a smaller network, or "
        f"{noise}.",
    )


@check(
    "under-fitting",
    "The share of the variance that comes back, R², of training rows where there are any, over the share that a linear "
    "model brings back: PCA with as many numbers, for a VAE a linear one with the same noise (Lucas et al. 2019). "
    "Warning below 0.9, fault below 0.5: a network that does worse than a matrix has not learnt what it could.",
)
def under_fitting(subject: Subject) -> Finding | None:
    """Hold what comes back against what a linear model of the same width would bring."""
    if not subject.reconstructs:
        return None
    r2, linear = round(subject.known.r2, 4) + 0.0, max(0.0, round(subject.linear_r2, 4))
    if linear == 0.0 and subject.variational:
        return None  # nothing varies more than the likelihood's own noise
    of = " of cleaned rows" if subject.denoises else ""
    evidence = {f"R²{of}": subject.held_out.r2}
    said = f"R²{of} is {subject.held_out.r2:.1%} on held-out rows"
    if subject.training is not None:
        evidence["R² of training rows"] = r2
        said += f" and {r2:.1%} on training rows"
    kind = "a linear VAE with the same noise" if subject.variational else f"PCA with {subject.pca_width} numbers"
    return Finding(
        grade(r2 / linear if linear else r2, 0.9, 0.5),
        f"{said}, where {kind} reaches {linear:.1%}.",
        evidence | {"linear_r2": linear},
        "Train longer, try another learning_rate, a wider network, or a wider code; for a VAE a lower KL weight.",
    )


@check(
    "lost columns",
    "Columns of a table of which less than a tenth of the variance of held-out rows comes back: fault where PCA with "
    "as many numbers brings back half or more of one, warning otherwise. Columns in which fewer than a twentieth of "
    "the rows differ from the commonest value are not judged.",
)
def lost_columns(subject: Subject) -> Finding | None:
    """Read the R² of every column."""
    if not subject.reconstructs or not isinstance(subject.look, TableRows):
        return None
    rows, names = subject.held_out, subject.look.names
    x, error = rows.comparable, (rows.comparable - subject.pca_x_hat(rows)) ** 2
    judged = np.array([_varies(column) for column in x.T])
    if not judged.any():
        return None
    r2 = rows.r2_of_columns
    pca = 1 - error.mean(0) / np.maximum(x.var(0), 1e-300)
    lost = np.flatnonzero(judged & (r2 < LOST))
    avoidable = lost[pca[lost] >= KEPT_BY_PCA]
    least = int(np.where(judged, r2, np.inf).argmin())
    evidence = {"lost_columns": len(lost), f"R² of {names[least]}": r2[least], f"R² of {names[least]}, PCA": pca[least]}
    if not len(lost):
        return Finding(
            "healthy", f"Every column comes back; least {names[least]}, with R² {r2[least]:.1%}.", evidence, ""
        )
    worst_first = sorted(lost, key=lambda j: -pca[j])
    shown = ", ".join(f"{names[j]} ({_percent(r2[j])}; PCA {_percent(pca[j])})" for j in worst_first[:LOST_NAMED])
    shown += f" and {len(lost) - LOST_NAMED} more" if len(lost) > LOST_NAMED else ""
    return Finding(
        "fault" if len(avoidable) else "warning",
        f"{len(lost)} of {judged.sum()} columns do not come back, R² below {LOST:.0%}: {shown}.",
        evidence,
        "A wider code (latent_dim), a longer fit, or scaling='auto', which gives every column the same say; leave out "
        "a column that nothing else says anything of.",
    )


def _percent(share: float) -> str:
    """Return a share of the variance in words; how far one is below the mean row says little."""
    return f"{share:.1%}".replace("-", "−") if share > -1 else "below −100%"


def _varies(column: np.ndarray) -> bool:
    """Return whether a column has another value than its commonest in more than a few rows."""
    counts = np.unique(column, return_counts=True)[1]
    return bool(counts.max() <= (1 - RARE) * len(column))


@check(
    "denoising",
    "By how many decibels the error falls from noisy rows to cleaned ones, the held-out rows corrupted as in training, "
    "beside PCA with as many numbers. Fault where it does not fall: cleaning then costs more than the noise. Warning "
    "where PCA gains one decibel more.",
)
def denoising(subject: Subject) -> Finding | None:
    """Hold the signal-to-noise ratio of cleaned rows against that of the noisy ones."""
    if not subject.denoises or not subject.reconstructs:
        return None
    gain = subject.denoising_gain
    if gain is None:
        return None
    cleaned = (
        f"{gain.after:.1f} dB in cleaned rows, where PCA with {subject.pca_width} numbers reaches {gain.pca:.1f} dB"
    )
    return Finding(
        "fault" if gain.decibels <= 0 else grade(gain.pca - gain.after, 1.0, math.inf),
        f"The signal-to-noise ratio goes from {gain.before:.1f} dB in noisy rows to {cleaned}: {gain.decibels:+.1f} "
        "dB.",
        {
            "signal-to-noise of noisy rows, dB": gain.before,
            "signal-to-noise of cleaned rows, dB": gain.after,
            "gain, dB": gain.decibels,
            "signal-to-noise of rows cleaned by PCA, dB": gain.pca,
        },
        "A wider code (latent_dim): what does not pass through it is lost, whatever the noise. Train longer, on noise "
        "like that which will be met (corruption).",
    )


@check(
    "training stopped too early",
    "The share of the loss's whole fall that came in the last fifth of the epochs: warning above 5 %, fault above 10 "
    "%. A fall that halves with every fifth of the fit leaves 1/31 = 3 % to the last. Fewer than three epochs are not "
    "judged.",
)
def stopped_early(subject: Subject) -> Finding | None:
    """Look at how much of the loss's fall took place at the end of the history."""
    loss = subject.loss()
    if loss is None or len(loss) < 3 or subject.hides:  # which entries are hidden moves the loss by chance
        return None
    last = max(1, len(loss) // 5)
    fall, whole = loss[-1 - last] - loss[-1], loss[0] - loss.min()
    fifth = min(1.0, 0.2 * len(loss) / last)  # of a short history the last epoch is more than a fifth
    share = float(np.clip(fifth * fall / whole, 0, 1)) if whole > 0 else 0.0
    return Finding(
        grade(share, 0.05, 0.1),
        f"{share:.0%} of the loss's fall, from {loss[0]:.4g} to {loss[-1]:.4g} over {len(loss)} epochs, came in the "
        "last fifth of them.",
        {"late_share": share, "epochs": len(loss), "loss_first": loss[0], "loss_last": loss[-1]},
        "Raise max_epochs, or learning_rate.",
    )
