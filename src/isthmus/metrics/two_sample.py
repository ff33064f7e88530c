"""The two-sample test: whether a classifier can tell samples from real rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import same_width

__all__ = ["TwoSample", "two_sample_accuracy"]


class TwoSample(NamedTuple):
    """The result of `two_sample_accuracy`."""

    accuracy: float
    p_value: float
    auc: float


def two_sample_accuracy(real: ArrayLike, samples: ArrayLike, random_state: int = 0) -> TwoSample:
    """Return a classifier's held-out accuracy at telling samples from real rows, and its p-value.

    Equal numbers of samples and real rows are drawn; the classifier is trained on half of them and tested on the rest
    (Lopez-Paz & Oquab 2017, section 3). An accuracy of 0.5 means indistinguishable, 1 means perfectly distinguishable.
    The p-value is the one-sided P(Binomial(tested, ½) ≥ right), for equal distributions. The classifier is a forest of
    extremely randomised trees (Geurts et al. 2006) with at least five rows per leaf. `auc` is the area under its ROC
    curve, the probability that it ranks a sample above a real row (Hanley & McNeil 1982). It needs no threshold, and
    0.5 means indistinguishable here, too.

    Parameters
    ----------
    real, samples : (N, ...) and (M, ...), two rows or more each.
    random_state : the seed of the draw, the split and the forest.

    References
    ----------
    David Lopez-Paz and Maxime Oquab, "Revisiting Classifier Two-Sample Tests", 2017, https://arxiv.org/abs/1610.06545.
    Pierre Geurts, Damien Ernst and Louis Wehenkel, "Extremely randomized trees", 2006,
        https://doi.org/10.1007/s10994-006-6226-1.
    James A. Hanley and Barbara J. McNeil, "The meaning and use of the area under a receiver operating characteristic
        (ROC) curve", 1982, https://doi.org/10.1148/radiology.143.1.7063747.

    >>> two_sample_accuracy([[float(i)] for i in range(100)], [[float(-i)] for i in range(1, 101)]).accuracy > 0.9
    True
    """
    from scipy.stats import binomtest
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    x, s = same_width(real, samples)
    n = min(len(x), len(s))
    if n < 2:
        raise DataError(f"a two-sample test needs two rows or more, got {len(x)} and {len(s)}")
    generator = np.random.default_rng(random_state)
    rows = np.concatenate([kind[generator.permutation(len(kind))[:n]] for kind in (x, s)])
    train, test, labels, test_labels = train_test_split(
        rows, np.repeat([0, 1], n), test_size=0.5, stratify=np.repeat([0, 1], n), random_state=random_state
    )
    forest = ExtraTreesClassifier(min_samples_leaf=5, random_state=random_state)
    chances = forest.fit(train, labels).predict_proba(test)
    right = chances.argmax(1) == test_labels
    p_value = binomtest(int(right.sum()), len(right), alternative="greater").pvalue
    return TwoSample(float(right.mean()), float(p_value), float(roc_auc_score(test_labels, chances[:, 1])))
