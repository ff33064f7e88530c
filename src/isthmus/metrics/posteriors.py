"""Posteriors q(z|x), unit by unit of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ..device import plain_modes
from ..errors import CompositionError, DataError
from ..fitted import Fitted
from ..typing import ArrayLike
from .rows import same_shape

if TYPE_CHECKING:
    from ..estimators import Estimator

__all__ = ["PosteriorMoments", "UnitDivergence", "divergences", "kl_per_unit", "posterior_moments"]


class PosteriorMoments(NamedTuple):
    """The result of `posterior_moments`: μ and σ of q(z|x), (N, d) each."""

    mean: np.ndarray
    std: np.ndarray


class UnitDivergence(NamedTuple):
    """The result of `kl_per_unit`, in nats, (d,) each."""

    value: np.ndarray
    standard_error: np.ndarray


@plain_modes()
def posterior_moments(estimator: Estimator, X: ArrayLike) -> PosteriorMoments:
    """Return the means μ(x) and standard deviations σ(x) of the posteriors q(z|x) of rows.

    Parameters
    ----------
    estimator : fitted, with a posterior that has a density, such as a `VAE`.
    X : (N, ...).

    Raises
    ------
    CompositionError : the posterior has no density, or no mean or variance in closed form.

    References
    ----------
    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114,
        equation 9.

    >>> from isthmus import VAE
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> posterior_moments(VAE(latent_dim=1, max_epochs=2, random_state=0).fit(X), X).std.shape
    (200, 1)
    """
    fitted = Fitted(estimator)
    fitted.need_density("a posterior's width")
    with torch.no_grad():
        found = [fitted.model.encode(x) for x in fitted.scaled_blocks(X, 1)]
        try:
            moments = [torch.cat([getattr(q, name) for q in found]).double() for name in ("mean", "stddev")]
        except NotImplementedError:
            raise CompositionError(
                f"{estimator.posterior_} has no closed mean or variance; use a posterior that has, such as "
                "DiagonalGaussian"
            ) from None
        return PosteriorMoments(*(moment.cpu().numpy() for moment in moments))


def kl_per_unit(means: ArrayLike, stds: ArrayLike) -> UnitDivergence:
    """Return KL(q(zᵤ|x) ‖ N(0, 1)) = ½(μᵤ² + σᵤ² − 1 − log σᵤ²) of each unit, averaged over rows.

    A unit near zero has collapsed onto the prior. The sum over units is the divergence in the evidence bound of a model
    with a standard normal prior. The standard errors are over rows.

    Parameters
    ----------
    means, stds : μ and σ of the posteriors, (N, d) each, with two rows or more.

    References
    ----------
    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114,
        appendix B.

    >>> kl_per_unit([[1.0, 0.0], [-1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]).value.tolist()
    [0.5, 0.0]
    """
    mu, sigma = same_shape(means, stds)
    if len(mu) < 2 or not (sigma > 0).all():
        raise DataError(f"means must have two rows or more and stds must be positive, got {len(mu)} rows")
    divergence = divergences(mu, sigma)
    return UnitDivergence(divergence.mean(0), divergence.std(0, ddof=1) / np.sqrt(len(mu)))


def divergences(means: np.ndarray, stds: np.ndarray) -> np.ndarray:
    """Return KL(N(μ, σ²) ‖ N(0, 1)) for every row and unit, (N, d)."""
    found: np.ndarray = 0.5 * (means**2 + stds**2 - 1) - np.log(stds)
    return found
