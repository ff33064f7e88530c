"""Mode coverage: the modes of a Gaussian mixture, or the classes of the data, that samples reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import labelled, same_width

__all__ = ["ClassCoverage", "ModeCoverage", "class_coverage", "mode_coverage"]


class ModeCoverage(NamedTuple):
    """The result of `mode_coverage`."""

    found: int
    total: int
    good: float
    reverse_kl: float


class ClassCoverage(NamedTuple):
    """The result of `class_coverage`."""

    found: int
    total: int
    reverse_kl: float
    standard_error: float


def mode_coverage(samples: ArrayLike, centres: ArrayLike, std: float) -> ModeCoverage:
    """Count the modes that samples reach, and the samples that reach a mode (Srivastava et al. 2017; Lin et al. 2018).

    A sample is good if it lies within three standard deviations of the nearest centre. A mode is found if it has at
    least one good sample. `reverse_kl` is Σₘ pₘ log(pₘ · total) in nats, the divergence of the modes' shares pₘ from
    equal shares, where every sample counts for its nearest mode, good or not (Lin et al. 2018, section 4, metrics).

    Parameters
    ----------
    samples : (N, ...).
    centres : the modes' centres, (total, ...).
    std : σ of every mode.

    References
    ----------
    Akash Srivastava et al., "VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning", 2017,
        https://arxiv.org/abs/1705.07761.
    Zinan Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018,
        https://arxiv.org/abs/1712.04086.

    >>> mode_coverage([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]], [[0, 0], [1, 0]], 0.05)[:3]
    (1, 2, 0.6666666666666666)
    """
    from scipy.stats import entropy
    from sklearn.neighbors import NearestNeighbors

    x, c = same_width(samples, centres)
    if not std > 0:
        raise DataError(f"std must be positive, got {std}")
    nearest = NearestNeighbors(n_neighbors=1).fit(c).kneighbors(x, return_distance=False)[:, 0]
    good = np.linalg.norm(x - c[nearest], axis=1) <= 3 * std
    share = np.bincount(nearest, minlength=len(c)) / len(x)
    return ModeCoverage(
        found=len(np.unique(nearest[good])),
        total=len(c),
        good=float(good.mean()),
        reverse_kl=float(entropy(share, np.full(len(c), 1 / len(c)))),
    )


def class_coverage(samples: ArrayLike, classify: Callable[..., ArrayLike], y: ArrayLike) -> ClassCoverage:
    """Count the classes that samples reach, and compare their frequencies with the data's (Srivastava et al. 2017).

    A classifier assigns a class to each sample. `found` is the number of classes with at least one sample. `reverse_kl`
    is Σ_c p_c log(p_c / q_c) in nats, the divergence of the samples' frequencies p from the data's q, as Lin et al.
    2018 measure it on Stacked MNIST. `standard_error` is that of `reverse_kl` by the delta method,
    s(log(p_c / q_c)) / √N. If samples and data have the same distribution, N samples of K classes give (K − 1) / 2N on
    average. The classifier's mistakes distort the result: compare it with that of held-out real rows.

    Parameters
    ----------
    samples : (N, ...).
    classify : a function of rows that returns their classes, such as ``small_classifier(X, y).labels``.
    y : the real rows' classes, (M,).

    References
    ----------
    Akash Srivastava et al., "VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning", 2017,
        https://arxiv.org/abs/1705.07761.
    Zinan Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018,
        https://arxiv.org/abs/1712.04086.

    >>> class_coverage([[0.0], [1.0]], lambda rows: [0, 0], [0, 0, 1, 1])[:2]
    (1, 2)
    """
    given = labelled(samples, classify(samples))
    classes, counts = np.unique(np.asarray(y), return_counts=True)
    unknown = np.setdiff1d(given, classes)
    if len(unknown):
        raise DataError(f"the classifier gave class {unknown[0]}, which no real row has")
    share = (given[:, None] == classes).mean(0)
    real = counts / counts.sum()
    reached = share > 0
    ratio = np.log(share[reached] / real[reached])
    reverse_kl = float((share[reached] * ratio).sum())
    variance = float((share[reached] * (ratio - reverse_kl) ** 2).sum())
    return ClassCoverage(int(reached.sum()), len(classes), reverse_kl, (variance / len(given)) ** 0.5)
