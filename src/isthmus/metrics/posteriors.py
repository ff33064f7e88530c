"""What posteriors q(z|x) say, a unit of the code at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from ..device import plain_modes
from ..errors import DataError
from ..fitted import Fitted
from .rows import same_shape

__all__ = ["PosteriorMoments", "UnitDivergence", "divergences", "kl_per_unit", "posterior_moments"]


class PosteriorMoments(NamedTuple):
    """What `posterior_moments` returns: μ and σ of q(z|x), (N, d) each."""

    mean: np.ndarray
    std: np.ndarray


class UnitDivergence(NamedTuple):
    """What `kl_per_unit` returns: in nats, (d,) each."""

    value: np.ndarray
    standard_error: np.ndarray


@plain_modes()
def posterior_moments(estimator: Any, X: Any) -> PosteriorMoments:
    """Return μ(x) and σ(x) of the posteriors q(z|x) = N(μ, diag σ²) of rows (Kingma & Welling 2014, equation 9).

    Parameters
    ----------
    estimator : a fitted `VAE`.
    X : (N, ...).

    >>> from isthmus import VAE
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> posterior_moments(VAE(latent_dim=1, max_epochs=2, random_state=0).fit(X), X).std.shape
    (200, 1)
    """
    fitted = Fitted(estimator)
    fitted.need_density("a posterior's width")
    with torch.no_grad():
        found = [fitted.model.encode(x) for x in fitted.scaled_blocks(X, 1)]
        moments = (torch.cat([getattr(q, name) for q in found]).double().cpu().numpy() for name in ("mean", "stddev"))
        return PosteriorMoments(*moments)


def kl_per_unit(means: Any, stds: Any) -> UnitDivergence:
    """Return KL(q(zᵤ|x) ‖ N(0, 1)) = ½(μᵤ² + σᵤ² − 1 − log σᵤ²) of each unit, averaged over rows.

    Kingma & Welling 2014, appendix B; a unit near zero has collapsed onto the prior. The sum over units is the bound's
    divergence. The standard errors are over rows.

    Parameters
    ----------
    means, stds : μ and σ of the posteriors, (N, d) each, of two rows or more.

    >>> kl_per_unit([[1.0, 0.0], [-1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]).value.tolist()
    [0.5, 0.0]
    """
    mu, sigma = same_shape(means, stds)
    if len(mu) < 2 or not (sigma > 0).all():
        raise DataError(f"posteriors must be of two rows or more and of positive width, got {len(mu)} rows")
    divergence = divergences(mu, sigma)
    return UnitDivergence(divergence.mean(0), divergence.std(0, ddof=1) / np.sqrt(len(mu)))


def divergences(means: np.ndarray, stds: np.ndarray) -> np.ndarray:
    """Return KL(N(μ, σ²) ‖ N(0, 1)) for every row and unit, (N, d)."""
    found: np.ndarray = 0.5 * (means**2 + stds**2 - 1) - np.log(stds)
    return found
