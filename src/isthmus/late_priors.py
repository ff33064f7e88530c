"""Priors that are fitted to the codes of a model once the rest of it has learnt."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal, constraints

from .distributions import draw, event, normal
from .facts import Facts
from .likelihood import HomoscedasticGaussian
from .model import Model
from .networks import MLP, Network
from .objective import ELBO
from .posterior import DiagonalGaussian
from .prior import Prior, StandardNormal
from .scaling import Scaling
from .source import Source
from .training import Rows, codes_of, fit_to

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

__all__ = ["FittedMixture", "SecondStage"]

MOST_COMPONENTS, MOST_CODES, FEWEST_CODES = 32, 10_000, 50
"""Gaussians of a mixture whose number is chosen, codes that it is fitted to, and codes for each Gaussian, at least."""

CHOSEN_WITHIN_NATS = 1e-2
"""How near each mixture comes to its optimum, in nats a code, where several are compared."""

STEPS_AN_EPOCH = 20
"""Steps that a pass of the second stage makes at least, as long as a batch has 16 rows and at most 256."""


class FittedMixture(Prior):
    r"""p(z) = Σₖ πₖ N(z; μₖ, Σₖ), fitted to the codes of the training rows by expectation maximisation in the end.

    Until then it is N(0, I). Partha Ghosh, Mehdi S. M. Sajjadi, Antonio Vergari, Michael Black and Bernhard Schölkopf,
    "From Variational to Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436, section 4.

    Parameters
    ----------
    components : K, the number of Gaussians, each with a covariance of its own; fewer if there are fewer rows. None
        doubles it from 1, up to 32, as long as held-out codes become likelier.
    drawn : whether a row's code is a draw from q(z|x), as in a model that decodes draws, and not the mean.
    random_state : the seed of the means that it starts from, and of draws.
    """

    components: int | None = 10
    drawn: bool = False
    random_state: int = 0

    def check(self) -> None:
        if self.components is not None:
            self.require_count("components", self.components)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds the mixture."""
        return _Mixture(self, facts.latent_dim)


