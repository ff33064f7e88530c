"""What a detector says of rows, from scoring them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..data import Category
from ..errors import DataError
from ..rows import check_weights
from ..source import ByRow, row_seeds

__all__ = ["Judgement", "flat_rows", "levels_of", "tie_breakers", "weights_of"]


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a detector says of N rows.

    Attributes
    ----------
    rows : as numbers, (N, ...).
    scores : by each model, (K, N); higher is more usual.
    weights : w(x), (N,), or None.
    u : what ties are broken by, (N,), or None.
    p_values : (N,).
    alarms : (N,) of truth values.
    level : p-values up to this raise an alarm.
    """

    rows: np.ndarray
    scores: np.ndarray
    weights: np.ndarray | None
    u: np.ndarray | None
    p_values: np.ndarray
    alarms: np.ndarray
    level: float

    @property
    def mean_scores(self) -> np.ndarray:
        """The mean of the models' scores, (N,)."""
        mean: np.ndarray = self.scores.mean(0)
        return mean


def flat_rows(rows: np.ndarray) -> np.ndarray:
    """Return rows as (N, n) in float64."""
    flat: np.ndarray = rows.reshape(len(rows), -1).astype(np.float64)
    return flat


def levels_of(estimator: Any) -> list[int] | None:
    """Return how many levels each column of the fit has, 0 for a number; None if all are numbers."""
    schema = getattr(estimator, "schema_", None)
    if schema is None:
        return None
    return [column.levels if isinstance(column, Category) else 0 for column in schema.columns]


def tie_breakers(rows: np.ndarray, seed: int) -> np.ndarray:
    """Return a number in (0, 1) for each row, a function of the row and of the seed alone, (N,)."""
    flat = torch.as_tensor(flat_rows(rows) + 0.0)  # −0 is 0
    u: np.ndarray = ByRow(row_seeds(flat) ^ seed, range(1)).uniform((1, len(rows)), flat)[0].numpy()
    return u


def weights_of(weight: Any, X: Any) -> np.ndarray | None:
    """Return w(x) of rows, (N,), or None where all weigh the same."""
    if weight is None:
        return None
    weights = check_weights(weight(X), len(X))
    if weights is not None and not (weights > 0).all():
        raise DataError(f"weight must be positive; row {int(np.flatnonzero(weights <= 0)[0])} has 0")
    return weights
