"""What samples look like to a reader: pictures, series or rows of a table; decided once, used by every section."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Look", "feature_names", "is_image", "look_of", "nameless", "spread"]

SERIES_LENGTH = 32
"""Rows of fewer numbers are never taken for a series."""

SMOOTH = 0.5
"""Neighbours' mean squared difference over the variance within a row, below which a row is a series; noise has 2."""


@dataclass(frozen=True)
class Look:
    """How samples are shown.

    kind : ``"images"``, ``"series"`` or ``"rows"``.
    shape : of one sample.
    names : of the features, for rows.
    unit : what errors are divided by before features are compared, of a sample's shape: a row's features have
        units of their own and are divided by their standard deviation; the numbers of images and series share one.
    limits : smallest and largest value, for black and white.
    """

    kind: str
    shape: tuple[int, ...]
    names: list[str]
    unit: np.ndarray
    limits: tuple[float, float]

    @property
    def n(self) -> int:
        """The number of features."""
        return math.prod(self.shape)

    def flat(self, X: np.ndarray) -> np.ndarray:
        """Return samples in comparable units, (N, n), float64."""
        scaled: np.ndarray = np.asarray(X, dtype=np.float64).reshape(len(X), -1) / self.unit.reshape(-1)
        return scaled


def look_of(X: np.ndarray, names: list[str] | None = None) -> Look:
    """Decide how samples (N, ...) are shown; `names` are those of a table's columns, if it has any.

    >>> look_of(np.zeros((5, 28, 28))).kind, look_of(np.random.default_rng(0).normal(size=(50, 40))).kind
    ('images', 'rows')
    >>> look_of(np.cumsum(np.random.default_rng(0).normal(size=(50, 100)), axis=1)).kind
    'series'
    """
    x = np.asarray(X)
    shape = tuple(x.shape[1:])
    sample = x[spread(len(x), 1_000)].astype(np.float64)
    limits = (float(sample.min()), float(sample.max()))
    if is_image(shape):
        return Look("images", shape, [], np.ones(shape), limits)
    if names is None and (len(shape) > 1 or _is_series(sample)):
        return Look("series", shape, [], np.ones(shape), limits)
    std = sample.std(axis=0)
    unit = np.where(std > 0, std, 1.0)
    return Look("rows", shape, names or [f"x{i}" for i in range(math.prod(shape))], unit, limits)


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether samples of a shape are pictures: (H, W), or (C, H, W) of one or three channels, not too long a strip."""
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 3)):
        return False
    h, w = shape[-2:]
    return min(h, w) >= 4 and max(h, w) <= 8 * min(h, w)


def _is_series(sample: np.ndarray) -> bool:
    """Whether numbers next to each other in a row are alike (von Neumann 1941), as along an axis of time."""
    if sample.shape[1] < SERIES_LENGTH:
        return False
    steps = (np.diff(sample, axis=1) ** 2).mean(axis=1)
    within = sample.var(axis=1)
    varies = within > 0
    return bool(varies.any() and np.median(steps[varies] / within[varies]) < SMOOTH)


def spread(n: int, at_most: int) -> np.ndarray:
    """Return the indices of at most so many of n rows, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).round().astype(np.int64))


@contextmanager
def nameless() -> Iterator[None]:
    """Let arrays of a frame's rows, whose names were checked already, pass without a warning that they have none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield


def feature_names(estimator: Any, X: Any = None) -> list[str] | None:
    """Return the names of a table's columns, as they were fitted or as X names them, if they have names."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = getattr(X, "columns", None)
    return None if names is None else [str(name) for name in names]
