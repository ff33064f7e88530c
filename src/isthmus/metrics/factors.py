"""Disentanglement: whether each known factor of the data is carried by one unit of the code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import flat

__all__ = ["MutualInformationGap", "mutual_information_gap"]


class MutualInformationGap(NamedTuple):
    """The result of `mutual_information_gap`: the mean gap, each factor's gap (K,), and information in nats (d, K)."""

    value: float
    per_factor: np.ndarray
    information: np.ndarray


def mutual_information_gap(H: ArrayLike, factors: ArrayLike, bins: int = 20) -> MutualInformationGap:
    """Return the mutual information gap, (1/K) Σₖ (I(h₍₁₎; vₖ) − I(h₍₂₎; vₖ)) / H(vₖ) (Chen et al. 2018).

    h₍₁₎ and h₍₂₎ are the two units with the most information about factor vₖ. The gap is 1 if a single unit determines
    each factor and no other unit depends on it. It is 0 if two or more units carry each factor equally, or none does.
    Units are cut into bins of equal width, and the information is that of the table of counts, as in Locatello et al.
    2019. This estimate is too large by about (bins − 1)(values − 1) / 2N nats (Miller 1955). For an interval, use
    `bootstrap_interval` with ``paired=True``.

    Parameters
    ----------
    H : codes, (N, d), with two units or more.
    factors : known factors of the same rows, (N, K) or (N,). Real-valued factors are cut into bins, like units.
    bins : the number of bins per unit.

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
        raise DataError(f"factor {int(np.argmin(entropy > 0))} has the same value in all rows; leave it out")
    ordered = np.sort(information, axis=0)
    gaps = (ordered[-1] - ordered[-2]) / entropy
    return MutualInformationGap(float(gaps.mean()), gaps, information)


def _cut(values: np.ndarray, bins: int) -> np.ndarray:
    """Return the index of each value's bin, among `bins` bins of equal width."""
    edges = np.histogram_bin_edges(values, bins)
    return np.asarray(np.digitize(values, edges[1:-1]))
