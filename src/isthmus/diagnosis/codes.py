"""What the code carries: posterior collapse, the weight of the divergence, copies, and decoders that do not listen."""

from __future__ import annotations

import numpy as np

from ..metrics import r2
from .subject import Subject
from .table import Finding, check, grade

__all__ = ["ignored_code", "kl_weight", "over_complete_copy", "posterior_collapse"]

ACTIVE = 0.01
"""The variance over rows of a unit's posterior mean above which it is active (Burda et al. 2016, section 5.2)."""

HALF, MOST = 0.5, 0.75

AS_MUCH = 0.9
"""Share of a linear model's R² from which on a code is said to bring back as much, as in the check of under-fitting."""

_NEEDED = (
    "Units are active where their posterior mean varies by more than 0.01 (Burda et al. 2016, section 5.2). Their "
    "number is held against what a linear VAE with the same likelihood would keep (Lucas et al. 2019), so that spare "
    "units are no fault, and neither are fewer units that bring back nine tenths as much of the variance: "
)


def _activity(subject: Subject) -> tuple[np.ndarray, float]:
    """Return which units are active, and their number over what a linear VAE would keep, at most 1.

    What bends needs fewer units than a line: they are enough where as much of the variance comes back.
    """
    active = subject.held_out.codes.var(0) > ACTIVE
    needed = subject.linear.kept
    if active.any() and subject.known.r2 >= AS_MUCH * subject.linear_r2:
        return active, 1.0
    return active, min(1.0, active.sum() / needed) if needed else float(active.any())


@check(
    "posterior collapse", _NEEDED + "warning below three quarters of that number, fault below half of it or at none."
)
def posterior_collapse(subject: Subject) -> Finding | None:
    """Name the units whose posterior does not depend on x, and the epoch from which their number stayed the same."""
    if not subject.variational:
        return None
    active, share = _activity(subject)
    dead, needed = np.flatnonzero(~active), subject.linear.kept
    evidence = {"active_units": active.sum(), "collapsed_units": len(dead), "needed_units": needed}
    statement = f"{active.sum()} of {subject.d} units carry something of x; a linear VAE would use {needed}."
    if len(dead):
        since = _since(subject.column("active_units"))
        evidence |= {"since_epoch": since} if since is not None else {}
        when = f" since epoch {since}" if since is not None else ""
        plural = "units" if len(dead) > 1 else "unit"
        statement += f" Nothing is in {plural} {_some(dead)}{when}."
    return Finding(
        grade(share, MOST, HALF - 1e-9),
        statement,
        evidence,
        "Lower the KL weight or warm it up (objective=ELBO(KL(1.0, warmup=0.5))), let the likelihood learn its "
        "variance, lower learning_rate, or ask for fewer units.",
    )


def _since(column: np.ndarray | None) -> int | None:
    """Return the first epoch from which a column stays at its last value."""
    if column is None or not len(column):
        return None
    changed = np.flatnonzero(column != column[-1])
    return int(changed[-1]) + 2 if len(changed) else 1


def _some(units: np.ndarray) -> str:
    """Return units by index: all of them up to twelve, else the first twelve and how many more.

    >>> _some(np.arange(14))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more'
    """
    shown = ", ".join(str(unit) for unit in units[:12])
    return shown + (f" and {len(units) - 12} more" if len(units) > 12 else "")


@check(
    "KL weight and warm-up",
    _NEEDED + "fault below half of that number, warning below three quarters; the weight is named where it is above 1 "
    "(at β the linear VAE drops what varies less than β noise variances), the warm-up where it is below half of the "
    "fit (Sønderby et al. 2016).",
)
def kl_weight(subject: Subject) -> Finding | None:
    """Say whether the divergence's weight, or its sudden start, emptied the code."""
    divergence = subject.divergence
    if divergence is None or not subject.variational:
        return None
    weight, warmup = divergence.weight, divergence.warmup
    active, share = _activity(subject)
    needed = subject.linear.kept
    evidence = {"weight": weight, "warmup": warmup, "active_units": active.sum(), "needed_units": needed}
    status = grade(share, MOST, HALF - 1e-9) if needed and (weight > 1 or warmup < HALF) else "healthy"
    left = f"leaves {active.sum()} active units where a linear VAE of weight 1 would use {needed}"
    if status == "healthy":
        statement = f"The KL weight of {weight:g} {left}."
    elif weight > 1:
        statement = f"The KL weight of {weight:g} is too high: it {left}."
    else:
        statement = f"A KL weight of {weight:g} warmed up over {warmup:.0%} of the fit {left}: too short a warm-up."
    advice = f"Lower the weight of {weight:g} towards 1." if weight > 1 else "Set objective=ELBO(KL(1.0, warmup=0.5))."
    return Finding(status, statement, evidence, advice)


@check(
    "over-complete copy",
    "R² on rows whose features were shuffled each on its own, so that nothing is left to learn, where R² on held-out "
    "rows is above 0.9: fault above 0.9, where noise comes back as well as data; warning above 0.8.",
)
def over_complete_copy(subject: Subject) -> Finding | None:
    """See whether a code as wide as the data passes on anything, structure or none."""
    hides = subject.model.corruption is not None and not subject.denoises
    if not subject.reconstructs or subject.variational or hides or subject.d < subject.n:
        return None
    x, condition = subject.held_out.x, subject.held_out.condition
    shuffled = subject.random().permuted(x, axis=0)
    on_data, on_noise = (
        r2(subject.comparable(rows), subject.comparable(subject.decoded(subject.encoded(rows, condition), condition)))
        for rows in (x, shuffled)
    )
    of_data = "R² of clean rows" if subject.denoises else "R²"
    others = "stronger noise (corruption)" if subject.denoises else "DenoisingAutoencoder"
    return Finding(
        grade(on_noise if on_data > 0.9 else 0.0, 0.8, 0.9),
        f"{subject.d} numbers for {subject.n} features: {of_data} is {on_data:.1%} on held-out rows and {on_noise:.1%} "
        "on rows shuffled feature by feature.",
        {of_data: on_data, "R² of shuffled rows": on_noise, "latent_dim": subject.d, "features": subject.n},
        f"Lower latent_dim, or keep the code from copying: {others}, a stronger penalty in ContractiveAutoencoder, or "
        "VAE.",
    )


@check(
    "decoder ignores its code",
    "How far reconstructions move when codes are swapped between rows, as a share of how far apart rows are, over the "
    "share of variance that a linear model brings back, beyond what a condition says: warning below a fifth, fault "
    "below a twentieth.",
)
def ignored_code(subject: Subject) -> Finding | None:
    """Swap codes between rows and see whether the reconstructions notice."""
    if not subject.reconstructs:
        return None
    rows, reference = subject.held_out, subject.linear_r2 - subject.condition_r2
    if reference <= 0:
        return None
    order = subject.random().permutation(len(rows))
    apart = float(((rows.comparable - rows.comparable[order]) ** 2).mean())
    swapped = subject.comparable(subject.decoded(rows.codes[order], rows.condition))
    moved = float(((rows.comparable_x_hat - swapped) ** 2).mean()) / apart if apart else 0.0
    return Finding(
        grade(moved / reference, 0.2, 0.05),
        f"With codes swapped between rows, reconstructions move {moved:.1%} of the way from row to row; a linear "
        f"model's would move {reference:.0%}.",
        {"moved": moved, "moved_linearly": reference},
        "Lower learning_rate (dead units pass nothing on), lower the KL weight, or give the decoder less of its own.",
    )
