"""Rows on their way through a fitted model: what is encoded, codes, reconstructions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..batch import Batch
from ..metrics import r2, r2_per_feature
from ..model import Pass
from ..source import Generated

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["Denoising", "Rows"]


class Denoising(NamedTuple):
    """Signal-to-noise ratios in dB, 10 log₁₀(Σ‖x − x̄‖² / Σ‖error‖²): noisy rows, cleaned ones, and cleaned by PCA."""

    before: float
    after: float
    pca: float

    @property
    def decibels(self) -> float:
        """How many decibels cleaning gains."""
        return self.after - self.before


class Rows:
    """Rows on their way through the model: what is wanted, x, what is encoded, and what comes back, x̂.

    Codes and what networks get are in the model's units. What is measured is in comparable ones (`Subject.look`): a
    table's columns in their standard deviations, pictures and series in the data's own units.

    Parameters
    ----------
    subject : whose rows they are.
    X : in the data's units, (N, ...).
    asked : the condition that comes with each row, in the form that the estimator takes it in, or None.
    index : the rows' numbers among all that were given, (N,).

    Attributes
    ----------
    given : the condition as numbers, (N, c), without what a corruption tells of itself; None where that is nothing.
    """

    def __init__(self, subject: Subject, X: np.ndarray, asked: Any, index: np.ndarray) -> None:
        self._subject, self.own, self.asked, self.index = subject, X, asked, index
        numbers, own = (
            subject.fitted.conditions(asked, len(X)),
            subject.model.condition_width - subject.model.corruption_width,
        )
        self.given = numbers[:, :own] if numbers is not None and own else None

    def __len__(self) -> int:
        return len(self.own)

    def some(self, chosen: np.ndarray) -> Rows:
        """Return the rows of these places."""
        asked = None if self.asked is None else np.asarray(self.asked)[chosen]
        return Rows(self._subject, self.own[chosen], asked, self.index[chosen])

    @cached_property
    def x(self) -> np.ndarray:
        """The rows in the model's units, (N, n)."""
        return self._subject.units(self.own)

    @cached_property
    def inputs(self) -> np.ndarray:
        """What is encoded: x, or a corruption of it where that is what the model was trained on, (N, n)."""
        return self.x if self._subject.model.corruption is None else self._met(lambda passed: passed.x_tilde)

    @cached_property
    def condition(self) -> np.ndarray | None:
        """The condition that the networks get with each row, its corruption's included, (N, c), or None."""
        return self._met(lambda passed: passed.condition) if self._subject.model.condition_width else None

    def _met(self, what: Callable[[Pass], Any]) -> np.ndarray:
        model, source = self._subject.model, Generated(self._subject.generator())
        return self._subject.through(
            self.own, lambda x, c: what(Pass(model, Batch(x, condition=c), source)), self.given
        )

    @cached_property
    def codes(self) -> np.ndarray:
        """The codes of what is encoded, the posterior's mean, (N, d); gaps are not known to a model that reads them."""
        if self._subject.hides:
            asked = {} if self.asked is None else {"condition": self.asked}
            return np.asarray(self._subject.estimator.transform(self.own, **asked), dtype=np.float64)
        return self._subject.encoded(self.inputs, self.condition)

    @cached_property
    def x_hat(self) -> np.ndarray:
        """The reconstructions, the mean of p(x|z), in the model's units, (N, n)."""
        return self._subject.decoded(self.codes, self.condition)

    @cached_property
    def comparable(self) -> np.ndarray:
        """The rows in comparable units, (N, n)."""
        return self._subject.look.flat(self.own)

    @cached_property
    def comparable_inputs(self) -> np.ndarray:
        """What is encoded in comparable units, (N, n)."""
        return self.comparable if self._subject.model.corruption is None else self._subject.comparable(self.inputs)

    @cached_property
    def comparable_x_hat(self) -> np.ndarray:
        """The reconstructions in comparable units, (N, n)."""
        return self._subject.comparable(self.x_hat)

    @cached_property
    def errors(self) -> np.ndarray:
        """Each row's squared error over its features, in comparable units, (N,)."""
        errors: np.ndarray = ((self.comparable - self.comparable_x_hat) ** 2).mean(1)
        return errors

    @property
    def error(self) -> float:
        """The mean squared error."""
        return float(self.errors.mean())

    @cached_property
    def r2(self) -> float:
        """The share of the variance that comes back."""
        return r2(self.comparable, self.comparable_x_hat)

    @cached_property
    def r2_of_columns(self) -> np.ndarray:
        """The share of each feature's variance that comes back, (n,)."""
        return r2_per_feature(self.comparable, self.comparable_x_hat)
