"""Rows on their way through a fitted model: what is encoded, codes, reconstructions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..batch import Batch
from ..model import Pass
from ..source import Generated

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["Rows"]


class Rows:
    """Rows on their way through the model, flat and in the model's units: what is wanted, x, and what comes out, x̂.

    Parameters
    ----------
    subject : whose rows they are.
    X : in the data's units, (N, ...).
    asked : the condition that comes with each row, in the form that the estimator takes it in, or None.

    Attributes
    ----------
    given : the condition as numbers, (N, c), without what a corruption tells of itself; None where that is nothing.
    """

    def __init__(self, subject: Subject, X: np.ndarray, asked: Any) -> None:
        self._subject, self.own, self.asked = subject, X, asked
        self.x = subject.units(X)
        numbers, own = (
            subject.fitted.conditions(asked, len(X)),
            subject.model.condition_width - subject.model.corruption_width,
        )
        self.given = numbers[:, :own] if numbers is not None and own else None

    def __len__(self) -> int:
        return len(self.own)

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
        """The codes of what is encoded, the posterior's mean, (N, d)."""
        return self._subject.encoded(self.inputs, self.condition)

    @cached_property
    def x_hat(self) -> np.ndarray:
        """The reconstructions, the mean of p(x|z), (N, n)."""
        return self._subject.decoded(self.codes, self.condition)

    @cached_property
    def errors(self) -> np.ndarray:
        """Each row's squared error over its features, (N,)."""
        errors: np.ndarray = ((self.x - self.x_hat) ** 2).mean(1)
        return errors
