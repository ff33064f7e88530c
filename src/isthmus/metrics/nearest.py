"""Memorisation: whether samples are copies of training rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..typing import ArrayLike
from .rows import about_the_mean

__all__ = ["Memorisation", "memorisation", "nearest_distance"]


class Memorisation(NamedTuple):
    """The result of `memorisation`."""

    statistic: float
    p_value: float
    closer: float
    copies: float


def memorisation(train: ArrayLike, held_out: ArrayLike, samples: ArrayLike) -> Memorisation:
    """Test whether samples lie closer to training rows than held-out rows do (Meehan et al. 2020).

    Let d(·) be the distance to the nearest training row. `statistic` is the Mann-Whitney z = (U − MN/2) / σ_U of
    U = #{d(s) > d(x)} over samples s and held-out rows x, with ties counted as a half and corrected for in σ_U. z ≪ 0
    means copying; z ≫ 0 means that samples lie farther from the training rows than held-out rows do. `p_value` is the
    one-sided Φ(z), the probability of so low a z if samples were new rows of the data. `closer` is
    P(d(s) < d(x)) + ½P(d(s) = d(x)), which is ½ for new rows of the data. `copies` is the share of samples with d = 0.
    Samples from only the densest parts of the data are closer, too, so look at recall as well.

    Parameters
    ----------
    train, held_out, samples : (L, ...), (M, ...) and (N, ...). Held-out rows have the distribution of the training rows
        and are not among them.

    References
    ----------
    Casey Meehan, Kamalika Chaudhuri and Sanjoy Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative
        Models", 2020, https://arxiv.org/abs/2004.05675.

    >>> memorisation([[0.0], [1.0], [2.0]], [[0.5], [1.4], [2.3]], [[0.0], [1.0], [2.01]]).copies
    0.6666666666666666
    """
    from scipy.stats import mannwhitneyu, rankdata, tiecorrect

    of_samples, of_held_out = nearest_distance(samples, train), nearest_distance(held_out, train)
    n, m = len(of_samples), len(of_held_out)
    test = mannwhitneyu(of_samples, of_held_out, use_continuity=False, alternative="less", method="asymptotic")
    ties = tiecorrect(rankdata(np.concatenate([of_samples, of_held_out])))
    if ties == 0:  # all distances are equal
        return Memorisation(0.0, 0.5, 0.5, float((of_samples == 0).mean()))
    u = float(test.statistic)
    z = (u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12 * ties)
    return Memorisation(float(z), float(test.pvalue), 1 - u / (n * m), float((of_samples == 0).mean()))


def nearest_distance(samples: ArrayLike, rows: ArrayLike) -> np.ndarray:
    """Return minⱼ ‖sᵢ − xⱼ‖, each sample's distance to the nearest row, (N,) (Meehan et al. 2020).

    Samples that lie closer to training rows than held-out rows do were memorised; a copy has distance exactly 0.

    Parameters
    ----------
    samples, rows : (N, ...) and (M, ...).

    References
    ----------
    Casey Meehan, Kamalika Chaudhuri and Sanjoy Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative
        Models", 2020, https://arxiv.org/abs/2004.05675.

    >>> nearest_distance([[0.0, 0.0], [3.0, 5.0]], [[0.0, 0.0], [3.0, 1.0]]).tolist()
    [0.0, 4.0]
    """
    from sklearn.metrics import pairwise_distances_argmin

    x, s = about_the_mean(rows, samples)
    distance: np.ndarray = np.linalg.norm(s - x[pairwise_distances_argmin(s, x)], axis=1)
    return distance
