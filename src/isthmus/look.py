"""What rows look like to a reader: images, series or rows of a table; decided once, for every verdict and picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from .data import Column
from .layout import LONGEST_PICTURE, SMALLEST_PICTURE, layout_of, unit_axis
from .subsets import even_subset

__all__ = ["Images", "Look", "Rows", "Series", "look_of"]

SEEN_ROWS = 10_000
"""Rows that the decision and the columns' standard deviations rest on, at most."""

SERIES_LENGTH = 32
"""Numbers that a row must have to be shown as a series."""

SMOOTH = 0.5
"""Neighbours' mean squared difference over the variance within a row, below which a row is a series; noise has 2."""


@dataclass(frozen=True)
class Look:
    """How rows are shown.

    shape : of one row.
    names : of a table's columns.
    unit : what errors are divided by before features are compared, of a row's shape: a table's columns have units of
        their own and are divided by their standard deviation, as are the channels of windows; all other numbers of
        images and of series share one unit.
    limits : smallest and largest value, for black and white.
    centre : the mean row, flat and in comparable units, which stands for gaps; None where there are none.
    """

    shape: tuple[int, ...]
    names: list[str]
    unit: np.ndarray
    limits: tuple[float, float]
    centre: np.ndarray | None = None

    @property
    def n(self) -> int:
        """The number of features."""
        return math.prod(self.shape)

    def flat(self, X: np.ndarray) -> np.ndarray:
        """Return rows in comparable units, (N, n), float64; a gap becomes the mean."""
        scaled: np.ndarray = np.asarray(X, dtype=np.float64).reshape(len(X), -1) / self.unit.reshape(-1)
        return scaled if self.centre is None else np.where(np.isnan(scaled), self.centre, scaled)


class Images(Look):
    """Pictures, (H, W) or (C, H, W)."""


class Series(Look):
    """Numbers along one axis, such as time."""


@dataclass(frozen=True)
class Rows(Look):
    """Rows of a table, a name for each column.

    columns : what is known of each column, or () if nothing is.
    """

    columns: tuple[Column, ...] = ()

    @property
    def categories(self) -> list[int]:
        """The indices of columns that are categories."""
        return [i for i, column in enumerate(self.columns) if column.levels]


def look_of(X: np.ndarray, names: list[str] | None = None, columns: Sequence[Column] = ()) -> Look:
    """Decide how rows (N, ...) are shown; `names` are those of a table's columns, if it has any.

    Images are of one or three channels and no long strips. A row without names is a series where numbers next to each
    other are alike (von Neumann 1941).

    >>> rng = np.random.default_rng(0)
    >>> [type(look_of(x)).__name__ for x in (np.zeros((5, 28, 28)), rng.normal(size=(50, 40)))]
    ['Images', 'Rows']
    >>> type(look_of(np.cumsum(rng.normal(size=(50, 100)), axis=1))).__name__
    'Series'
    """
    x = np.asarray(X)
    shape = tuple(x.shape[1:])
    some = x[even_subset(len(x), SEEN_ROWS)].astype(np.float64)
    gaps = np.isnan(some)
    if gaps.any():
        mean = np.where(gaps, 0.0, some).sum(axis=0) / np.maximum(1, (~gaps).sum(axis=0))
        filled = look_of(np.where(gaps, mean, some), names, columns)
        return replace(filled, centre=(mean / filled.unit).reshape(-1))
    limits = (float(some.min()), float(some.max()))
    std = some.std(axis=0)
    moments = torch.as_tensor(some.mean(axis=0)), torch.as_tensor(std)
    layout = layout_of(shape, *moments)
    if layout.kind == "picture" and (layout.channel_axis is None or (layout.channel_axis == 0 and shape[0] in (1, 3))):
        h, w = shape[-2:]
        if min(h, w) >= SMALLEST_PICTURE and max(h, w) <= LONGEST_PICTURE * min(h, w):
            return Images(shape, [], np.ones(shape), limits)
    within = some.reshape(len(some), -1).var(axis=1)
    varies = within > 0
    if names is None and len(shape) == 1 and shape[0] >= SERIES_LENGTH and varies.any():
        steps = (np.diff(some, axis=1) ** 2).mean(axis=1)
        if np.median(steps[varies] / within[varies]) < SMOOTH:
            return Series(shape, [], np.ones(shape), limits)
    if names is None and len(shape) > 1:
        own, spread = unit_axis(*moments), np.ones(shape)
        if own is not None:
            shared = tuple(axis for axis in range(some.ndim) if axis != own + 1)
            spread = np.broadcast_to(some.std(axis=shared, keepdims=True)[0], shape)
        return Series(shape, [], np.where(spread > 0, spread, 1.0), limits)
    unit, centre = np.where(std > 0, std, 1.0), some.mean(axis=0)
    given = names or [f"x{i}" for i in range(math.prod(shape))]
    return Rows(shape, given, unit, limits, (centre / unit).reshape(-1), columns=tuple(columns))
