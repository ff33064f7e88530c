"""Schedules of the learning rate that are more than a name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ..parts import Part

__all__ = ["Decay", "Steps"]


class Decay(Part, kind="decay"):
    """Base of schedules: ``decay(done)`` is the factor on the learning rate once that fraction of the fit is done."""

    def __call__(self, done: float) -> float:
        """Return the factor at `done`, in [0, 1)."""
        raise NotImplementedError


class Steps(Decay):
    r"""A factor that stays for a stretch of the fit, and then jumps to the next.

    Parameters
    ----------
    lengths : the length of each stretch; only their ratios matter.
    factors : the factor of each.

    >>> halved = Steps((1, 1), (1.0, 0.5))
    >>> halved(0.0), halved(0.5)
    (1.0, 0.5)
    >>> [round(Steps.burda()(done / 3280), 3) for done in (0, 1, 4, 3279)]
    [1.0, 0.72, 0.518, 0.1]
    """

    lengths: Sequence[float] = (1.0,)
    factors: Sequence[float] = (1.0,)

    @classmethod
    def burda(cls) -> Steps:
        """Return eight stretches of 3ⁱ epochs with factors 10^(−i/7), i = 0, ..., 7: 3,280 epochs in all.

        Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
        https://arxiv.org/abs/1509.00519, section 5, who start from 10⁻³.
        """
        return cls(tuple(3**i for i in range(8)), tuple(10 ** (-i / 7) for i in range(8)))

    def check(self) -> None:
        same = len(self.lengths) == len(self.factors) > 0
        self.require(same, f"needs a factor a stretch, got {len(self.lengths)} lengths, {len(self.factors)} factors")
        self.require(min(self.lengths) > 0, f"lengths must be positive, got {min(self.lengths)}")
        self.require(min(self.factors) >= 0, f"factors must not be negative, got {min(self.factors)}")

    def __call__(self, done: float) -> float:
        """Return the factor of the stretch that `done` lies in."""
        whole, rounding = sum(self.lengths), 1e-9
        ends = accumulate(self.lengths)
        return next(
            (factor for end, factor in zip(ends, self.factors, strict=True) if done < end / whole - rounding),
            self.factors[-1],
        )
