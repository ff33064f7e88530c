"""Rows on their way into a fitted estimator's model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..errors import CompositionError
from ..training.data import as_tensor

__all__ = ["log_volume", "needs_posterior", "scaled_blocks", "values_at_once"]


def values_at_once(device: torch.device) -> int:
    """Return how many values a decoder had best return at once: what stays in a CPU's cache, what fills a GPU."""
    return 2**20 if device.type == "cpu" else 2**26


def scaled_blocks(estimator: Any, X: Any, draws: int) -> Iterator[Tensor]:
    """Yield rows in the model's units, in blocks whose reconstructions from so many draws each have a bounded size."""
    from ..estimators._rows import check_unit_interval  # estimators import metrics: a game's fit is watched by one

    model = estimator.model_
    rows = estimator._check_rows(X)
    if estimator.likelihood_.unit_interval:
        check_unit_interval(rows, float(model.scaling.scale))
    device = next(model.parameters()).device
    size = max(1, min(256, values_at_once(device) // (draws * math.prod(model.shape))))
    for start in range(0, len(rows), size):
        yield model.scaled(as_tensor(rows[start : start + size], device))


def log_volume(estimator: Any) -> float:
    """Return what a log-density of the model's loses in the data's units; a Bernoulli's probabilities lose nothing."""
    return 0.0 if estimator.likelihood_.unit_interval else float(estimator.model_.scaling.log_volume())


def needs_posterior(estimator: Any, what: str) -> None:
    """Raise `CompositionError` unless the estimator has a posterior with a density, and a prior."""
    posterior = estimator.model_.posterior
    if posterior is None or not posterior.has_density or estimator.model_.prior is None:
        raise CompositionError(
            f"{what} needs a prior and a posterior with a density; {type(estimator).__name__} has not"
        )
