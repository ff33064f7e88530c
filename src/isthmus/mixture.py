"""A mixture of Gaussians as a prior that is fitted to the codes of the training rows once all else has learnt."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal

from .facts import Facts
from .model import Model, Pass
from .prior import Prior
from .source import Generated
from .training import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.mixture import GaussianMixture

__all__ = ["FittedMixture"]

MOST_ROWS = 20_000
"""Rows whose codes the mixture is fitted to, at most."""

ROWS_A_COMPONENT = 50
"""Rows for each component, at least."""

HELD_OUT_SHARE = 0.1
"""The share of the codes that says how many components there are to be."""


class FittedMixture(Prior):
    r"""p(z) = Σₖ πₖ N(z; μₖ, Σₖ), fitted to codes z ~ q(z|x) of the training rows once the fit is done.

    The number of components is doubled from 1 as long as held-out codes become likelier, but for a last step. Until the
    fit is done the distribution is N(0, I).

    Parameters
    ----------
    most_components : the largest number of components.

    References
    ----------
    Partha Ghosh et al., "From Variational to Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436,
        section 4.
    Bin Dai and David Wipf, "Diagnosing and Enhancing VAE Models", 2019, https://arxiv.org/abs/1903.05789, on codes
        whose distribution is not that of the prior.

    >>> from isthmus import VAE
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> vae = VAE(2, sampling_prior=FittedMixture(), max_epochs=1, random_state=0).fit(X)
    >>> vae.model_.sampling_prior().component_distribution.mean.shape
    torch.Size([64, 2])
    """

    most_components: int = 64

    def check(self) -> None:
        self.require_count("most_components", self.most_components)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds the components; the weights of those that are not needed are zero."""
        return _Mixture(self.most_components, facts.latent_dim)


class _Mixture(nn.Module):
    weights: Tensor
    means: Tensor
    roots: Tensor

    def __init__(self, most: int, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.full((most,), 1 / most))
        self.register_buffer("means", torch.zeros(most, latent_dim))
        self.register_buffer("roots", torch.eye(latent_dim).repeat(most, 1, 1))

    def forward(self, context: Tensor | None = None) -> Distribution:
        normals = MultivariateNormal(self.means, scale_tril=self.roots, validate_args=False)
        return MixtureSameFamily(Categorical(self.weights, validate_args=False), normals, validate_args=False)

    def finish(self, model: Model, rows: Rows) -> None:
        """Fit the components to the codes of the rows."""
        found = _fitted(_codes(model, rows), len(self.means))
        count = len(found.weights_)
        self.weights.zero_()
        for buffer, values in (
            (self.weights, found.weights_),
            (self.means, found.means_),
            (self.roots, np.linalg.cholesky(found.covariances_)),
        ):
            buffer[:count] = torch.as_tensor(values).to(buffer)


@torch.no_grad()
def _codes(model: Model, rows: Rows) -> NDArray[np.float64]:
    """Return a code z ~ q(z|x) for each of some rows, drawn by weight where there are more than `MOST_ROWS`."""
    rng, weight = np.random.default_rng(0), rows.data.weight
    count, chosen = min(MOST_ROWS, len(rows)), rows.rows
    if weight is not None:
        share = weight[chosen].double().cpu().numpy()
        chosen = chosen[torch.as_tensor(rng.choice(len(rows), count, p=share / share.sum())).to(chosen.device)]
    elif count < len(rows):
        chosen = chosen[torch.as_tensor(rng.choice(len(rows), count, replace=False)).to(chosen.device)]
    source = Generated(torch.Generator(rows.device).manual_seed(0))
    some = Rows(rows.data, rows.size, chosen, device=rows.device, ahead=rows.ahead)
    passes = (Pass(model, batch, source, x_tilde=model.scaled(batch.x).nan_to_num()) for batch in some.in_order())
    codes: NDArray[np.float64] = torch.cat([passed.z for passed in passes]).double().cpu().numpy()
    return codes


def _fitted(codes: NDArray[np.float64], most: int) -> GaussianMixture:
    """Return the mixture with as many components as held-out codes call for, `most` at most."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    codes = np.random.default_rng(1).permutation(codes)
    held = round(len(codes) * HELD_OUT_SHARE)
    best, best_score, components = None, -np.inf, 1
    while best is None or (components <= most and components * ROWS_A_COMPONENT <= len(codes) and held):
        found = GaussianMixture(components, random_state=0, init_params="k-means++", reg_covar=1e-5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # more iterations gain less than more components
            found.fit(codes[held:])
        score = found.score(codes[:held]) if held else 0.0
        if score <= best_score:
            break
        best, best_score, components = found, score, 2 * components
    return best
