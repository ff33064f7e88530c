"""The log-likelihood of held-out rows under a Parzen window on samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .estimate import mean_of_rows
from .rows import about_the_mean, distance_blocks

__all__ = ["ParzenLikelihood", "parzen_log_likelihood"]


CHOICE_ROWS = 1_000
"""The largest number of validation rows that choose σ."""


class ParzenLikelihood(NamedTuple):
    """The result of `parzen_log_likelihood`; `rows` is (N,)."""

    value: float
    standard_error: float
    rows: np.ndarray
    sigma: float


def parzen_log_likelihood(
    samples: ArrayLike, X: ArrayLike, X_validation: ArrayLike, sigmas: Sequence[float] | None = None
) -> ParzenLikelihood:
    """Return the mean of log (1/M) Σⱼ N(x; sⱼ, σ²I) over held-out rows, in nats (Goodfellow et al. 2014, section 5).

    Use it to compare with published figures of models that can be sampled but have no likelihood, not to judge a model.
    In many dimensions it lies far below log p(x) for any affordable number of samples, it ranks models in a different
    order than likelihood does, and k-means centres score better than the data themselves (Theis et al. 2016). Precision
    and recall say more.

    Parameters
    ----------
    samples : samples of the model, (M, ...).
    X : held-out rows to measure, (N, ...).
    X_validation : other held-out rows, (L, ...), on which σ is chosen by mean log-likelihood. At most 1,000 of them,
        evenly spaced, are used.
    sigmas : candidates for σ. None are 25 values in equal ratios. The lowest is a third of m/√n, where m is the median
        distance from validation rows to their nearest sample and n the number of features. The highest is the standard
        deviation of the samples, or ten times the lowest if that is larger.

    References
    ----------
    Ian J. Goodfellow et al., "Generative Adversarial Networks", 2014, https://arxiv.org/abs/1406.2661.
    Lucas Theis, Aäron van den Oord and Matthias Bethge, "A note on the evaluation of generative models", 2016,
        https://arxiv.org/abs/1511.01844.

    >>> parzen = parzen_log_likelihood([[0.0]], [[0.0], [1.0]], [[-1.0], [1.0]], sigmas=[0.5, 1.0, 2.0])
    >>> parzen.sigma, round(parzen.value, 4)
    (1.0, -1.1689)
    """
    s, x = about_the_mean(samples, X)
    _, validation = about_the_mean(samples, X_validation)
    validation = validation[np.linspace(0, len(validation) - 1, min(len(validation), CHOICE_ROWS)).astype(np.int64)]
    grid = _grid(s, validation) if sigmas is None else np.asarray(sigmas, dtype=np.float64)
    if grid.ndim != 1 or len(grid) == 0 or not (grid > 0).all():
        raise DataError(f"sigmas must be positive numbers, got {grid.tolist()}")
    sigma = float(grid[_log_densities(s, validation, grid).mean(0).argmax()])
    rows = mean_of_rows(_log_densities(s, x, np.array([sigma])))
    return ParzenLikelihood(rows.value, rows.standard_error, rows.rows, sigma)


def _log_densities(samples: np.ndarray, rows: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return the log-density of each row for each σ, (N, len(sigmas))."""
    found = []
    for _, squares in distance_blocks(rows, samples, squared=True):
        nearest = squares.min(1)
        squares -= nearest[:, None]
        sums = [np.exp(squares / (-2 * sigma**2)).sum(1) for sigma in sigmas]
        found.append(np.log(np.stack(sums, axis=1)) - nearest[:, None] / (2 * sigmas**2))
    constant = np.log(len(samples)) + rows.shape[1] / 2 * np.log(2 * np.pi * sigmas**2)
    densities: np.ndarray = np.concatenate(found) - constant
    return densities


def _grid(samples: np.ndarray, validation: np.ndarray) -> np.ndarray:
    """Return candidates for σ, from a third of a typical distance to the nearest sample up to the samples' spread."""
    from sklearn.metrics import pairwise_distances_argmin

    nearest = np.linalg.norm(validation - samples[pairwise_distances_argmin(validation, samples)], axis=1)
    apart = nearest[nearest > 0]
    if len(apart) == 0:
        raise DataError("every validation row is among the samples, so that σ cannot be chosen; pass sigmas")
    lowest = np.median(apart) / np.sqrt(samples.shape[1]) / 3
    return np.geomspace(lowest, max(10 * lowest, float(samples.std())), 25)
