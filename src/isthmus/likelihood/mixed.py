"""The likelihood of a table whose columns are of several kinds: numbers, categories, truth values, dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, constraints

from ..conditional import Entrywise
from ..data import Column
from ..distributions import draw, event, log_prob, normal
from ..errors import CompositionError
from ..expectation import expectation
from ..facts import Facts
from ..scaling import Scaling
from ..source import Source
from .base import Likelihood

__all__ = ["Mixed"]


class ColumnPlaces:
    """Where the columns of a table lie: among its numbers (N, d), and among what the networks see and say of them.

    Networks see and say (N, n + ΣK): the n numbers, then K entries for each column of K categories.

    Parameters
    ----------
    levels : of each column, K, or 0 for a number.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = tuple(levels)
        self.numbers = [place for place, count in enumerate(levels) if not count]
        self.categories = [place for place, count in enumerate(levels) if count]
        self.sizes = [levels[place] for place in self.categories]
        self.starts = [sum(self.sizes[:i]) for i in range(len(self.sizes))]
        self.back = [*self.numbers, *self.categories]
        self.order = [self.back.index(place) for place in range(len(levels))]

    @property
    def width(self) -> int:
        """n + ΣK."""
        return len(self.numbers) + sum(self.sizes)

    def cut(self, context: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what is said of the numbers, (..., n), and of each column of categories, (..., K)."""
        numbers, *categories = torch.split(context, [len(self.numbers), *self.sizes], -1)
        return numbers, categories

    def joined(self, numbers: Tensor, categories: Sequence[Tensor]) -> Tensor:
        """Return columns in the table's order, (..., d), of n numbers (..., n) and one tensor (...) for each other."""
        both = torch.cat([numbers, torch.stack(list(categories), -1)], -1) if categories else numbers
        return both[..., self.order]


class MixedUnits(Scaling):
    """Numbers are standardised, categories stay the numbers of their levels; an encoder sees these one-hot.

    Parameters
    ----------
    units : of the numbers.
    levels : the number of categories of each column, 0 for a number.
    """

    def __init__(self, units: Scaling, levels: Sequence[int]) -> None:
        layout = ColumnPlaces(levels)
        shift, scale = (buffer.expand(units.shape).clone() for buffer in (units.shift, units.scale))
        shift[layout.categories], scale[layout.categories] = 0.0, 1.0
        super().__init__(shift, scale, units.shape, varying=units.varying)
        self.layout = layout

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.layout.width + (len(self.layout.levels) if self.masked else 0),)

    def inputs(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return the numbers, the categories one-hot, and the mask where the fit met gaps; what is not seen is zero."""
        layout = self.layout
        x = x if observed is None else torch.where(observed, x, 0.0)
        numbers = x if self.varying is None else torch.where(self.varying > 0, x, 0.0)
        seen = [numbers[..., layout.numbers]]
        for place, size in zip(layout.categories, layout.sizes, strict=True):
            level = x[..., place].round().clamp(0, size - 1).long()
            hot = nn.functional.one_hot(level, size).to(x.dtype)
            seen.append(hot if observed is None else hot * observed[..., place, None])
        return self.with_mask(torch.cat(seen, -1), x, observed)

    def inputs_of(self, p: Distribution) -> Tensor:
        """Return the numbers' means and the levels' probabilities: what a generator makes, with gradients."""
        return expectation(p)


class MixedEntries(Distribution):
    """The columns of a table, independent of each other: a normal for a number, a categorical for a category.

    Its mean is the number's mean and the category's most probable level.

    Parameters
    ----------
    layout : of the columns.
    loc : means of the numbers, (..., n).
    scale : their standard deviations, broadcastable.
    logits : of each column of categories, (..., K).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, layout: ColumnPlaces, loc: Tensor, scale: Tensor, logits: Sequence[Tensor]) -> None:
        self.layout, self.loc, self.scale, self.logits = layout, loc, scale, list(logits)
        super().__init__(torch.Size((*loc.shape[:-1], len(layout.levels))), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> MixedEntries:
        """Return the distribution with a larger batch shape."""
        more = batch_shape[:-1]
        logits = [each.expand(*more, each.shape[-1]) for each in self.logits]
        return MixedEntries(self.layout, self.loc.expand(*more, self.loc.shape[-1]), self.scale, logits)

    @property
    def mean(self) -> Tensor:
        """The means of the numbers, and the numbers of the most probable levels."""
        return self.guess_at(torch.cat([self.loc, *self.logits], -1))

    @property
    def expectation(self) -> Tensor:
        """The means of the numbers, then the probabilities of each category's levels, (..., n + ΣK)."""
        return torch.cat([self.loc, *(logits.softmax(-1) for logits in self.logits)], -1)

    def guess_at(self, expectation: Tensor) -> Tensor:
        """Return the numbers' means, and the numbers of the likeliest levels, (..., d)."""
        numbers, levels = self.layout.cut(expectation)
        return self.layout.joined(numbers, [each.argmax(-1).to(numbers.dtype) for each in levels])

    @property
    def variance(self) -> Tensor:
        """The variances of the numbers; of a category, the probability that it is not the most probable one."""
        doubts = [1 - logits.softmax(-1).amax(-1) for logits in self.logits]
        return self.layout.joined(self.scale.square().expand_as(self.loc), doubts)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of each number and the log-probability of each category, (..., d)."""
        layout = self.layout
        numbers = log_prob(normal(self.loc, self.scale), value[..., layout.numbers])
        found = []
        for place, logits in zip(layout.categories, self.logits, strict=True):
            level = value[..., place].round().long()
            inside = (level >= 0) & (level < logits.shape[-1])
            chosen = level.clamp(0, logits.shape[-1] - 1) + torch.zeros_like(logits[..., 0], dtype=torch.long)
            entry = logits.log_softmax(-1).expand(*chosen.shape, -1).gather(-1, chosen[..., None])[..., 0]
            found.append(torch.where(inside, entry, -math.inf))
        return layout.joined(numbers, found)


@draw.register
def _(p: MixedEntries, source: Source, shape: tuple[int, ...] = ()) -> Tensor:
    numbers = draw(normal(p.loc, p.scale), source, shape)
    each = (Categorical(logits=logits, validate_args=False) for logits in p.logits)
    return p.layout.joined(numbers, [draw(levels, source, shape).to(numbers.dtype) for levels in each])


class Mixed(Likelihood):
    r"""log p(x|z) = Σ_numbers log N(xⱼ; x̂ⱼ(z), σⱼ²) + Σ_categories log softmax(ℓⱼ(z))[xⱼ].

    One learned σ a number, the same for every row, as in `HomoscedasticGaussian`. Of a category this is a probability,
    of a number a density in the data's units. Compare Alfredo Nazabal et al., "Handling incomplete heterogeneous data
    using VAEs", 2020, https://arxiv.org/abs/1807.03653.

    Parameters
    ----------
    minimum_std : a floor of σ in the model's units: a constant column must not have infinite density.

    >>> import pandas as pd
    >>> from isthmus import Autoencoder
    >>> frame = pd.DataFrame({"age": [*range(20, 40)] * 2, "sex": ["f", "m"] * 20})
    >>> Autoencoder(1, max_epochs=1, random_state=0).fit(frame).likelihood_
    Mixed()
    """

    minimum_std: float = 1e-3

    def check(self) -> None:
        self.require_positive("minimum_std", self.minimum_std)

    def units(self, facts: Facts) -> Scaling:
        """Return the map that standardises numbers and leaves the numbers of levels as they are."""
        return MixedUnits(super().units(facts), levels_of(facts))

    def plain_units(self, facts: Facts) -> Scaling:
        """Return the map that leaves the data in their units."""
        return MixedUnits(super().plain_units(facts), levels_of(facts))

    def width(self, facts: Facts) -> int:
        """Return n + ΣK."""
        return ColumnPlaces(levels_of(facts)).width

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds log σ, which starts at σ = 1."""
        return _Mixed(self, facts)


class _Mixed(Entrywise):
    def __init__(self, family: Mixed, facts: Facts) -> None:
        super().__init__(family, facts.shape)
        self.layout = ColumnPlaces(levels_of(facts))
        self.log_std = nn.Parameter(torch.zeros(len(self.layout.numbers)))
        self.floor = math.log(family.minimum_std)

    def forward(self, context: Tensor) -> Distribution:
        mean, logits = self.layout.cut(context)
        return event(MixedEntries(self.layout, mean, self.log_std.clamp(min=self.floor).exp(), logits), 1)


def levels_of(facts: Facts) -> list[int]:
    """Return the number of categories of each column, 0 for a number; raise `CompositionError` if it is not known."""
    if facts.columns is None:
        raise CompositionError("a mixed likelihood needs the columns of a table: fit a frame, or an array (N, d)")
    columns: Sequence[Column] = facts.columns
    return [column.levels for column in columns]
