"""A mean over rows with its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..typing import ArrayLike
from .rows import flat

__all__ = ["Estimate", "mean_of_rows"]


class Estimate(NamedTuple):
    """A mean over rows, its standard error, and the rows' own values (N,)."""

    value: float
    standard_error: float
    rows: np.ndarray


def mean_of_rows(values: ArrayLike) -> Estimate:
    """Return the mean of independent values with its standard error, s / √N; for a single row the error is NaN.

    Parameters
    ----------
    values : one value per row, (N,).

    >>> mean_of_rows([1.0, 3.0])[:2]
    (2.0, 1.0)
    """
    rows = flat(values)[:, 0]
    error = float(rows.std(ddof=1) / np.sqrt(len(rows))) if len(rows) > 1 else float("nan")
    return Estimate(float(rows.mean()), error, rows)
