"""What rows look like to a reader: images, series or rows of a table; decided once, for every verdict and picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from .data import Column
from .layout import LONGEST_PICTURE, SMALLEST_PICTURE, Layout, layout_of, unit_axis
from .subsets import even_subset

__all__ = ["Images", "Look", "Rows", "Series", "look_of"]

SEEN_ROWS = 10_000
"""Rows that the decision and the columns' standard deviations rest on, at most."""

SERIES_LENGTH = 32
"""Numbers that a row must have to be shown as a series."""

SMOOTH = 0.5
"""Neighbours' mean squared difference over the variance within a row, below which a row is a series; noise has 2."""


CHANNELS_SHOWN = 4
"""Channels that are shown beside each other, at most, taken evenly from all."""

COLOURS = 3
"""Channels that are shown as red, green and blue."""


@dataclass(frozen=True)
class Look:
    """How rows are shown.

    shape : of one row.
    names : of a table's columns.
    unit : what errors are divided by before features are compared, of a row's shape: a table's columns have units of
        their own and are divided by their standard deviation, as are the channels of windows; all other numbers of
        images and of series share one unit.
    limits : smallest and largest value, each of a row's shape: of the feature's own channel where channels have units
        of their own, else of all features.
    layout : what the axes of a row are.
    centre : the mean row, flat and in comparable units, which stands for gaps; None where there are none.
    """

    shape: tuple[int, ...]
    names: list[str]
    unit: np.ndarray
    limits: tuple[np.ndarray, np.ndarray]
    layout: Layout
    centre: np.ndarray | None = None

    @property
    def n(self) -> int:
        """The number of features."""
        return math.prod(self.shape)

    @property
    def one_unit(self) -> bool:
        """Whether all features share one unit."""
        return bool((self.unit == 1).all())

    @property
    def unit_name(self) -> str:
        """What the unit of comparable numbers is called."""
        return "the data's units" if self.one_unit else "standard deviations of each channel"

    @property
    def channels_shown(self) -> np.ndarray:
        """The channels that are shown, by their place."""
        return even_subset(self.layout.channels_first(self.shape)[0], CHANNELS_SHOWN)

    def flat(self, X: np.ndarray) -> np.ndarray:
        """Return rows in comparable units, (N, n), float64; a gap becomes the mean."""
        scaled: np.ndarray = np.asarray(X, dtype=np.float64).reshape(len(X), -1) / self.unit.reshape(-1)
        return scaled if self.centre is None else np.where(np.isnan(scaled), self.centre, scaled)

    def shades(self, X: np.ndarray) -> np.ndarray:
        """Return where values lie between the limits, from 0 to 1, of the shape of X."""
        low, high = self.limits
        x = np.asarray(X, dtype=np.float64)
        shades: np.ndarray = np.clip((x - low) / np.where(high > low, high - low, 1.0), 0, 1)
        return shades

    def by_channel(self, X: np.ndarray) -> np.ndarray:
        """Return rows with their channels in front, (N, C, ...); a row without channels has one."""
        x, axis = np.asarray(X).reshape(-1, *self.shape), self.layout.channel_axis
        return x[:, None] if axis is None else np.moveaxis(x, axis + 1, 1)

    def _some_channels(self, thing: str) -> str:
        """Return in words which channels are shown, or nothing where there is one."""
        all_of_them, shown = self.layout.channels_first(self.shape)[0], [str(c) for c in self.channels_shown]
        if all_of_them == 1:
            return ""
        if len(shown) == all_of_them:
            return f"Each {thing} has {all_of_them} channels, which are shown one by one."
        return f"Of the {all_of_them} channels of each {thing}, {', '.join(shown[:-1])} and {shown[-1]} are shown."


