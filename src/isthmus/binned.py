r"""The binned likelihood: every entry of a sample is a category over its own bins, whatever kind of column it is.

p(xⱼ|z) = softmax(contextⱼ)[b] · share(xⱼ | b), where b is the bin that xⱼ lies in: the network says which bin, and how
values are spread within a bin is what it was over all training rows (`binning`). No shape of distribution is assumed,
so that zeros, whole numbers, several modes and gaps come out as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from .binned_units import BinnedUnits, BinPlaces
from .binning import BIN, ENTRY, KIND, LEVEL, LOW, check_pieces, pieces_of
from .distributions import draw
from .errors import CompositionError, DataError
from .facts import Facts
from .likelihood import Likelihood
from .scaling import Scaling
from .source import Source

__all__ = ["Binned", "Bins"]


class Bins(Distribution):
    """Independent categories, one an entry, drawn and scored as indicators: 1 for the bin that is met, else 0.

    Parameters
    ----------
    context : unnormalised log-probabilities, (..., total).
    layout : where they lie.
    shape : the shape of one sample.
    back : the place of each entry among the groups' entries.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, context: Tensor, layout: BinPlaces, shape: tuple[int, ...], back: Tensor) -> None:
        self.context, self.layout, self.shape, self.back = context, layout, shape, back
        super().__init__(context.shape[:-1], torch.Size((layout.total,)), validate_args=False)

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Log p of every bin, (..., total)."""
        blocks = [block.log_softmax(-1).flatten(-2) for block in self.layout.blocks(self.context)]
        return torch.cat(blocks, -1) if len(blocks) > 1 else blocks[0]

    def of_entry(self, entry: int) -> Tensor:
        """Return log p of one entry's bins, (..., W), which does not cost what all of them do."""
        return self.context[..., self.layout.places(entry)].log_softmax(-1)

    @property
    def mean(self) -> Tensor:
        """The probability of every bin."""
        return self.log_probabilities.exp()

    @property
    def variance(self) -> Tensor:
        """That of an indicator, p(1 − p)."""
        return self.mean * (1 - self.mean)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of the bins that are met, (...)."""
        return (self.log_probabilities * value).sum(-1)

    def entries(self, value: Tensor) -> Tensor:
        """Return the log-probability of every entry, (..., *shape)."""
        sums = [block.sum(-1) for block in self.layout.blocks(self.log_probabilities * value)]
        entries = torch.cat(sums, -1).index_select(-1, self.back)
        return entries.reshape(*entries.shape[:-1], *self.shape)


@draw.register
def _(p: Bins, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    u = source.uniform((*shape, *p.batch_shape, len(p.layout.sizes)), p.log_probabilities)
    met, start = [], 0
    for block in p.layout.blocks(p.mean):
        count, width = block.shape[-2:]
        below = (u[..., start : start + count, None] >= block.cumsum(-1)).sum(-1, keepdim=True).clamp(max=width - 1)
        met.append((below == torch.arange(width, device=u.device)).to(u.dtype).flatten(-2))
        start += count
    return torch.cat(met, -1)


class Binned(Likelihood):
    r"""p(x|z) = Πⱼ p(bⱼ|z) · share(xⱼ | bⱼ): a category over the bins of every entry, b those that x lies in.

    A number's bins have about equal mass, and a value that outweighs its share is a bin of its own; a category's bins
    are its levels; a column with gaps has a bin for them. Compare Hugo Larochelle and Iain Murray, "The Neural
    Autoregressive Distribution Estimator", 2011, https://proceedings.mlr.press/v15/larochelle11a.html, for ordered bins
    as categories Aaron van den Oord, Nal Kalchbrenner and Koray Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
    https://arxiv.org/abs/1601.06759.

    Parameters
    ----------
    bins : how many bins a number has, about.
    categories : which entries are categories, whatever their values.
    pieces : what the bins are made of; None is learnt in the fit.
    """

    bins: int = 64
    categories: Sequence[int] = ()
    pieces: np.ndarray | None = None

    def check(self) -> None:
        self.require_count("bins", self.bins)
        if self.pieces is not None:
            check_pieces(self.pieces)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        learnt = "" if self.pieces is None else f"<{len(self.pieces)} pieces>"
        named = {"bins": self.bins, "categories": tuple(self.categories)}
        said = [f"{name}={value}" for name, value in named.items() if value != getattr(type(self)(), name)]
        return f"Binned({', '.join(said + [f'pieces={learnt}'] * bool(learnt))})"

    def of(self, facts: Facts) -> Binned:
        """Return the same with the pieces of these data."""
        if self.pieces is not None or facts.entry is None:
            return self
        wrong = [i for i in self.categories if not 0 <= i < facts.features]
        self.require(not wrong, f"categories names entry {wrong[:1]}, samples have {facts.features}")
        known = [column.levels for column in facts.columns] if facts.columns else [0] * facts.features
        found = [
            pieces_of(i, *facts.entry(i), bins=self.bins, levels=0 if i in self.categories else known[i] or None)
            for i in range(facts.features)
        ]
        return Binned(self.bins, self.categories, np.concatenate(found))

    def known(self) -> np.ndarray:
        """Return the pieces.

        Raises
        ------
        CompositionError : no data were looked at yet.
        """
        if self.pieces is None:
            raise CompositionError("Binned: the bins are learnt from data; fit first, or give pieces")
        return self.pieces

    def sizes(self) -> np.ndarray:
        """Return the number of bins of every entry."""
        pieces = self.known()
        last = np.flatnonzero(np.diff(pieces[:, ENTRY], append=math.inf))
        sizes: np.ndarray = pieces[last, BIN].astype(np.int64) + 1
        return sizes

    def width(self, facts: Facts) -> int:
        """Return the number of bins of all entries."""
        return int(self.sizes().sum())

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that turns a context (..., total) into `Bins`."""
        return _Contexts(BinPlaces(self.sizes()), facts.shape)

    def units(self, facts: Facts) -> Scaling:
        """Return the map from values to indicators of bins."""
        return BinnedUnits(self.known(), facts.shape)

    def plain_units(self, facts: Facts) -> Scaling:
        """Return the same: a bin has no other units."""
        return self.units(facts)

    def within(self, X: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
        """Return X, and which rows hold a level that a category never had in the fit, (N,), of probability zero."""
        pieces, flat = self.known(), X.reshape(len(X), -1)
        outside = np.zeros(len(X), dtype=bool)
        for entry in np.unique(pieces[pieces[:, KIND] == LEVEL, ENTRY]).astype(int):
            levels = pieces[(pieces[:, ENTRY] == entry) & (pieces[:, KIND] == LEVEL), LOW]
            outside |= ~np.isin(flat[:, entry], levels) & ~np.isnan(flat[:, entry])
        return X, outside

    def checked(self, X: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Return X; raise `DataError` if it holds a level that a category never had in the fit."""
        _, outside = self.within(X, scaling)
        if outside.any():
            raise DataError(
                f"row {outside.argmax()} has a level that its category never had in the fit; leave the row out, or "
                "make the value NaN where a gap will do"
            )
        return X


class _Contexts(nn.Module):
    back: Tensor

    def __init__(self, layout: BinPlaces, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layout, self.shape = layout, shape
        self.register_buffer("back", torch.as_tensor(np.argsort(layout.order), device="cpu"), persistent=False)

    def forward(self, context: Tensor) -> Distribution:
        return Bins(context, self.layout, self.shape, self.back)
