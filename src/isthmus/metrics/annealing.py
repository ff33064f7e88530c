"""The log-evidence of held-out rows by annealed importance sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..device import plain_modes
from ..distributions import draw
from ..errors import DataError
from ..fitted import Fitted
from ..model import Model
from ..source import Generated, Source
from ..typing import ArrayLike
from .estimate import mean_of_rows

if TYPE_CHECKING:
    from ..estimators import Estimator

__all__ = ["AnnealedEvidence", "annealed_importance_sampling"]

TARGET_ACCEPTANCE = 0.65
"""The acceptance rate that step sizes are tuned to, near the optimum for Hamiltonian Monte Carlo (Neal 2011)."""

FIRST_STEP_SIZE = 0.2
"""The step size at the first temperature."""

TUNING_RATE = 0.2
"""Change of the logarithm of the step size per unit of acceptance above or below the target."""


class AnnealedEvidence(NamedTuple):
    """The result of `annealed_importance_sampling`; `rows` and `row_errors` are (N,)."""

    value: float
    standard_error: float
    monte_carlo_error: float
    rows: np.ndarray
    row_errors: np.ndarray
    acceptance: float


class State(NamedTuple):
    """The state of the chains: z (K, N, d), log p(x|z) and log p(z) at z (K, N), and their gradients by z."""

    z: Tensor
    log_likelihood: Tensor
    log_prior: Tensor
    likelihood_slope: Tensor
    prior_slope: Tensor


@plain_modes()
def annealed_importance_sampling(
    estimator: Estimator,
    X: ArrayLike,
    n_temperatures: int = 500,
    n_chains: int = 16,
    n_leapfrog: int = 10,
    random_state: int = 0,
) -> AnnealedEvidence:
    """Estimate log p(x) by annealed importance sampling from p(z) to p(z, x).

    log ŵ = log (1/K) Σₖ exp Σₜ (βₜ − βₜ₋₁) log p(x|zₖ,ₜ₋₁) with zₖ,₀ ~ p(z). A Hamiltonian Monte Carlo move, which
    leaves p(z) p(x|z)^βₜ invariant, takes zₖ,ₜ₋₁ to zₖ,ₜ; βₜ rises from 0 to 1 along a sigmoid. ŵ is unbiased, so that
    in expectation log ŵ is a lower bound on log p(x), tighter with more temperatures. No encoder is used. Each row and
    temperature has its own step size. Separate chains tune the step sizes beforehand, because tuning them during the
    measurement would bias ŵ.

    Values are in nats, in the data's own units. `standard_error` is that of the mean over rows and includes the noise
    of the chains. `monte_carlo_error` is the noise of the chains alone, s(w)/(w̄√K) per row by the delta method; with
    too few temperatures it is too small. The cost is about 1.25 · N · n_chains · n_temperatures · n_leapfrog passes
    through the decoder and back, so measure some hundred rows.

    Parameters
    ----------
    estimator : fitted, with a prior and a decoder whose likelihood has a density, such as a `VAE`.
    X : held-out rows, (N, ...).
    n_temperatures : steps from the prior to the joint distribution.
    n_chains : K.
    n_leapfrog : leapfrog steps per Hamiltonian trajectory.
    random_state : the seed of all draws.

    References
    ----------
    Radford M. Neal, "Annealed importance sampling", 2001, https://arxiv.org/abs/physics/9803008.
    Radford M. Neal, "MCMC using Hamiltonian dynamics", 2011, https://arxiv.org/abs/1206.1901.
    Yuhuai Wu et al., "On the Quantitative Analysis of Decoder-Based Generative Models", 2017,
        https://arxiv.org/abs/1611.04273.

    >>> import numpy as np
    >>> from isthmus import VAE
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> vae = VAE(latent_dim=1, max_epochs=2, random_state=0).fit(X)
    >>> annealed_importance_sampling(vae, X[:4], n_temperatures=20).rows.shape
    (4,)
    """
    fitted = Fitted(estimator)
    for name, count, lowest in (
        ("n_temperatures", n_temperatures, 2),
        ("n_chains", n_chains, 2),
        ("n_leapfrog", n_leapfrog, 1),
    ):
        if count < lowest:
            raise DataError(f"{name} must be at least {lowest}, got {count}")
    model = fitted.model
    betas = _sigmoid_path(n_temperatures)
    source = Generated(torch.Generator(model.device).manual_seed(random_state))
    logs, accepted = [], []
    with torch.no_grad():
        prior = model.p_z()
        for x in fitted.scaled_blocks(X, n_chains):
            at = _position(model, prior, x)
            tuning = at(draw(prior, source, (max(2, n_chains // 4), len(x))))
            steps, _, _ = _anneal(at, tuning, betas, None, n_leapfrog, source)
            start = at(draw(prior, source, (n_chains, len(x))))
            _, log_w, acceptance = _anneal(at, start, betas, steps, n_leapfrog, source)
            logs.append(log_w.cpu().numpy())
            accepted.append((acceptance, len(x)))
    log_weights = np.concatenate(logs, axis=1)
    top = log_weights.max(0)
    w = np.exp(log_weights - top)
    mean = mean_of_rows(fitted.in_data_units(top + np.log(w.mean(0)), X))
    row_errors = w.std(0, ddof=1) / (w.mean(0) * math.sqrt(n_chains))
    monte_carlo = float(np.sqrt((row_errors**2).sum()) / len(row_errors))
    rate = sum(a * n for a, n in accepted) / sum(n for _, n in accepted)
    return AnnealedEvidence(mean.value, mean.standard_error, monte_carlo, mean.rows, row_errors, rate)


def _sigmoid_path(n: int, slope: float = 4.0) -> np.ndarray:
    """Return β₀ = 0, ..., βₙ = 1, closest together at either end (Wu et al. 2017)."""
    path = 1 / (1 + np.exp(-slope * np.linspace(-1, 1, n + 1)))
    betas: np.ndarray = (path - path[0]) / (path[-1] - path[0])
    return betas


def _position(model: Model, prior: torch.distributions.Distribution, x: Tensor) -> Callable[[Tensor], State]:
    """Return the function from codes (K, N, d) to the state of chains at these codes."""

    def at(z: Tensor) -> State:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            log_likelihood, log_prior = model.decode(z).log_prob(x), prior.log_prob(z)
            (likelihood_slope,) = torch.autograd.grad(log_likelihood.sum(), z)
            (prior_slope,) = torch.autograd.grad(log_prior.sum(), z)
        return State(z.detach(), log_likelihood.detach(), log_prior.detach(), likelihood_slope, prior_slope)

    return at


def _anneal(
    at: Callable[[Tensor], State],
    state: State,
    betas: np.ndarray,
    steps: Tensor | None,
    n_leapfrog: int,
    source: Source,
) -> tuple[Tensor, Tensor, float]:
    """Anneal chains from prior to joint; return step sizes (T, N), log-weights (K, N) in float64, mean acceptance.

    If `steps` is None, step sizes are tuned along the way.
    """
    log_w = torch.zeros_like(state.log_likelihood, dtype=torch.float64)
    size = torch.full_like(state.log_prior[0], FIRST_STEP_SIZE)
    used, rates = [], []
    for t in range(1, len(betas)):
        log_w += float(betas[t] - betas[t - 1]) * state.log_likelihood.double()
        if steps is not None:
            size = steps[t - 1]
        used.append(size)
        state, probability = _hamiltonian(at, state, float(betas[t]), size, n_leapfrog, source)
        size = size * torch.exp(TUNING_RATE * (probability.mean(0) - TARGET_ACCEPTANCE))
        rates.append(probability.mean())
    return torch.stack(used), log_w, float(torch.stack(rates).mean())


def _hamiltonian(
    at: Callable[[Tensor], State],
    state: State,
    beta: float,
    size: Tensor,
    n_leapfrog: int,
    source: Source,
) -> tuple[State, Tensor]:
    """Move chains by one leapfrog trajectory (Neal 2011); return the new state and the acceptance probability (K, N).

    Step sizes vary at random by up to a fifth, because trajectories of a fixed length can be periodic.
    """

    def uniform() -> Tensor:
        return source.uniform(state.log_prior.shape, state.z)

    step = (size * (0.8 + 0.4 * uniform()))[..., None]
    momentum = source.normal(state.z.shape, state.z)

    def log_density(s: State, p: Tensor) -> Tensor:
        value: Tensor = s.log_prior + beta * s.log_likelihood - 0.5 * (p * p).sum(-1)
        return value

    def slope(s: State) -> Tensor:
        return s.prior_slope + beta * s.likelihood_slope

    moved, p = state, momentum
    for _ in range(n_leapfrog):
        p = p + 0.5 * step * slope(moved)
        moved = at(moved.z + step * p)
        p = p + 0.5 * step * slope(moved)
    log_ratio = (log_density(moved, p) - log_density(state, momentum)).nan_to_num(nan=-math.inf)
    probability = log_ratio.clamp(max=0).exp()
    accept = uniform() < probability
    kept = [
        torch.where(accept[..., None] if new.ndim > accept.ndim else accept, new, old)
        for new, old in zip(moved, state, strict=True)
    ]
    return State(*kept), probability
