"""The log-evidence of held-out rows by annealed importance sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..device import plain_modes
from ..distributions import draw
from ..errors import DataError
from ..fitted import Fitted
from ..source import Generated, Source
from .estimate import mean_of_rows

__all__ = ["AnnealedEvidence", "annealed_importance_sampling"]

ACCEPTANCE = 0.65
"""The acceptance that step sizes are tuned to (Neal 2011; Wu et al. 2017)."""

FIRST_STEP, TUNING = 0.2, 0.2
"""The first step size tried, and how fast its logarithm follows the acceptance."""


class AnnealedEvidence(NamedTuple):
    """What `annealed_importance_sampling` returns; `rows` and `row_errors` are (N,)."""

    value: float
    standard_error: float
    monte_carlo_error: float
    rows: np.ndarray
    row_errors: np.ndarray
    acceptance: float


class State(NamedTuple):
    """Where chains are: z (K, N, d), log p(x|z) and log p(z) there (K, N), and their gradients."""

    z: Tensor
    log_likelihood: Tensor
    log_prior: Tensor
    likelihood_slope: Tensor
    prior_slope: Tensor


@plain_modes()
def annealed_importance_sampling(
    estimator: Any,
    X: Any,
    n_temperatures: int = 500,
    n_chains: int = 16,
    n_leapfrog: int = 10,
    random_state: int = 0,
) -> AnnealedEvidence:
    """Return log p(x) by annealed importance sampling from p(z) to p(z, x) (Neal 2001; Wu et al. 2017).

    log ŵ = log (1/K) Σₖ exp Σₜ (βₜ − βₜ₋₁) log p(x|zₖ,ₜ₋₁), zₖ,₀ ~ p(z) and zₖ,ₜ from zₖ,ₜ₋₁ by a Hamiltonian Monte
    Carlo move that leaves p(z) p(x|z)^βₜ as it is; βₜ rises from 0 to 1 along a sigmoid. ŵ is unbiased, so that log ŵ
    is a lower bound on log p(x) in expectation, tighter with more temperatures. It uses no encoder. Step sizes, one a
    row and temperature, are tuned by chains of their own first and then kept: adapting them on the way would bias ŵ.

    In nats of the data's own units. `standard_error` is over rows, that of the chains included; `monte_carlo_error` is
    the chains' alone, s(w)/(w̄√K) a row (the delta method), which too few temperatures make too small. Costs about 1.25
    · N · n_chains · n_temperatures · n_leapfrog passes through the decoder and back: measure some hundred rows.

    Parameters
    ----------
    estimator : fitted, with a prior and a decoder whose likelihood has a density, such as a `VAE`.
    X : (N, ...), held out.
    n_temperatures : steps from prior to joint.
    n_chains : K.
    n_leapfrog : steps of a Hamiltonian trajectory.
    random_state : the seed of all draws.

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
    mean = mean_of_rows(top + np.log(w.mean(0)) - float(model.scaling.log_volume()))
    row_errors = w.std(0, ddof=1) / (w.mean(0) * math.sqrt(n_chains))
    monte_carlo = float(np.sqrt((row_errors**2).sum()) / len(row_errors))
    rate = sum(a * n for a, n in accepted) / sum(n for _, n in accepted)
    return AnnealedEvidence(mean.value, mean.standard_error, monte_carlo, mean.rows, row_errors, rate)


def _sigmoid_path(n: int, slope: float = 4.0) -> np.ndarray:
    """Return β₀ = 0, ..., βₙ = 1, closest together at either end (Wu et al. 2017)."""
    path = 1 / (1 + np.exp(-slope * np.linspace(-1, 1, n + 1)))
    betas: np.ndarray = (path - path[0]) / (path[-1] - path[0])
    return betas


def _position(model: Any, prior: torch.distributions.Distribution, x: Tensor) -> Callable[[Tensor], State]:
    """Return the function from codes (K, N, d) to the state of chains there."""

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
    """Take chains from prior to joint; return step sizes (T, N), log-weights (K, N) in float64, mean acceptance.

    Step sizes are tuned on the way where none are given.
    """
    log_w = torch.zeros_like(state.log_likelihood, dtype=torch.float64)
    size = torch.full_like(state.log_prior[0], FIRST_STEP)
    used, rates = [], []
    for t in range(1, len(betas)):
        log_w += float(betas[t] - betas[t - 1]) * state.log_likelihood.double()
        if steps is not None:
            size = steps[t - 1]
        used.append(size)
        state, probability = _hamiltonian(at, state, float(betas[t]), size, n_leapfrog, source)
        size = size * torch.exp(TUNING * (probability.mean(0) - ACCEPTANCE))
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
    """Move chains by one leapfrog trajectory (Neal 2011); return the new state and the acceptance (K, N).

    Trajectories vary in length by a fifth either way, since those of one length can be periodic.
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
