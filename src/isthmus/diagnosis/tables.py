"""Tables: whether samples repeat training rows, how training rows are recognised, and what hidden cells become."""

from __future__ import annotations

import numpy as np

from ..frames import some
from .likeness import short
from .subject import Subject
from .table import Finding, check, grade, worst_of

__all__ = ["completed_cells", "likelihood_of_training_rows", "memorised_rows"]

FEWER = (
    "Fit on more rows, end the fit earlier (training=Training(patience=5)), or take a smaller network (latent_dim, "
    "network). If nobody may learn that a person was among the training rows, a passed check is not enough: that needs "
    "a model with a guarantee (differential privacy)."
)

CHANCE, RECOGNISED = 0.51, 0.55
"""Lower ends of an interval above which a share or an area is no longer taken for one half, and is a fault."""


def memorised_rows(subject: Subject) -> Finding | None:
    """Judge what was tried on the privacy of a table; None if it was not tried."""
    table = subject.table
    if table is None:
        return None
    near, attacks = table.nearer, table.attack
    repeated = max(0.0, table.copies - table.real_copies)
    worst = max(attacks, key=lambda area: area.low)
    status = worst_of(
        grade(repeated, 0.01, 0.05),
        grade(near.low, CHANCE, RECOGNISED),
        grade(worst.low, CHANCE, RECOGNISED),
    )
    few = "The training rows are too few for this fit: parts of them were learnt by heart. "
    return Finding(
        status,
        f"{few if status != 'healthy' else ''}{table.copies:.1%} of samples are copies of training rows (of held-out "
        f"rows {table.real_copies:.1%}), {near.share:.0%} lie nearer to a training row than to a held-out row (95% "
        f"interval {near.low:.0%} to {near.high:.0%}; 50% by chance), and attacks tell training rows from held-out "
        f"ones with an AUC of {attacks.distance.auc:.2f} by distance and {attacks.density.auc:.2f} by density (0.5 by "
        "chance).",
        {
            "copies": table.copies,
            "copies among held-out rows": table.real_copies,
            "nearer to training": near.share,
            "nearer to training, low": near.low,
            "nearer to training, high": near.high,
            "attack by distance, AUC": attacks.distance.auc,
            "attack by distance, low": attacks.distance.low,
            "attack by density, AUC": attacks.density.auc,
            "attack by density, low": attacks.density.low,
        },
        FEWER,
    )


@check(
    "likelihood of training rows",
    "The probability that the network finds a training row likelier than a held-out row, 0.5 if it learnt nothing of "
    "single rows: warning where its 95 % interval (DeLong et al. 1988) lies above 0.55, fault above 0.65. How values "
    "lie within their bins is left out: that is known of the training rows alone.",
)
def likelihood_of_training_rows(subject: Subject) -> Finding | None:
    """Hold the exact likelihood of training rows against that of held-out rows."""
    scored = subject.scored
    if scored is None or scored.by_network is None or scored.area is None:
        return None
    area, means = scored.area, [float(s[np.isfinite(s)].mean()) for s in scored.by_network]
    status = grade(area.low, 0.55, 0.65)
    said = "; there were too few rows for so long a fit of this network" if status != "healthy" else ""
    return Finding(
        status,
        f"The network gives held-out rows a log-likelihood of {short(means[0])} nats and training rows one of "
        f"{short(means[1])}, means a row; it finds the training row likelier with a probability of {area.auc:.2f} (95% "
        f"interval {area.low:.2f} to {area.high:.2f}){said}.",
        {
            "training rows likelier": area.auc,
            "training rows likelier, low": area.low,
            "training rows likelier, high": area.high,
            "log p of bins, held-out rows": means[0],
            "log p of bins, training rows": means[1],
        },
        FEWER,
    )


@check(
    "completed cells",
    "Errors on hidden cells of held-out rows beside those of a guess that does not look at the row: the commonest "
    "level of a category, the mean of a number. A column is worse where the model's loss exceeds the guess's by three "
    "of its standard errors: warning where there is one, fault from a quarter of the columns.",
)
def completed_cells(subject: Subject) -> Finding | None:
    """Look for columns whose hidden cells are guessed worse than without looking at the row."""
    made = subject.completions
    if made is None or not len(made.judged):
        return None
    names = [subject.look.names[j] for j in made.judged]
    worse = np.flatnonzero(made.worse > 3)
    ratios = made.errors / np.where(made.guessed > 0, made.guessed, 1.0)
    best = int(ratios.argmin())
    if len(worse):
        named = some([f"{names[j]} ({made.errors[j]:.2f}; guessing {made.guessed[j]:.2f})" for j in worse])
        said = f"In {len(worse)} of {len(names)} columns hidden cells come out worse than by guessing: {named}."
    else:
        said = (
            f"Hidden cells of all {len(names)} columns come out no worse than by guessing; the error is "
            f"{float(np.median(ratios)):.0%} of that of guessing in the median column and {ratios[best]:.0%} in "
            f"{names[best]}."
        )
    return Finding(
        grade(len(worse) / len(names), 0.0, 0.25 - 1e-9),
        said,
        {
            "worse columns": len(worse),
            "columns": len(names),
            "error over that of guessing, median": float(np.median(ratios)),
        },
        "Train longer, or on more rows; a column that nothing else says anything of is best left out.",
    )
