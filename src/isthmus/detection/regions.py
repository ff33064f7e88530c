"""Regions: what reasons speak of. The columns of a table, the spans of time of a series, the tiles of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..layout import layout_of
from ..look import Images, Series, look_of

__all__ = ["Regions"]

MOST_SPANS = 32
"""The spans that a series is cut into, at most."""

MOST_TILES_A_SIDE = 8
"""The tiles along each side of a picture, at most."""


@dataclass(frozen=True, eq=False)
class Regions:
    """A partition of a row's entries: those of a region are replaced, and named, together.

    Attributes
    ----------
    names : of each region.
    entries : of each region, its places in the flattened row.
    times : of each region of a series, its first time and the one after its last; None of rows that are no series.

    >>> walks = np.cumsum(np.random.default_rng(0).normal(size=(50, 100)), axis=1)
    >>> regions = Regions.of(walks)
    >>> len(regions.names), regions.names[1], regions.times[1], regions.entries[1].tolist()
    (25, 'time 4–7', (4, 8), [4, 5, 6, 7])
    """

    names: Sequence[str]
    entries: Sequence[np.ndarray]
    times: Sequence[tuple[int, int]] | None = None

    @classmethod
    def of(cls, rows: np.ndarray, names: Sequence[str] | None = None) -> Regions:
        """Return the regions of rows (N, ...): spans of series, tiles of pictures, and else each entry by itself.

        Parameters
        ----------
        rows : a few, by which series are told from tables.
        names : of a table's columns.
        """
        shape = rows.shape[1:]
        whole = rows[~np.isnan(rows.reshape(len(rows), -1)).any(axis=1)]
        look = look_of(whole, list(names) if names is not None else None) if len(whole) else None
        places = np.arange(math.prod(shape)).reshape(shape)
        if isinstance(look, Series):
            moments = torch.as_tensor(whole.mean(axis=0)), torch.as_tensor(whole.std(axis=0))
            channels = layout_of(shape, *moments).channel_axis
            axis = 0 if channels is None or len(shape) == 1 else 1 - channels
            cuts = _cuts(shape[axis], MOST_SPANS)
            inside = [np.take(places, range(*cut), axis).ravel() for cut in cuts]
            return cls([f"time {_called(*cut)}" for cut in cuts], inside, cuts)
        if isinstance(look, Images):
            tiles = [(a, b) for a in _cuts(shape[-2], MOST_TILES_A_SIDE) for b in _cuts(shape[-1], MOST_TILES_A_SIDE)]
            inside = [places[..., slice(*a), slice(*b)].ravel() for a, b in tiles]
            return cls([f"place {_called(*a)}, {_called(*b)}" for a, b in tiles], inside)
        if names is None and len(shape) > 1:
            names = [f"place {', '.join(map(str, place))}" for place in np.ndindex(shape)]
        return cls(
            [f"column {j}" for j in range(places.size)] if names is None else names,
            list(places.reshape(-1, 1)),
        )

    @property
    def single(self) -> bool:
        """Whether each region is one entry."""
        return all(len(entries) == 1 for entries in self.entries)

    def within(self, chosen: Sequence[int]) -> np.ndarray:
        """Return the entries of several regions."""
        return np.concatenate([self.entries[region] for region in chosen])

    def most(self, values: np.ndarray) -> np.ndarray:
        """Return the largest value in each region, (..., n) → (..., regions)."""
        largest: np.ndarray = np.stack([values[..., entries].max(axis=-1) for entries in self.entries], axis=-1)
        return largest

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return each region's value at each of its entries, (regions,) → (n,)."""
        out = np.zeros(sum(map(len, self.entries)))
        for entries, value in zip(self.entries, values, strict=True):
            out[entries] = value
        return out


def _cuts(length: int, at_most: int) -> list[tuple[int, int]]:
    """Return where equally long pieces of a length begin and end."""
    size = math.ceil(length / at_most)
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _called(start: int, stop: int) -> str:
    return f"{start}" if stop == start + 1 else f"{start}–{stop - 1}"