class _Mixture(nn.Module):
    shares: Tensor
    means: Tensor
    roots: Tensor

    def __init__(self, prior: FittedMixture, latent_dim: int) -> None:
        super().__init__()
        self.wanted, self.drawn_by = prior.components, prior.random_state if prior.drawn else None
        self.random_state = prior.random_state
        components = prior.components or MOST_COMPONENTS
        self.register_buffer("shares", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, latent_dim))
        self.register_buffer("roots", torch.eye(latent_dim).repeat(components, 1, 1))

    def forward(self, context: Tensor | None = None) -> Distribution:
        each = MultivariateNormal(self.means, scale_tril=self.roots, validate_args=False)
        return MixtureSameFamily(Categorical(self.shares, validate_args=False), each, validate_args=False)

    def finish(self, model: Model, rows: Rows) -> None:
        """Fit the mixture to the codes; what there are too few rows for has share 0."""
        codes = codes_of(model, rows, drawn_by=self.drawn_by).double().cpu().numpy()
        found = self._likeliest(codes) if self.wanted is None else self._mixture(codes, min(self.wanted, len(codes)))
        components = len(found.weights_)
        self.shares.zero_()
        self.shares[:components] = torch.as_tensor(found.weights_)
        self.means[:components] = torch.as_tensor(found.means_)
        self.roots[:components] = torch.linalg.cholesky(torch.as_tensor(found.covariances_)).to(self.roots)

    def _likeliest(self, codes: np.ndarray) -> GaussianMixture:
        """Return the mixture with the fewest components that twice as many do not improve upon, by held-out codes."""
        codes = np.random.default_rng(self.random_state).permutation(codes)[:MOST_CODES]
        held_out, codes = np.split(codes, [len(codes) // 10])
        best, components = self._mixture(codes, 1), 2
        while len(held_out) and components <= min(MOST_COMPONENTS, len(codes) // FEWEST_CODES):
            found = self._mixture(codes, components, CHOSEN_WITHIN_NATS)
            if found.score(held_out) <= best.score(held_out):
                break
            best, components = found, 2 * components
        return best

    def _mixture(self, codes: np.ndarray, components: int, nats: float = 1e-3) -> GaussianMixture:
        """Return the mixture after the first iteration that gains less than so many nats a code."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # further iterations gain little
            return GaussianMixture(components, random_state=self.random_state, reg_covar=1e-4, tol=nats).fit(codes)


class SecondStage(Prior):
    r"""p(z) = ∫ p(z|u) p(u) du, a second variational autoencoder that is fitted to draws z ~ q(z|x) in the end.

    u is as wide as z, so that nothing is left to compress: the second model only has to learn how the codes lie in the
    space of the first one's prior, which is N(0, I) until then. Bin Dai and David Wipf, "Diagnosing and Enhancing VAE
    Models", 2019, https://arxiv.org/abs/1903.05789, section 4.

    The density is that of the mixture of p(z|uₖ) over `draws` codes uₖ that are drawn once from p(u): an unbiased
    estimate of p(z), so that its log lies below log p(z) in the mean.

    Parameters
    ----------
    network : of the second model's encoder and decoder.
    epochs : of its fit.
    draws : the number of uₖ.
    random_state : the seed of its fit and of uₖ.
    """

    network: Network = MLP((128, 128))
    epochs: int = 100
    draws: int = 256
    random_state: int = 0

    def check(self) -> None:
        self.require_part("network", self.network, Network)
        self.require_count("epochs", self.epochs)
        self.require_count("draws", self.draws)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds the second model."""
        width = facts.latent_dim
        inner = Facts((width,), width, rows=facts.rows)
        posterior, likelihood = DiagonalGaussian(), HomoscedasticGaussian(shared=True)
        networks = {
            "encoder": self.network.encoder((width,), posterior.width(inner)),
            "decoder": self.network.decoder(width, (width,), 1),
        }
        second = Model(
            inner,
            scaling=Scaling.identity((width,)),
            networks=networks,
            posterior=posterior,
            likelihood=likelihood,
            prior=StandardNormal(),
        )
        return _SecondStage(second, self.epochs, self.draws, self.random_state)


class _SecondStage(nn.Module):
    fitted: Tensor
    u: Tensor

    def __init__(self, second: Model, epochs: int, draws: int, random_state: int) -> None:
        super().__init__()
        self.second, self.epochs, self.random_state = second.requires_grad_(False), epochs, random_state
        generator = torch.Generator().manual_seed(random_state)
        u = torch.empty(draws, second.latent_dim)
        if not u.is_meta:
            u = torch.randn(draws, second.latent_dim, generator=generator)
        self.register_buffer("u", u)
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def forward(self, context: Tensor | None = None) -> Distribution:
        if self.training or not bool(self.fitted):
            zero = torch.zeros_like(self.u[0])
            return event(normal(zero, torch.ones_like(zero)), 1)
        return Staged(self.second, self.u)

    def finish(self, model: Model, rows: Rows) -> None:
        """Fit the second model to one code drawn for each row."""
        self.second.requires_grad_(True)
        codes = codes_of(model, rows, drawn_by=self.random_state)
        size = max(16, min(256, len(codes) // STEPS_AN_EPOCH))
        fit_to(self.second, ELBO(), codes, epochs=self.epochs, batch_size=size, random_state=self.random_state)
        self.second.requires_grad_(False)
        self.fitted.fill_(True)


class Staged(Distribution):
    r"""p(z) = 𝔼 p(z|u), u ~ p(u), of a second model; the density is the mean over the given u.

    Parameters
    ----------
    second : the model of codes.
    u : draws from its prior, (K, d).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, second: Model, u: Tensor) -> None:
        self.second, self.u = second, u
        super().__init__(torch.Size(), u.shape[1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean over the given u."""
        return self.second.decode(self.u).mean.mean(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log (1/K) Σₖ p(z|uₖ), (...,)."""
        each = self.second.decode(self.u)
        return torch.as_tensor(each.log_prob(value[..., None, :]).logsumexp(-1) - math.log(len(self.u)))


@draw.register
def _(p: Staged, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    u = source.normal((*shape, p.u.shape[1]), p.u)
    return draw(p.second.decode(u), source)
