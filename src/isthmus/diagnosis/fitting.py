"""Over-fitting, under-fitting, and training that stopped too early."""

from __future__ import annotations

import numpy as np

from .subject import Subject
from .table import Finding, check, grade

__all__ = ["over_fitting", "stopped_early", "under_fitting"]


@check(
    "over-fitting",
    "The reconstruction error of held-out rows over that of training rows: warning above 1.5, a fault above 2 where, "
    "besides, PCA of as many numbers does better on the held-out rows: then the gap costs more than it brought.",
)
def over_fitting(subject: Subject) -> Finding | None:
    """Hold the error of held-out rows against that of training rows, and against PCA's."""
    if not subject.reconstructs or subject.training is None:
        return None
    held_out, training = subject.held_out, subject.training
    error, training_error = held_out.errors.mean(), training.errors.mean()
    pca = ((held_out.x - subject.projected(held_out)) ** 2).mean()
    ratio = error / training_error if training_error else 1.0
    status = grade(ratio, 1.5, 2.0)
    if status == "fault" and error <= pca:
        status = "warning"
    return Finding(
        status,
        f"The error is {error:.3g} on held-out rows and {training_error:.3g} on training rows, {ratio:.2f} times; PCA "
        f"with {subject.linear_width} numbers has {pca:.3g} on held-out rows.",
        {"error": error, "training_error": training_error, "ratio": ratio, "pca_error": pca},
        "More rows, fewer epochs (validation_fraction=0.1, training=Training(patience=10)), a smaller network, or "
        "noise: DenoisingAutoencoder.",
    )


@check(
    "under-fitting",
    "The share of the variance that comes back, of training rows where there are any, over the share that a linear "
    "model brings back: PCA with as many numbers, for a VAE a linear one with the same noise (Lucas et al. 2019). "
    "Warning below 0.9, fault below 0.5: a network that does worse than a matrix has not learnt what it could.",
)
def under_fitting(subject: Subject) -> Finding | None:
    """Hold what comes back against what a linear model of the same width would bring."""
    if not subject.reconstructs:
        return None
    explained, linear = round(subject.explained, 4) + 0.0, max(0.0, subject.explained_linearly)
    if linear == 0.0 and subject.variational:
        return None  # nothing varies more than the likelihood's own noise
    return Finding(
        grade(explained / linear if linear else explained, 0.9, 0.5),
        f"{explained:.1%} of the variance comes back; a linear model of {subject.linear_width} numbers brings "
        f"{linear:.1%}.",
        {"explained": explained, "linear": linear},
        "Train longer, try another learning_rate, a wider network, or a wider code; for a VAE a lower KL weight.",
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
    if loss is None or len(loss) < 3:
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
