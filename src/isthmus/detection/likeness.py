"""What rows look like: how many of them are odd, by their p-values alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

__all__ = ["UsualShare"]

USUAL_ABOVE = 0.5
"""λ: p-values above it are taken for those of usual rows alone."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class UsualShare:
    r"""The share of rows that are usual, from their p-values.

    π₀ = #{p > λ}/(N (1 − λ)), λ = ½: usual rows have evenly spread p-values, odd ones hardly any above λ. The estimate
    errs on the side of usual rows.

    Attributes
    ----------
    odd : 1 − π₀, at least 0.
    low, high : its 95 % interval, with the error of the N rows and of the n that calibrate.

    References
    ----------
    John D. Storey, "A direct approach to false discovery rates", 2002, https://doi.org/10.1111/1467-9868.00346.

    >>> share = UsualShare.of(np.concatenate([np.linspace(0, 1, 900), np.full(100, 0.01)]), 10_000)
    >>> round(share.odd, 2), share.low > 0
    (0.1, True)
    """

    odd: float
    low: float
    high: float

    @classmethod
    def of(cls, p: np.ndarray, n: int) -> UsualShare:
        """Return the share of usual rows among those of p-values (N,), which n rows calibrate."""
        share = float((p > USUAL_ABOVE).mean())
        error = np.sqrt(share * (1 - share) / len(p) + USUAL_ABOVE * (1 - USUAL_ABOVE) / n) / (1 - USUAL_ABOVE)
        odd, reach = 1 - share / (1 - USUAL_ABOVE), norm.ppf((1 + CONFIDENCE) / 2) * error
        return cls(*(float(np.clip(value, 0, 1)) for value in (odd, odd - reach, odd + reach)))

    def __str__(self) -> str:
        if self.low > 0:
            interval = f"{100 * self.low:.2g} to {100 * self.high:.2g} %"
            return f"An estimated {100 * self.odd:.2g} % of the rows are odd ({interval})."
        return f"As a whole, the rows look like those of the fit: at most {100 * self.high:.2g} % of them are odd."
