"""What ``"auto"`` picks from the data, and how names become parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import field
from typing import ClassVar, TypeVar, cast

import numpy as np
from torch import Tensor

from ..corruption import Corruption
from ..data import Category
from ..errors import CompositionError
from ..facts import Facts
from ..given import batch_size_for
from ..layout import layout_of
from ..likelihood import Bernoulli, Gaussian, Likelihood, Mixed
from ..networks import MLP, Conv, Custom, Network
from ..parts import Part, resolve
from ..posterior import Posterior
from ..prior import Prior
from ..training import Adam, Training
from .arguments import Arguments

__all__ = ["MOST_EPOCHS", "Choices", "is_grey", "is_image", "is_mixed", "power_of_two"]

P = TypeVar("P", bound=Part)

MOST_EPOCHS = 50
"""Passes over the data that ``"auto"`` makes."""


class Choices(Arguments, system=False):
    """Sets ``<part>_`` for every argument that ``"auto"`` or a name stands for."""

    recipe: ClassVar[Training] = Training(optimizer=Adam(beta2=0.95), averaging=0.0)
    """What a fit is made with where `training` leaves it open, chosen by measurement: β₂ = 0.95 forgets a step whose
    gradient was far out of scale, as rows with heavy tails have it, after twenty others."""

    shape_: tuple[int, ...] = field(init=False)
    latent_dim_: int = field(init=False)
    network_: Network = field(init=False)
    likelihood_ = cast(Likelihood | None, None)
    posterior_ = cast(Posterior | None, None)
    prior_ = cast(Prior | None, None)
    sampling_prior_ = cast(Prior | None, None)
    corruption_ = cast(Corruption | Callable[..., Tensor] | None, None)

    def choose(self, facts: Facts) -> None:
        """Set ``<argument>_`` for every part; a subclass calls this first and adds its own."""
        self.network_ = self.network_part("network", facts)
        self.latent_dim_ = self._width(facts)
        likelihood = self.part("likelihood", Likelihood, lambda: self.auto_likelihood(facts), or_none=True)
        self.likelihood_ = None if likelihood is None else likelihood.of(facts)

    def auto_likelihood(self, facts: Facts) -> Likelihood:
        """Return the likelihood for data of that kind."""
        if is_mixed(facts):
            return Mixed()
        return Bernoulli() if facts.binary else Gaussian()

    def auto_network(self, facts: Facts) -> Network:
        """Return the network for samples of that shape."""
        return Conv() if is_image(facts) else MLP((512 if facts.features >= 256 else 256,))

    def auto_latent_dim(self, facts: Facts) -> int:
        """Return the width of the code for that number of features."""
        if is_mixed(facts):  # a category is as wide as its levels, but no code is as wide as the row
            seen = sum(max(1, column.levels) for column in facts.columns or ())
            return max(1, min(32, seen // 4, facts.features - 1))
        return max(1, min(32, facts.features // 4))

    def auto_batch_size(self, rows: int) -> int:
        """Return how many rows a step takes of that many: a hundredth of them, from 16 to 256, a power of two."""
        return power_of_two(rows / 100, 16, 256)

    def epochs_for(self, rows: int) -> int:
        """Return how many passes over that many rows a fit makes."""
        return self.auto_epochs(rows) if self.max_epochs == "auto" else int(self.max_epochs)

    def auto_epochs(self, rows: int) -> int:
        """Return how many passes over that many rows suit the system."""
        return MOST_EPOCHS

    def passes(self, steps: int, rows: int, fewest: int, most: int) -> int:
        """Return how many passes over that many rows make about so many steps, from `fewest` to `most`."""
        return max(fewest, min(most, math.ceil(steps / max(1, rows // batch_size_for(self, rows)))))

    def settings(self) -> Training:
        """Return how the fit is made: `training`, and the system's recipe where it leaves something open."""
        return (self.training or Training()).completed(self.recipe)

    def part(self, name: str, kind: type[P], auto: Callable[[], P] | None = None, *, or_none: bool = False) -> P:
        """Return the part that an argument stands for: picked by `auto`, looked up by name, or the object itself.

        Raises
        ------
        CompositionError : the argument is no part of that kind.
        """
        given = getattr(self, name)
        value = resolve(kind.kind, given, auto)
        if not isinstance(value, kind) and not (or_none and value is None):
            raise CompositionError(f"{name} must be a {kind.__name__} or its name, got {given!r}")
        return cast(P, value)

    def network_part(self, name: str, facts: Facts) -> Network:
        """Return the network that an argument stands for; a pair of factories makes a `Custom`."""
        value = getattr(self, name)
        if isinstance(value, tuple) and len(value) == 2:
            value = Custom(*value)
        network = resolve("network", value, lambda: self.auto_network(facts))
        if not isinstance(network, Network):
            raise CompositionError(f"{name} must be a Network, its name or a pair of factories, got {value!r}")
        return network

    def reconstruction_clip_norm(self) -> float | None:
        """Return how far the gradient of a reconstruction may go: the values of standardised rows have no bound."""
        bounded = self.likelihood_ is not None and self.likelihood_.bounded
        unbounded = len(self.shape_) == 1 and self.scaling == "auto" and not bounded
        return 3.0 * math.sqrt(self.shape_[0]) if unbounded else None

    def _width(self, facts: Facts) -> int:
        if self.latent_dim == "auto":
            return self.network_.code_width(facts.shape) or self.auto_latent_dim(facts)
        if not isinstance(self.latent_dim, int | np.integer) or self.latent_dim < 1:
            raise CompositionError(
                f"latent_dim must be 'auto' or a whole number of at least 1, got {self.latent_dim!r}"
            )
        return int(self.latent_dim)


def power_of_two(near: float, least: int, most: int) -> int:
    """Return the power of two nearest to a number on a logarithmic scale, from `least` to `most`, powers themselves.

    >>> power_of_two(20, 16, 256), power_of_two(1000, 16, 256)
    (16, 256)
    """
    return int(min(most, max(least, 2 ** round(math.log2(max(1.0, near))))))


def is_grey(facts: Facts) -> bool:
    """Return whether samples are pictures of grey or colour values, from 0 to 1 or in uint8; a row is no picture."""
    assert facts.bounds is not None
    low, high = facts.bounds
    return len(facts.shape) > 1 and ((low >= 0 and high <= 1) or facts.dtype == "uint8")


def is_mixed(facts: Facts) -> bool:
    """Return whether rows are those of a table with categories, or with truth values among other columns."""
    levels = {column.levels for column in facts.columns or ()}
    return len(levels) > 1 or any(isinstance(column, Category) for column in facts.columns or ())


def is_image(facts: Facts) -> bool:
    """Return whether a sample is a picture that convolutions suit."""
    layout = layout_of(facts.shape, facts.mean, facts.std)
    return layout.kind == "picture" and min(layout.channels_first(facts.shape)[1:]) >= 16
