"""Bounds on the log-likelihood of held-out rows under a variational autoencoder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..batch import Batch
from ..device import plain_modes
from ..divergence import KL
from ..errors import DataError
from ..fitted import Fitted
from ..model import Pass
from ..source import ByRow, row_seeds
from ..typing import ArrayLike
from .estimate import Estimate, mean_of_rows

if TYPE_CHECKING:
    from ..estimators import VAE, Estimator

__all__ = ["bits_per_dimension", "elbo", "importance_weighted_bound"]


@plain_modes()
def elbo(estimator: Estimator, X: ArrayLike, n_draws: int = 16) -> Estimate:
    """Return the evidence lower bound, 𝔼_q log p(x|z) − KL(q(z|x) ‖ p(z)) ≤ log p(x) (Kingma & Welling 2014, eq. 3).

    The mean over rows, in nats, in the data's own units. Each row's expectation is a mean over draws that are seeded by
    the row itself; its divergence is exact if a closed form is known. The standard error is over rows and includes the
    noise of the draws.

    Parameters
    ----------
    estimator : a fitted `VAE`.
    X : held-out rows, (N, ...).
    n_draws : the number of z per row.

    References
    ----------
    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114.

    >>> import numpy as np
    >>> from isthmus import VAE
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> vae = VAE(latent_dim=1, max_epochs=2, random_state=0).fit(X)
    >>> elbo(vae, X).rows.shape
    (200,)
    """
    fitted = Fitted(estimator)
    fitted.need_density("the evidence bound")
    if n_draws < 1:
        raise DataError(f"n_draws must be at least 1, got {n_draws}")
    model, rows = fitted.model, []
    with torch.no_grad():
        for x in fitted.scaled_blocks(X, n_draws):
            source = ByRow(row_seeds(x), range(n_draws))
            passed = Pass(model, Batch(x), source, (n_draws,), x=x, x_tilde=x)
            bound = passed.log_likelihood.mean(0) - KL()(model, passed, source)
            rows.append(bound.double().cpu().numpy())
    return mean_of_rows(fitted.in_data_units(np.concatenate(rows), X))


@plain_modes()
def importance_weighted_bound(estimator: VAE, X: ArrayLike, n_draws: int = 100) -> Estimate:
    """Return the importance-weighted bound, log (1/k) Σᵢ p(x, zᵢ)/q(zᵢ|x) (Burda et al. 2016, equation 8).

    The mean over rows, in nats, in the data's own units. In expectation it lies between the evidence bound and log p(x)
    and rises with k. Each row has its own draws, so that the standard error over rows includes their noise.

    Parameters
    ----------
    estimator : a fitted `VAE`.
    X : held-out rows, (N, ...).
    n_draws : k.

    References
    ----------
    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
        https://arxiv.org/abs/1509.00519.

    >>> import numpy as np
    >>> from isthmus import VAE
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> vae = VAE(latent_dim=1, max_epochs=2, random_state=0).fit(X)
    >>> importance_weighted_bound(vae, X).value >= elbo(vae, X).value
    True
    """
    Fitted(estimator).need_density("the importance-weighted bound")
    return mean_of_rows(np.asarray(estimator.score_samples(X, n_draws=n_draws)))


def bits_per_dimension(log_likelihoods: ArrayLike, n_dimensions: int, levels: float = 1.0) -> Estimate:
    """Return −log p(x) / (n log 2) + log₂ levels, averaged over rows (Theis et al. 2016).

    Parameters
    ----------
    log_likelihoods : log p(x) in nats, or a bound on it, (N,).
    n_dimensions : n, the number of values per row.
    levels : the number of grey values in one unit of the data. It is 256 for pixels x/256 with uniform noise added,
        whose density on [0, 1]ⁿ bounds the probability of the grey values. It is 1 for probabilities and for values
        that are not discrete.

    References
    ----------
    Lucas Theis, Aäron van den Oord and Matthias Bethge, "A note on the evaluation of generative models", 2016,
        https://arxiv.org/abs/1511.01844.

    >>> bits_per_dimension([-784 * 0.6931471805599453] * 2, 784).value
    1.0
    """
    if n_dimensions < 1 or not levels > 0:
        raise DataError(f"n_dimensions must be at least 1 and levels positive, got {n_dimensions} and {levels}")
    return mean_of_rows(
        -np.asarray(log_likelihoods, dtype=np.float64) / (n_dimensions * math.log(2)) + math.log2(levels)
    )
