"""Data and the likelihood's idea of them: noise of the wrong size, features of different size, grey for binary."""

from __future__ import annotations

import numpy as np

from ..likelihood import Gaussian
from .subject import Subject
from .table import Finding, check, grade

__all__ = ["feature_scales", "grey_values", "noise_level", "variance_floor"]


@check(
    "noise level of the likelihood",
    "The standard deviation of held-out residuals over the σ that the likelihood fixes. A VAE weighs reconstruction "
    "against divergence by it (Rybkin et al. 2021): warning beyond a factor of 2, fault beyond 4. An autoencoder "
    "without divergence only scores by it: warning beyond a factor of 10.",
)
def noise_level(subject: Subject) -> Finding | None:
    """Hold a fixed σ against the residuals that are there."""
    if not subject.reconstructs or not isinstance(subject.likelihood, Gaussian):
        return None
    std = float(np.sqrt(((subject.held_out.x - subject.held_out.x_hat) ** 2).mean()))
    factor = max(std / subject.likelihood.std, subject.likelihood.std / max(std, 1e-12))
    status = grade(factor, 2.0, 4.0) if subject.variational else grade(factor, 10.0, np.inf)
    return Finding(
        status,
        f"Held-out residuals have a standard deviation of {std:.3g} in the model's units, where the likelihood takes "
        f"{subject.likelihood.std:g}.",
        {"residual_std": std, "likelihood_std": subject.likelihood.std, "factor": factor},
        f"Set likelihood=Gaussian({std:.2g}), or let it be learnt: likelihood='homoscedasticgaussian'.",
    )


@check(
    "feature scales",
    "The share of varying features whose standard deviation, in the model's units, is below a hundredth of the "
    "largest: their errors weigh less than 1/10,000 of its. Warning where there is one, fault from a quarter of the "
    "features. Pixels share one unit and are not judged.",
)
def feature_scales(subject: Subject) -> Finding | None:
    """See whether some features drown others in the loss."""
    bounded = subject.likelihood is not None and subject.likelihood.bounded
    std = subject.known.x.std(0)
    if bounded or len(subject.estimator.shape_) > 1 or len(std) != subject.n:
        return None
    varying = std[std > 0]
    if not len(varying):
        return None
    drowned = float((varying < 0.01 * varying.max()).mean())
    names = subject.look.names or [f"feature {i}" for i in range(subject.n)]
    largest, smallest = names[int(std.argmax())], names[int(np.where(std > 0, std, np.inf).argmin())]
    return Finding(
        grade(drowned, 0.0, 0.25 - 1e-9),
        f"Standard deviations run from {varying.min():.2g} ({smallest}) to {varying.max():.2g} ("
        f"{largest}) in the model's units; {drowned:.0%} of features are drowned by the largest.",
        {"drowned": drowned, "std_smallest": varying.min(), "std_largest": varying.max()},
        "Leave scaling='auto', which standardises features, or standardise them yourself.",
    )


@check(
    "grey values under a Bernoulli",
    "The variance of the values over p(1 − p), which a Bernoulli presumes: 1 for black and white, 1/3 for uniform "
    "greys; warning below 0.15, fault below 0.05, where its noise drowns the data.",
)
def grey_values(subject: Subject) -> Finding | None:
    """See whether values crowd where a Bernoulli never puts them."""
    if not subject.bernoulli:
        return None
    x = subject.known.x
    p = x.mean(0)
    presumed = float((p * (1 - p)).sum())
    share = float(x.var(0).sum()) / presumed if presumed > 0 else 1.0
    return Finding(
        grade(share, 0.15, 0.05),
        f"Values have {share:.1%} of the variance that a Bernoulli presumes; their mean is {p.mean():.2f}.",
        {"variance_share": share, "mean": p.mean(), "std": float(np.sqrt(x.var(0).mean()))},
        "Use likelihood='gaussian' (or 'homoscedasticgaussian'), or stretch the values over [0, 1].",
    )


@check(
    "variance at its floor",
    "Features whose learned σ lies below five times its floor, and is on its way there: constant or discrete ones, "
    "whose density would grow without bound. Warning where there is one, fault from a tenth of the features.",
)
def variance_floor(subject: Subject) -> Finding | None:
    """Name the features whose learned noise ran into its floor."""
    floor = getattr(subject.likelihood, "minimum_std", None)
    if not subject.encodes or floor is None:
        return None
    sigma = subject.noise
    at = np.flatnonzero(sigma < 5 * floor)
    named = f" (features {', '.join(map(str, at[:5]))}{' ...' if len(at) > 5 else ''})" if len(at) else ""
    return Finding(
        grade(len(at) / subject.n, 0.0, 0.1 - 1e-9),
        f"{len(at)} of {subject.n} learned σ lie near their floor of {floor:g}{named}; the smallest is "
        f"{sigma.min():.2g}.",
        {"at_floor": len(at), "features": subject.n, "smallest": sigma.min(), "floor": floor},
        "Leave out constant features, use a likelihood for discrete ones, or raise minimum_std to their rounding.",
    )
