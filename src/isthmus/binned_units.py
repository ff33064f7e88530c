"""Units of bins: the data's values, the bins that they lie in, and the way back; what a column may be, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import ndtri
from torch import Tensor

from .binning import BIN, ENTRY, GAP, HIGH, KIND, LEVEL, LOW, MASS, RESERVE, STEP
from .errors import DataError
from .scaling import Scaling
from .source import Source

__all__ = ["BinPlaces", "BinnedUnits", "ColumnDistribution"]


WAVES = 3
"""Cosines of a number's rank that an encoder looks at, beside its normal score."""


class BinPlaces:
    """Where the bins of every entry lie in a context, (..., total): entries with as many bins each lie together.

    Parameters
    ----------
    sizes : the number of bins of each entry.

    Attributes
    ----------
    order : the entries in the order in which their bins lie, (n,).
    first : where the bins of each entry begin, (n,).
    total : the number of all bins.

    >>> layout = BinPlaces([3, 2, 3])
    >>> layout.total, layout.order.tolist(), layout.first.tolist()
    (8, [1, 0, 2], [2, 0, 5])
    """

    def __init__(self, sizes: Sequence[int] | np.ndarray) -> None:
        self.sizes = np.asarray(sizes, dtype=np.int64)
        self.order = np.argsort(self.sizes, kind="stable")
        widths, counts = np.unique(self.sizes, return_counts=True)
        self.groups = [(int(count), int(width)) for count, width in zip(counts, widths, strict=True)]
        self.first = np.empty_like(self.sizes)
        self.first[self.order] = np.cumsum(self.sizes[self.order]) - self.sizes[self.order]
        self.total = int(self.sizes.sum())

    def places(self, entry: int) -> slice:
        """Return where the bins of one entry lie, in their order."""
        return slice(int(self.first[entry]), int(self.first[entry] + self.sizes[entry]))

    def blocks(self, x: Tensor) -> list[Tensor]:
        """Return x, (..., total), as one block (..., g, W) for each group of g entries with W bins each."""
        cut = torch.split_with_sizes(x, [count * width for count, width in self.groups], -1)
        return [block.reshape(*x.shape[:-1], *group) for block, group in zip(cut, self.groups, strict=True)]


