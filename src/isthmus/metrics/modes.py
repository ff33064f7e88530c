"""Modes of a mixture of Gaussians that samples reach."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from ._rows import same_width

__all__ = ["ModeCoverage", "mode_coverage"]


class ModeCoverage(NamedTuple):
    """What `mode_coverage` returns."""

    found: int
    total: int
    good: float
    reverse_kl: float


def mode_coverage(samples: Any, centres: Any, std: float) -> ModeCoverage:
    """Count the modes that samples reach and the samples that reach one (Srivastava et al. 2017; Lin et al. 2018).

    A sample is good within three standard deviations of the nearest centre; a mode is found with at least one good
    sample; `reverse_kl` is Σₘ pₘ log(pₘ · total), KL(samples' share pₘ of each mode ‖ equal shares) in nats, every
    sample, good or not, counted for its nearest mode (Lin et al. 2018, section 4, metrics).

    Parameters
    ----------
    samples : (N, ...).
    centres : the modes' centres, (total, ...).
    std : σ of every mode.

    >>> mode_coverage([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]], [[0, 0], [1, 0]], 0.05)[:3]
    (1, 2, 0.6666666666666666)
    """
    from sklearn.neighbors import NearestNeighbors

    x, c = same_width(samples, centres)
    if not std > 0:
        raise DataError(f"std must be positive, got {std}")
    nearest = NearestNeighbors(n_neighbors=1).fit(c).kneighbors(x, return_distance=False)[:, 0]
    good = np.linalg.norm(x - c[nearest], axis=1) <= 3 * std
    share = np.bincount(nearest, minlength=len(c)) / len(x)
    reached = share[share > 0]
    return ModeCoverage(
        found=len(np.unique(nearest[good])),
        total=len(c),
        good=float(good.mean()),
        reverse_kl=float((reached * np.log(reached * len(c))).sum()),
    )
