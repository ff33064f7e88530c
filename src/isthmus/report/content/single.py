"""What a single picture shows, for those who want one and not the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from . import MEASURED, SCORED, checked, codes, rows, some_of, traversals
from .codes import Colouring, Filters, LatentMap, Traversal
from .look import Look, feature_names, look_of, nameless, spread
from .rows import Reconstructions, Samples, Scores

__all__ = ["filters_of", "map_of", "reconstructions_of", "samples_of", "scores_of", "traversals_of"]


def reconstructions_of(estimator: Any, X: Any, seed: int) -> tuple[Reconstructions, Look]:
    """Return what to show of the reconstructions of rows."""
    x, index, look = _held(estimator, X, MEASURED, seed)
    with nameless():
        return rows.reconstructions(estimator, x, estimator.reconstruct(x), look, index, seed), look


def map_of(estimator: Any, X: Any, color: Any) -> tuple[LatentMap, Colouring | None]:
    """Return the map of codes and what it is coloured by."""
    x, labels = checked(estimator, X, color, "X")
    assert x is not None
    shown = spread(len(x), codes.MAP_POINTS)
    with nameless():
        latent = codes.latent_map(estimator.transform(x[shown]), shown, [])
    return latent, None if labels is None else codes.colouring("label", labels[shown])


def scores_of(estimator: Any, X: Any, X_train: Any, seed: int) -> Scores:
    """Return the scores of rows, or D(x) of rows and samples."""
    x, index, _ = _held(estimator, X, SCORED, seed)
    train, _ = checked(estimator, X_train, None, "X_train")
    with nameless():
        if hasattr(estimator, "score_samples"):
            return rows.scores(estimator, x, train, index)
        return rows.discriminations(estimator, x, estimator.sample(len(x), random_state=seed), index)


def samples_of(estimator: Any, X_train: Any, seed: int) -> tuple[Samples, Look]:
    """Return samples beside the training rows nearest to them."""
    train, _ = checked(estimator, X_train, None, "X_train")
    drawn = estimator.sample(SCORED, random_state=seed)
    look = look_of(drawn if train is None else train, feature_names(estimator, X_train))
    made = rows.samples(drawn, train, train, look, None)
    if made.sample_points is None and look.kind == "rows":
        _, points, axes = rows.cloud(drawn, drawn, look)
        made = replace(made, sample_points=points, axes=axes)
    return made, look


def traversals_of(estimator: Any, X: Any, seed: int) -> tuple[list[Traversal], Look]:
    """Return traversals about the mean code of X, or about a draw from the prior."""
    check_is_fitted(estimator, "model_")
    if X is not None:
        x, _, look = _held(estimator, X, MEASURED, seed)
        with nameless():
            H = estimator.transform(x) if hasattr(estimator, "transform") else None
    elif hasattr(estimator, "sample"):
        H, look = None, look_of(estimator.sample(SCORED, random_state=seed), feature_names(estimator))
    else:
        return [], look_of(np.zeros((1, *estimator.shape_)), feature_names(estimator))
    return traversals(estimator, H, look, seed)[0], look


def filters_of(estimator: Any) -> Filters | None:
    """Return the first layer's weights; whether rows are series is seen on decoded codes."""
    check_is_fitted(estimator, "model_")
    z = np.random.default_rng(0).normal(size=(SCORED, estimator.latent_dim_)).astype(np.float32)
    return codes.filters(estimator, look_of(codes.decoder_of(estimator)(z), feature_names(estimator)))


def _held(estimator: Any, X: Any, at_most: int, seed: int) -> tuple[np.ndarray, np.ndarray, Look]:
    """Return at most so many rows, which they are, and how they are shown."""
    x, _ = checked(estimator, X, None, "X")
    assert x is not None
    keep = some_of(x, at_most, seed)
    return x[keep], keep, look_of(x[keep], feature_names(estimator, X))