class BinnedUnits(Scaling):
    """The data's values as bins: indicators, (N, total), all zero where a value is missing and no bin stands for that.

    The way back is each number's mean, Σ p(b) · mean of the bin, and each category's most likely level.

    Parameters
    ----------
    pieces : what the bins are made of (`binning.pieces_of`), of all entries one after the other.
    shape : the shape of one sample.
    """

    reads_gaps: ClassVar[bool] = True

    edges: Tensor
    pieces: Tensor
    upper: Tensor
    ends: Tensor
    drawn_share: Tensor
    centres: Tensor
    first: Tensor
    most: Tensor
    back: Tensor
    entry_of: Tensor
    is_level: Tensor
    is_gap: Tensor
    places: Tensor
    placed: Tensor
    has_gap: Tensor

    def __init__(self, pieces: np.ndarray, shape: tuple[int, ...]) -> None:
        one = torch.ones((), dtype=torch.float64)
        super().__init__(torch.zeros((), dtype=torch.float64), one, shape, discrete=True)
        starts = np.flatnonzero(np.diff(pieces[:, ENTRY], prepend=-1))
        self.spans = list(zip(starts.tolist(), [*starts[1:].tolist(), len(pieces)], strict=True))
        sizes = [int(pieces[b - 1, BIN]) + 1 for _, b in self.spans]
        self.layout = layout = BinPlaces(sizes)
        edges, centres = np.full((len(sizes), max(sizes)), np.inf), np.zeros(layout.total)
        entry_of, is_gap = np.empty(layout.total, np.int64), np.zeros(layout.total, bool)
        upper, ends, shares = (np.empty(len(pieces)) for _ in range(3))
        for i, (a, b) in enumerate(self.spans):
            _, bin_of, low, high, mass, kind, _ = pieces[a:b].T
            bin_of, places = bin_of.astype(int), layout.places(i)
            meets_point = np.r_[(low[1:] == high[1:]) & (low[1:] == high[:-1]) & (low[:-1] < high[:-1]), False]
            upper[a:b] = np.where(meets_point | np.isneginf(low), np.nextafter(high, -np.inf), high)
            edges[i, bin_of] = upper[a:b]  # that of a bin's last piece stays
            share = np.where(kind == RESERVE, 0.0, mass)
            share /= np.bincount(bin_of, share)[bin_of]
            so_far = np.cumsum(share)
            ends[a:b] = np.where(so_far > bin_of + 1 - 1e-9, bin_of + 1.0, so_far)  # a bin ends where the next begins
            shares[a:b] = share
            middle = np.where((kind == RESERVE) | (kind == GAP), 0.0, (low + high) / 2)
            centres[places], entry_of[places] = np.bincount(bin_of, share * middle), i
            is_gap[places.stop - 1] = kind[-1] == GAP
        first_kind = pieces[[a for a, _ in self.spans], KIND]
        has_gap, back = is_gap[layout.first + layout.sizes - 1], np.argsort(layout.order)
        bins = layout.sizes - has_gap
        is_placed = (first_kind != LEVEL) & (first_kind != GAP) & (bins > 1 + WAVES)  # few indicators say as much
        where = np.zeros((1 + WAVES, layout.total))
        for i in np.flatnonzero(is_placed).tolist():
            u = (np.arange(bins[i]) + 0.5) / bins[i]
            where[:, layout.first[i] : layout.first[i] + bins[i]] = np.stack(
                [ndtri(u), *(np.sqrt(2) * np.cos(np.pi * k * u) for k in range(1, 1 + WAVES))]
            )
        for name, values in {
            "edges": edges,
            "pieces": pieces,
            "upper": upper,
            "ends": ends,
            "drawn_share": shares,
            "centres": centres,
            "first": layout.first,
            "most": layout.sizes - 1,
            "back": back,
            "entry_of": entry_of,
            "is_level": first_kind == LEVEL,
            "is_gap": is_gap,
            "places": where,
            "placed": back[is_placed],
            "has_gap": has_gap,
        }.items():
            self.register_buffer(name, torch.as_tensor(np.ascontiguousarray(values), device="cpu"), persistent=False)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(total + k,): the indicators, and k numbers that say where among its bins each number lies."""
        return (self.layout.total + len(self.places) * len(self.placed),)

    def bins(self, x: Tensor) -> Tensor:
        """Return the bin that each value of x, (N, *shape), lies in, (N, n)."""
        x = x.reshape(-1, len(self.first)).to(self.edges.dtype)
        found = torch.searchsorted(self.edges, x.T.contiguous()).T
        return torch.where(x.isnan(), self.most, found.minimum(self.most - self.has_gap.to(torch.int64)).clamp(min=0))

    def bin_of(self, entry: int, x: Tensor) -> Tensor:
        """Return the bin that each value of one entry, (N,), lies in."""
        last = int(self.most[entry]) - int(self.has_gap[entry])
        return torch.searchsorted(self.edges[entry], x.contiguous()).clamp(max=last)

    def indicators(self, bins: Tensor, known: Tensor, dtype: torch.dtype) -> Tensor:
        """Return 1 at each entry's bin, (N, n) → (N, total), and 0 everywhere for an entry that is not known."""
        zeros = torch.zeros(len(bins), self.layout.total, dtype=dtype, device=bins.device)
        return zeros.scatter(1, self.first + bins, known.to(dtype))

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Map x (..., *shape) to indicators (..., total)."""
        known = self.has_gap | ~x.reshape(-1, len(self.first)).isnan()
        indicators = self.indicators(self.bins(x), known, dtype)
        return indicators.reshape(*x.shape[: x.ndim - len(self.shape)], self.layout.total)

    def inputs(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return the indicators, and where among its bins each number lies; all zero for an entry that is not observed.

        Indicators tell any two bins apart, and know of no order; the place does, so that what is learnt of a bin holds
        for its neighbours.
        """
        x = x if observed is None else x * observed.flatten(1).index_select(1, self.entry_of)
        blocks, places = self.layout.blocks(x), self.layout.blocks(self.places.to(x.dtype))
        at = [torch.einsum("ngw,kgw->ngk", block, place) for block, place in zip(blocks, places, strict=True)]
        return torch.cat([x, torch.cat(at, 1).index_select(1, self.placed).flatten(1)], 1)

    def through_linear(self, weight: Tensor) -> Tensor:
        """Return what an indicator of each bin adds to the output of a linear layer of `inputs`, (total, W).

        Parameters
        ----------
        weight : the layer's, (W, inputs or more).
        """
        total, waves = self.layout.total, len(self.places)
        added = weight[:, :total].T.clone()
        of_places = weight[:, total : total + waves * len(self.placed)].T
        slot = torch.full_like(self.back, -1).scatter(0, self.placed, torch.arange(len(self.placed)).to(self.placed))
        at = slot[self.back[self.entry_of]]
        rows = (at >= 0).nonzero()[:, 0]
        for wave, place in enumerate(self.places.to(weight.dtype)):
            added[rows] += place[rows, None] * of_places[at[rows] * waves + wave]
        return added

    def centre_at(self, met: Tensor, std: Tensor) -> None:
        """Leave indicators in place: what is hidden is zero."""

    def inverse(self, x: Tensor) -> Tensor:
        """Map probabilities of bins, (..., total), to each number's mean and each category's likeliest level."""
        x = torch.where(self.is_gap, 0.0, x.to(self.centres.dtype))
        found = []
        for p, value in zip(self.layout.blocks(x), self.layout.blocks(self.centres), strict=True):
            mean = (p * value).sum(-1) / p.sum(-1).clamp(min=torch.finfo(x.dtype).tiny)
            found.append((mean, value.expand_as(p).gather(-1, p.argmax(-1, keepdim=True)).squeeze(-1)))
        mean, likeliest = (torch.cat(side, -1).index_select(-1, self.back) for side in zip(*found, strict=True))
        x_hat = torch.where(self.is_level, likeliest, mean)
        return x_hat.reshape(*x_hat.shape[:-1], *self.shape)

    def in_data_units(self, log_p: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return the log-probabilities of rows' bins with those of their values within them, (N,)."""
        return log_p + self.log_share(x).sum(1).to(log_p.dtype)

    def drawn(self, x: Tensor, source: Source) -> Tensor:
        """Return values drawn within bins that were drawn, as indicators (N, total); NaN for a gap."""
        bins = torch.cat([block.argmax(-1) for block in self.layout.blocks(x)], -1).index_select(-1, self.back)
        return self.values(bins, source.uniform(bins.shape, self.edges))

    def example(self, u: Tensor) -> Tensor:
        """Return samples whose bins uniform numbers (N, *shape) choose; none is missing."""
        sizes = self.most + 1 - self.has_gap.to(torch.int64)
        bins = (u.flatten(1).to(self.edges) * sizes).long().minimum(sizes - 1)
        return self.centres[self.first + bins].reshape(-1, *self.shape)

    def log_share(self, x: Tensor) -> Tensor:
        """Return the log of each value's probability or density within its bin, (N, n), in the data's units."""
        x = x.reshape(-1, len(self.first)).to(self.edges.dtype)
        return torch.stack([self.log_share_of(i, x[:, i]) for i in range(x.shape[1])], 1)

    def log_share_of(self, entry: int, x: Tensor) -> Tensor:
        """Return the same of one entry's values, (N,)."""
        a, b = self.spans[entry]
        last = b - a - 1
        at = torch.searchsorted(self.upper[a:b], x.contiguous()).clamp(max=last)
        own = self.pieces[a:b][at]
        low, high, share = own[:, LOW], own[:, HIGH], own[:, MASS]
        spread = self.tail(entry)
        beyond = torch.where(low.isinf(), high - x, x - low)  # of a tail
        log_tail = -beyond / spread - math.log(spread)
        log_even = -torch.where(high > low, (high - low).log(), 0.0)
        log_density = torch.where(low.isinf() | high.isinf(), log_tail, log_even)
        unit = torch.where((own[:, STEP] > 0) & (high > low), own[:, STEP], 1.0)
        return torch.where(x.isnan() | (own[:, KIND] == GAP), 0.0, share.log() + log_density + unit.log())

    def tail(self, entry: int) -> float:
        """Return the mean excess of an entry's tails: a sixth of the range that was met, or 1 where there is none."""
        own = self.pieces[slice(*self.spans[entry])]
        finite = own[:, LOW : HIGH + 1].isfinite().all(1)
        width = float(own[finite, HIGH].max() - own[finite, LOW].min()) if finite.any() else 0.0
        return width / 6 or 1.0

    def values(self, bins: Tensor, u: Tensor) -> Tensor:
        """Return the value that lies a share u of the way through each bin's mass, (N, n) → (N, *shape); NaN for a gap.

        Uniform u draw from the distribution within the bins, in the data's units.
        """
        drawn = [self.values_within(i, bins[:, i], u[:, i]) for i in range(bins.shape[1])]
        return torch.stack(drawn, 1).reshape(-1, *self.shape)

    def values_within(self, entry: int, bins: Tensor, u: Tensor) -> Tensor:
        """Return the value that lies a share u, (N,), of the way through a bin's mass, for bins (N,) of one entry."""
        a, b = self.spans[entry]
        ends, shares = self.ends[a:b], self.drawn_share[a:b]
        place = (bins + u.clamp(max=1 - 1e-9)).contiguous()
        at = torch.searchsorted(ends, place, right=True)
        inside = (1 - (ends[at] - place) / shares[at]).clamp(0, 1)
        piece = self.pieces[a:b][at]
        low, high, step = piece[:, LOW], piece[:, HIGH], piece[:, STEP]
        value = torch.where(high > low, low + inside * (high - low), low)
        unit = torch.where(step > 0, step, 1.0)
        count = (value / unit + 0.5).floor().clamp((low / unit + 0.5).round(), (high / unit - 0.5).round())
        rounded = torch.where(unit < 1, count / (1 / unit).round(), count * unit)  # the nearest number to the decimals
        value = torch.where((step > 0) & (high > low), rounded, value)
        return torch.where(piece[:, KIND] == GAP, math.nan, value)


class ColumnDistribution:
    """What one column may be, a distribution for each row.

    Parameters
    ----------
    units : the bins.
    entry : which column.
    probabilities : of its bins, (N, W).

    Attributes
    ----------
    levels : a category's levels, (L,), in the order of `probabilities`; None for a number.
    probabilities : of a category's levels, (N, L), or of a number's bins, given that the value is not missing.
    missing : the probability that the value is missing, (N,); 0 where it never was in the fit.
    """

    def __init__(self, units: BinnedUnits, entry: int, probabilities: np.ndarray) -> None:
        p = np.asarray(probabilities, dtype=np.float64)
        has_gap = bool(units.has_gap[entry])
        self.missing = p[:, -1] if has_gap else np.zeros(len(p))
        p = p[:, :-1] if has_gap else p
        self.probabilities = p / p.sum(1, keepdims=True)
        self._units, self._entry = units, entry
        centres = units.centres.cpu().numpy()[units.layout.places(entry)][: p.shape[1]]
        self._centres = centres
        self.levels = centres if bool(units.is_level[entry]) else None

    def mean(self) -> np.ndarray:
        """Return the mean of a number, (N,)."""
        self._need_number("a mean")
        mean: np.ndarray = self.probabilities @ self._centres
        return mean

    def mode(self) -> np.ndarray:
        """Return the likeliest level of a category, (N,)."""
        if self.levels is None:
            raise DataError("a number has no likeliest level; ask for its mean or its quantiles")
        mode: np.ndarray = self.levels[self.probabilities.argmax(1)]
        return mode

    def quantile(self, q: ArrayLike) -> np.ndarray:
        """Return the quantiles of a number, (N,) for one q in [0, 1], (N, k) for k of them."""
        self._need_number("quantiles")
        q = np.asarray(q, dtype=np.float64)
        reached = self.probabilities.cumsum(1)
        reached /= reached[:, -1:]
        at = q.reshape(1, -1)
        bins = (at[:, :, None] > reached[:, None]).sum(2)
        here = np.take_along_axis(self.probabilities, bins, 1)
        inside = 1 - (np.take_along_axis(reached, bins, 1) - at) / np.maximum(here, 1e-300)
        device = self._units.edges.device
        found = self._units.values_within(
            self._entry,
            torch.as_tensor(bins.ravel(), device=device),
            torch.as_tensor(inside.clip(0, 1).ravel()).to(self._units.edges),
        )
        quantiles: np.ndarray = found.cpu().numpy().reshape(len(self.probabilities), *q.shape)
        return quantiles

    def log_prob(self, values: ArrayLike) -> np.ndarray:
        """Return the log of each row's probability or density of a value, (N,), given that it is not missing."""
        x = torch.as_tensor(np.asarray(values, dtype=np.float64)).to(self._units.edges)
        x = x.expand(len(self.probabilities)).contiguous()
        bins = self._units.bin_of(self._entry, x).cpu().numpy()
        with np.errstate(divide="ignore"):
            log_p: np.ndarray = np.log(self.probabilities[np.arange(len(bins)), bins])
        log_p += self._units.log_share_of(self._entry, x).cpu().numpy()
        return log_p

    def _need_number(self, what: str) -> None:
        if self.levels is not None:
            raise DataError(f"a category has no {what.removeprefix('a ')}; its levels have probabilities")
