"""The quality of codes."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import flat, labelled, same_width

__all__ = ["active_units", "knn_accuracy", "linear_probe"]


def linear_probe(
    H_train: ArrayLike,
    y_train: ArrayLike,
    H_test: ArrayLike,
    y_test: ArrayLike,
    C: float = 1.0,
    *,
    max_rows: int | None = None,
    random_state: int = 0,
) -> float:
    """Return the held-out accuracy of a logistic regression on standardised codes.

    p(y = c|h) = softmax(W h + b)_c, fitted with an L2 penalty ‖W‖² / 2C (Alain & Bengio 2017).

    Parameters
    ----------
    H_train, H_test : codes, (N, d) and (M, d).
    y_train, y_test : labels, (N,) and (M,). Real-valued labels are first cut into ten classes of equal size.
    C : the inverse strength of the L2 penalty. Smaller values fit faster, and suit wide codes of few rows.
    max_rows : the largest number of rows to train on, drawn at random; None uses all.
    random_state : the seed of that draw.

    References
    ----------
    Guillaume Alain and Yoshua Bengio, "Understanding intermediate layers using linear classifier probes", 2017,
        https://arxiv.org/abs/1610.01644.

    >>> linear_probe([[-1.0], [-2.0], [1.0], [2.0]], [0, 0, 1, 1], [[-1.5], [1.5]], [0, 1])
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = same_width(H_train, H_test)
    labels, test_labels = _classes(labelled(train, y_train), labelled(test, y_test))
    if max_rows is not None and max_rows < len(train):
        chosen = np.random.default_rng(random_state).choice(len(train), max_rows, replace=False)
        train, labels = train[chosen], labels[chosen]
    if len(np.unique(labels)) < 2:
        raise DataError(f"a probe needs labels of two classes or more, all {len(labels)} training rows have one")
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=5_000, tol=1e-3))
    return float(probe.fit(train, labels).score(test, test_labels))


def knn_accuracy(H_train: ArrayLike, y_train: ArrayLike, H_test: ArrayLike, y_test: ArrayLike, k: int = 5) -> float:
    """Return the held-out accuracy of a vote among the k nearest training codes (Cover & Hart 1967).

    ŷ(h) = argmax_c Σᵢ [yᵢ = c] over the k training codes nearest to h. Codes are not standardised: that would weigh a
    unit without information as much as any other.

    Parameters
    ----------
    H_train, H_test : codes, (N, d) and (M, d).
    y_train, y_test : labels, (N,) and (M,). Real-valued labels are first cut into ten classes of equal size.
    k : the number of neighbours that vote.

    References
    ----------
    Thomas M. Cover and Peter E. Hart, "Nearest neighbor pattern classification", 1967,
        https://doi.org/10.1109/TIT.1967.1053964.

    >>> knn_accuracy([[-1.0], [-2.0], [1.0], [2.0]], [0, 0, 1, 1], [[-1.5], [1.5]], [0, 1], k=1)
    1.0
    """
    from sklearn.neighbors import KNeighborsClassifier

    train, test = same_width(H_train, H_test)
    labels, test_labels = _classes(labelled(train, y_train), labelled(test, y_test))
    if not 1 <= k <= len(train):
        raise DataError(f"k must lie between 1 and the {len(train)} training rows, got {k}")
    return float(KNeighborsClassifier(k).fit(train, labels).score(test, test_labels))


def _classes(y_train: np.ndarray, y_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as classes: real values by the decile of the training values, all others unchanged."""
    if y_train.dtype.kind != "f" or not (y_train % 1).any():
        return y_train, y_test
    edges = np.quantile(y_train, np.linspace(0, 1, 11)[1:-1])
    return np.digitize(y_train, edges), np.digitize(y_test, edges)


def active_units(means: ArrayLike, threshold: float = 0.01) -> int:
    """Return the number of active units, those with Aᵤ = Cov_x(E_q[zᵤ|x]) > threshold (Burda et al. 2016, section 5.2).

    Parameters
    ----------
    means : E_q[z|x], the posteriors' means, (N, d).
    threshold : 0.01 as in the paper, whose prior has variance 1.

    References
    ----------
    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
        https://arxiv.org/abs/1509.00519.

    >>> active_units([[0.0, 1.0], [0.001, -1.0]])
    1
    """
    return int((flat(means).var(axis=0) > threshold).sum())
