"""A Gaussian over all entries of a row, fitted to rows with gaps by expectation maximisation, and its conditionals."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Completed", "JointGaussian", "fit_gaussian"]

BLOCK_NUMBERS = 2**20
"""Numbers of the matrices, one a row, that are factorised at once."""


class Completed(NamedTuple):
    """p(missing | seen) of rows, under a Gaussian.

    Attributes
    ----------
    mean : the rows, with the conditional mean in place of what is missing, (N, n).
    place : the entries that may be missing, m to a row, the missing ones first, (N, m).
    missing : which of them are missing, (N, m).
    factor : Cholesky's factor of the conditional precision of the entries at `place`, (N, m, m); that of 1 for an entry
        that is seen.
    log_prob : log p(seen), (N,).
    """

    mean: Tensor
    place: Tensor
    missing: Tensor
    factor: Tensor
    log_prob: Tensor

    def covariance(self) -> Tensor:
        """Return the conditional covariance of the entries at `place`, (N, m, m), zero for an entry that is seen."""
        return torch.cholesky_inverse(self.factor) * (self.missing[:, :, None] & self.missing[:, None])

    def drawn(self, noise: Tensor) -> Tensor:
        """Return the rows with a draw in place of what is missing.

        Parameters
        ----------
        noise : standard normal, (N, n).
        """
        steps = torch.linalg.solve_triangular(self.factor.mT, noise.gather(1, self.place)[..., None], upper=True)
        return self.mean.scatter_add(1, self.place, torch.where(self.missing, steps[..., 0], 0.0))


class JointGaussian(NamedTuple):
    """N(μ, Σ) over the entries of a row.

    Attributes
    ----------
    mean : μ, (n,).
    covariance : Σ, (n, n), positive definite.

    >>> pair = JointGaussian(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    >>> pair.completed(torch.tensor([[2.0, torch.nan]])).mean
    tensor([[2., 1.]])
    """

    mean: Tensor
    covariance: Tensor

    def completed(self, x: Tensor, room: int | None = None) -> Completed:
        r"""Return p(missing | seen) = N(μₘ − Λₘₘ⁻¹ Λₘₛ (xₛ − μₛ), Λₘₘ⁻¹) of rows, with Λ = Σ⁻¹.

        Parameters
        ----------
        x : (N, n), a missing entry as NaN.
        room : m, for how many missing entries of a row there is room; None is as many as the most that a row has, and
            takes least time. With n, the bits of a row do not depend on the gaps of others.
        """
        observed = ~x.isnan()
        root = torch.linalg.cholesky(self.covariance)
        precision = torch.cholesky_inverse(root)
        most = int((~observed).sum(1).max()) if room is None else room
        place = observed.to(torch.int8).argsort(dim=1, stable=True)[:, :most]
        missing = ~observed.gather(1, place)
        both = missing[:, :, None] & missing[:, None]
        own = torch.where(both, precision[place[:, :, None], place[:, None]], 0.0)
        factor = torch.linalg.cholesky(own + torch.diag_embed((~missing).to(x.dtype)))
        deviation = torch.where(observed, x - self.mean, 0.0)
        pull = torch.where(missing, (deviation @ precision).gather(1, place), 0.0)
        deviation = deviation.scatter_add(1, place, -torch.cholesky_solve(pull[..., None], factor)[..., 0])
        log_volume = 2 * (root.diagonal().log().sum() + factor.diagonal(dim1=1, dim2=2).log().sum(1))
        square = ((deviation @ precision) * deviation).sum(1)
        log_prob = -0.5 * (square + log_volume + observed.sum(1).to(x.dtype) * math.log(2 * math.pi))
        return Completed(torch.where(observed, x, self.mean + deviation), place, missing, factor, log_prob)


def fit_gaussian(
    x: Tensor, *, prior_rows: float = 1.0, max_rounds: int = 50, tolerance: float = 1e-3
) -> tuple[JointGaussian, list[float]]:
    r"""Return the Gaussian that is likeliest given what is seen of rows, and the objective before each round.

    Every round of expectation maximisation climbs Σᵢ log p(xᵢ,seen) − (κ/2)(log|Σ| + tr Σ⁻¹V), where V holds the
    variances of the columns on its diagonal: the likelihood, and κ rows' worth of belief that columns do not go
    together, which keeps Σ positive definite where rows are fewer than columns.

    Arthur P. Dempster, Nan M. Laird and Donald B. Rubin, "Maximum Likelihood from Incomplete Data via the EM
    Algorithm", 1977, https://doi.org/10.1111/j.2517-6161.1977.tb01600.x, section 4.1.

    Parameters
    ----------
    x : (N, n), a missing entry as NaN.
    prior_rows : κ.
    max_rounds : of the algorithm.
    tolerance : it ends once a round gains less than that, in nats a row.

    >>> x = torch.tensor([[0.0, 0.1], [1.0, 1.1], [2.0, torch.nan], [3.0, 2.9]], dtype=torch.float64)
    >>> gaussian, _ = fit_gaussian(x, prior_rows=0.01, max_rounds=500, tolerance=1e-9)
    >>> round(gaussian.completed(x).mean[2, 1].item(), 1)
    2.0
    """
    x = x[x.isnan().sum(1).argsort()]  # rows of as many gaps cost as much, and go through together
    observed = ~x.isnan()
    count = observed.sum(0).clamp(min=1)
    mean = x.nan_to_num().sum(0) / count
    variances = (x - mean).nan_to_num().square().sum(0) / count
    variances = torch.where(variances > 0, variances, torch.ones_like(variances))
    gaussian, objectives = JointGaussian(mean, torch.diag(variances)), [-math.inf]
    blocks = torch.split(x, max(1, BLOCK_NUMBERS // x.shape[1] ** 2))
    for _ in range(max_rounds):
        filled, doubt, total = [], torch.zeros(x.shape[1] ** 2, dtype=x.dtype), 0.0
        for block in blocks:
            found = gaussian.completed(block)
            pairs = found.place[:, :, None] * x.shape[1] + found.place[:, None]
            doubt.index_add_(0, pairs.flatten(), found.covariance().flatten())
            filled.append(found.mean)
            total += float(found.log_prob.sum())
        believed = torch.logdet(gaussian.covariance) + (variances * gaussian.covariance.inverse().diagonal()).sum()
        objectives.append(total - 0.5 * prior_rows * float(believed))
        if objectives[-1] - objectives[-2] < tolerance * len(x):
            break
        whole = torch.cat(filled)
        mean = whole.mean(0)
        scatter = (whole - mean).T @ (whole - mean) + doubt.reshape_as(gaussian.covariance)
        covariance = (scatter + prior_rows * torch.diag(variances)) / (len(x) + prior_rows)
        gaussian = JointGaussian(mean, covariance)
    return gaussian, objectives[1:]
