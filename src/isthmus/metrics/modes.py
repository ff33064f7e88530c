"""Modes of a mixture of Gaussians that samples reach."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

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
    sample; `reverse_kl` is KL(samples' share of each mode ‖ equal shares), every sample counted for its nearest mode.

    >>> mode_coverage([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]], [[0, 0], [1, 0]], 0.05)[:3]
    (1, 2, 0.6666666666666666)
    """
    x, c = same_width(samples, centres)
    distance = np.sqrt(((x[:, None] - c[None]) ** 2).sum(-1))
    nearest = distance.argmin(1)
    good = distance.min(1) <= 3 * std
    share = np.bincount(nearest, minlength=len(c)) / len(x)
    reached = share[share > 0]
    return ModeCoverage(
        found=len(np.unique(nearest[good])),
        total=len(c),
        good=float(good.mean()),
        reverse_kl=float((reached * np.log(reached * len(c))).sum()),
    )
