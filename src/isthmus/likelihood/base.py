"""The base of likelihoods: the units that a model works in, and the values that there is a density for."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from ..conditional import Conditional
from ..errors import DataError
from ..facts import Facts
from ..scaling import Scaling

__all__ = ["Likelihood"]

ROUNDING = 1e-6
"""How far beyond a bound, in the model's units, a value is taken to lie by rounding alone."""


class Likelihood(Conditional, kind="likelihood"):
    """Base of likelihoods: distributions of a sample, given what the decoder returns."""

    support: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The least and the largest value that there is a density for, in the model's units."""

    def event_shape(self, facts: Facts) -> tuple[int, ...]:
        """Return the shape of a sample."""
        return facts.shape

    def of(self, facts: Facts) -> Likelihood:
        """Return the likelihood of those data: this one, unless its shape depends on their values."""
        return self

    @property
    def bounded(self) -> bool:
        """Whether values are bounded on either side."""
        return self.support != (-math.inf, math.inf)

    def units(self, facts: Facts) -> Scaling:
        """Return the map between the data's units and the model's, which the data's mean and spread are known for.

        Values without bounds are standardised; bounded ones keep their units.
        """
        if self.bounded:
            return self.plain_units(facts)
        if facts.mean is None or facts.std is None:
            raise DataError("the units of standardised features need the data's mean and standard deviation")
        return Scaling.standard(facts.mean, facts.std, facts.dtype)

    def plain_units(self, facts: Facts) -> Scaling:
        """Return the map that leaves the data in their units."""
        return Scaling.identity(facts.shape, discrete=self.bounded)

    def within(self, X: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
        """Return X with values that only rounding put beyond a bound moved onto it, and which rows lie outside.

        A row that lies outside has probability zero, and so log p(x) = −∞; its values are moved onto the bounds too.

        Parameters
        ----------
        X : rows in the data's units, (N, ...).
        scaling : the units.

        Returns
        -------
        X : a copy where a value was moved.
        outside : (N,), whether a value of the row lies beyond a bound by more than rounding.
        """
        nowhere = np.zeros(len(X), dtype=bool)
        if not self.bounded or len(X) == 0:
            return X, nowhere
        scale = float(scaling.scale)
        least, most = (bound * scale for bound in self.support)
        if X.min() >= least and X.max() <= most:
            return X, nowhere
        beyond: np.ndarray = np.less(X, least - ROUNDING * scale) | np.greater(X, most + ROUNDING * scale)
        outside: np.ndarray = np.any(beyond.reshape(len(X), -1), axis=1)
        return np.clip(X, least, most).astype(X.dtype), outside

    def checked(self, X: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Return X as `within` does, all of whose rows have a density.

        Raises
        ------
        DataError : a value lies outside the support; the first place is named.
        """
        inside, outside = self.within(X, scaling)
        if not outside.any():
            return inside
        scale, row = float(scaling.scale), int(outside.argmax())
        least, most = (bound * scale for bound in self.support)
        first = np.argwhere((least - ROUNDING * scale > X[row]) | (most + ROUNDING * scale < X[row]))[0]
        raise DataError(
            f"a {type(self).__name__} likelihood needs values in [{least:g}, {most:g}]; X runs from {float(X.min()):g} "
            f"to {float(X.max()):g}, first outside at row {row}, column {', '.join(map(str, first))}: rescale X or use "
            "likelihood='gaussian'"
        )