class Images(Look):
    """Pictures, and volumes, of which the middle slices are shown; channels stand first or last."""

    @property
    def note(self) -> str:
        """What is shown of each, where that is not all."""
        if self.layout.kind == "volume":
            slices = "Of each volume the slices through its middle are shown: along depth, height and width."
            return f"{slices} {self._some_channels('volume')}".strip()
        return "" if self.layout.channels_first(self.shape)[0] == COLOURS else self._some_channels("picture")

    def tiles(self, X: np.ndarray) -> np.ndarray:
        """Return rows as pictures, (N, H, W), or (N, H, W, 3) in colour.

        Slices and channels, if there are more than the three colours, stand side by side with a line of zeros between
        them, and zeros beneath those that are lower than others.
        """
        x = self.by_channel(X)
        if self.layout.kind == "picture" and x.shape[1] in (1, COLOURS):
            return x[:, 0] if x.shape[1] == 1 else np.moveaxis(x, 1, -1)
        planes: list[np.ndarray] = []
        for channel in self.channels_shown:
            of = x[:, channel]
            if self.layout.kind == "volume":
                d, h, w = (length // 2 for length in of.shape[1:])
                planes += [of[:, d], of[:, :, h], of[:, :, :, w]]
            else:
                planes.append(of)
        height = max(plane.shape[1] for plane in planes)
        beside = [np.pad(p, ((0, 0), (0, height - p.shape[1]), (0, 1))) for p in planes]
        return np.concatenate(beside, axis=2)[:, :, :-1]

    def planes(self, X: np.ndarray) -> np.ndarray:
        """Return rows as pictures of one channel, (N, K, H, W): each channel, and of a volume each slice."""
        x = self.by_channel(X)
        return x.reshape(len(x), -1, *x.shape[-2:])


class Series(Look):
    """Numbers along one axis, such as time, perhaps of several channels."""

    @property
    def note(self) -> str:
        """What is shown of each, where that is not all."""
        return self._some_channels("series")

    def curves(self, X: np.ndarray) -> np.ndarray:
        """Return rows as curves in the data's units, (N, channels shown, length)."""
        x = self.by_channel(X)
        return x.reshape(len(x), x.shape[1], -1)[:, self.channels_shown].astype(np.float64)


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

    @property
    def unit_name(self) -> str:
        return "standard deviations"


def look_of(X: np.ndarray, names: list[str] | None = None, columns: Sequence[Column] = ()) -> Look:
    """Decide how rows (N, ...) are shown; `names` are those of a table's columns, if it has any.

    Images are pictures that are no long strips, and volumes. A row without names is a series where numbers next to each
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
    std = some.std(axis=0)
    moments = torch.as_tensor(some.mean(axis=0)), torch.as_tensor(std)
    layout, own = layout_of(shape, *moments), unit_axis(*moments) if len(shape) > 1 else None
    shared = tuple(axis for axis in range(some.ndim) if own is None or axis != own + 1)
    limits = tuple(np.broadcast_to(end(axis=shared, keepdims=True)[0], shape) for end in (some.min, some.max))
    spread = np.broadcast_to(1.0 if own is None else some.std(axis=shared, keepdims=True)[0], shape)
    alike = Look(shape, [], np.where(spread > 0, spread, 1.0), (limits[0], limits[1]), layout)
    size = layout.channels_first(shape)[1:]
    strip = min(size) < SMALLEST_PICTURE or max(size) > LONGEST_PICTURE * min(size)
    if layout.kind == "volume" or (layout.kind == "picture" and not strip):
        return Images(**vars(alike))
    within = some.reshape(len(some), -1).var(axis=1)
    varies = within > 0
    if names is None and len(shape) == 1 and shape[0] >= SERIES_LENGTH and varies.any():
        steps = (np.diff(some, axis=1) ** 2).mean(axis=1)
        if np.median(steps[varies] / within[varies]) < SMOOTH:
            return Series(**vars(alike))
    if names is None and len(shape) > 1:
        return Series(**vars(alike))
    unit, centre = np.where(std > 0, std, 1.0), some.mean(axis=0)
    own_names = {"names": names or [f"x{i}" for i in range(math.prod(shape))], "unit": unit}
    return Rows(**vars(alike) | own_names | {"centre": (centre / unit).reshape(-1), "columns": tuple(columns)})
