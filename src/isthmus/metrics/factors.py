"""Whether one unit of the code stands for one known factor of the data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .rows import flat

__all__ = ["MutualInformationGap", "mutual_information_gap"]


class MutualInformationGap(NamedTuple):
    """What `mutual_information_gap` returns: the mean, each factor's own (K,), and the information, in nats, (d, K)."""

    value: float
    per_factor: np.ndarray
    information: np.ndarray


def mutual_information_gap(H: ArrayLike, factors: ArrayLike, bins: int = 20) -> MutualInformationGap:
    """Return the mutual information gap, (1/K) Σₖ (I(h₍₁₎; vₖ) − I(h₍₂₎; vₖ)) / H(vₖ) (Chen et al. 2018).

    h₍₁₎ and h₍₂₎ are the two units that know most of factor vₖ. 1 is one unit a factor and nothing of it in any other;
    0 is every factor in two units or more alike, or in none. Units are cut into bins of equal width and information is
    that of the table of counts (as Locatello et al. 2019 measure it), which is too large by about (bins − 1)(values −
    1) / 2N nats (Miller 1955). `bootstrap_interval` with ``paired=True`` gives its interval.

    Parameters
    ----------
    H : codes, (N, d) with two units or more.
    factors : known factors of the same rows, (N, K) or (N,); real-valued ones are cut into bins as units are.
    bins : bins of a unit.

    References
    ----------
    Ricky T. Q. Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders", 2018,
        https://arxiv.org/abs/1802.04942.
    Francesco Locatello et al., "Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations", 2019, https://arxiv.org/abs/1811.12359.
    George A. Miller, "Note on the bias of information estimates", in Information Theory in Psychology, 1955.

    >>> v = np.random.default_rng(0).integers(0, 3, size=(900, 2))
    >>> mutual_information_gap(v, v).value > 0.98
    True
    """
    from sklearn.metrics import mutual_info_score

    h, v = flat(H), flat(factors)
    if len(h) != len(v) or h.shape[1] < 2 or bins < 2:
        raise DataError(
            f"a gap needs codes (N, 2 or more), factors (N, K) and bins of 2 or more, got {h.shape}, {v.shape}, {bins}"
        )
    units = [_cut(unit, bins) for unit in h.T]
    values = [_cut(factor, bins) if (factor % 1).any() else np.unique(factor, return_inverse=True)[1] for factor in v.T]
    information = np.array([[mutual_info_score(unit, value) for value in values] for unit in units])
    entropy = np.array([mutual_info_score(value, value) for value in values])
    if not (entropy > 0).all():
        raise DataError(f"factor {int(np.argmin(entropy > 0))} has one value in all rows: nothing can be known of it")
    ordered = np.sort(information, axis=0)
    gaps = (ordered[-1] - ordered[-2]) / entropy
    return MutualInformationGap(float(gaps.mean()), gaps, information)


def _cut(values: np.ndarray, bins: int) -> np.ndarray:
    """Return which of so many bins of equal width each value lies in."""
    edges = np.histogram_bin_edges(values, bins)
    return np.asarray(np.digitize(values, edges[1:-1]))
