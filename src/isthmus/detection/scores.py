"""Scores: how usual a row is, by whatever estimator or function there is."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing as take

from ..errors import CompositionError, DataError
from ..frames import some

__all__ = ["fit_trimmed", "scores_of"]


def fit_trimmed(estimator: Any, X: Any, share: float) -> tuple[Any, int]:
    """Return an estimator fitted on all rows but the oddest, and how many rows were left out.

    It is fitted on all rows first; those that score lowest are left out of a second fit.

    Parameters
    ----------
    estimator : cloned, not changed; what has no ``fit``, a function, is returned as it is.
    X : rows.
    share : of the rows that are left out; 0 is a single fit.
    """
    if not hasattr(estimator, "fit"):
        return estimator, 0
    fitted = clone(estimator).fit(X)
    scores = scores_of(fitted, X) if share else np.zeros(0)
    dropped = int(share * len(scores))
    if not dropped:
        return fitted, 0
    kept = np.sort(np.argsort(scores, kind="stable")[dropped:])
    return clone(estimator).fit(take(X, kept)), dropped


def scores_of(scorer: Any, X: Any) -> np.ndarray:
    """Return the score of each row, (N,) in float64: higher is more usual.

    Parameters
    ----------
    scorer : a fitted estimator with ``score_samples``, or failing that ``decision_function``, which is turned round for
        the detectors of PyOD, since there it is higher for odder rows; or a function of rows.

    Raises
    ------
    CompositionError : it has none of these.
    DataError : it does not return one number for each row.
    """
    name = type(scorer).__name__
    if hasattr(scorer, "score_samples"):
        scores = scorer.score_samples(X)
    elif hasattr(scorer, "decision_function"):
        sign = -1 if hasattr(scorer, "decision_scores_") else 1
        scores = sign * np.asarray(scorer.decision_function(X))
    elif callable(scorer):
        name = getattr(scorer, "__name__", name)
        scores = scorer(X)
    else:
        raise CompositionError(
            f"{name} cannot score rows: a detector needs score_samples, decision_function or a function"
        )
    found = np.asarray(scores, dtype=np.float64)
    if found.shape != (len(X),):
        raise DataError(f"{name} returned scores of shape {found.shape} for {len(X)} rows; one number a row is needed")
    if np.isnan(found).any():
        rows = np.flatnonzero(np.isnan(found))
        raise DataError(f"{name} returned NaN for {len(rows)} of {len(X)} rows: rows {some(rows.tolist())}")
    return found
