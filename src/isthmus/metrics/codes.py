"""What codes are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._rows import flat, same_width

__all__ = ["active_units", "linear_probe"]


def linear_probe(H_train: Any, y_train: Any, H_test: Any, y_test: Any, C: float = 1.0) -> float:
    """Return the held-out accuracy of a logistic regression on standardised codes (Alain & Bengio 2017).

    Parameters
    ----------
    H_train, H_test : codes, (N, d).
    y_train, y_test : labels, (N,); real-valued ones are first cut into ten classes of equal size.
    C : the inverse of the regression's L2 penalty.

    >>> linear_probe([[-1.0], [-2.0], [1.0], [2.0]], [0, 0, 1, 1], [[-1.5], [1.5]], [0, 1])
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = same_width(H_train, H_test)
    y_train, y_test = np.asarray(y_train), np.asarray(y_test)
    if y_train.dtype.kind == "f":
        edges = np.quantile(y_train, np.linspace(0, 1, 11)[1:-1])
        y_train, y_test = np.digitize(y_train, edges), np.digitize(y_test, edges)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=5_000, tol=1e-3))
    return float(probe.fit(train, y_train).score(test, y_test))


def active_units(means: Any, threshold: float = 0.01) -> int:
    """Return how many units of the code are active, Var_x(E_q[zᵤ|x]) > threshold (Burda et al. 2016, section 5.2).

    >>> active_units([[0.0, 1.0], [0.001, -1.0]])
    1
    """
    return int((flat(means).var(axis=0) > threshold).sum())
