"""When to raise an alarm: at a rate of false alarms, of false discoveries, or as often as there is time to look."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..errors import CompositionError
from ..parts import Part, parse

__all__ = ["Alarm", "Budget", "FalseAlarms", "FalseDiscoveries", "alarm_at", "alarm_named"]


class Alarm(Part, kind="alarm"):
    """Base of the rules that say which rows of a batch raise an alarm, given their p-values."""

    def alarms(self, p: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return which rows raise an alarm, (N,) of truth values.

        Parameters
        ----------
        p : p-values, (N,).
        scores : (N,), lower where a row is odder; they say which of two rows of the same p-value is odder.
        """
        raise NotImplementedError

    def level(self, p: np.ndarray, scores: np.ndarray) -> float:
        """Return the largest p-value that raises an alarm in this batch, or the smallest there is if none does."""
        raised = self.alarms(p, scores)
        return float(p[raised].max() if raised.any() else p.min())


class FalseAlarms(Alarm):
    """An alarm where p ≤ α: at most a share α of usual rows raises one. A row's alarm does not depend on its batch.

    Parameters
    ----------
    alpha : α, the false alarms a usual row.

    >>> FalseAlarms(0.05).alarms(np.array([0.01, 0.05, 0.5]), np.zeros(3)).tolist()
    [True, True, False]
    """

    alpha: float = 0.05

    def check(self) -> None:
        self.require(0 < self.alpha < 1, f"alpha must lie in (0, 1), got {self.alpha}")

    def alarms(self, p: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return p <= self.alpha

    def level(self, p: np.ndarray, scores: np.ndarray) -> float:
        return self.alpha


class FalseDiscoveries(Alarm):
    """As many alarms as leave at most a share `rate` of them false, in the mean over batches.

    An alarm where p ≤ p₍ₖ₎, k the most for which p₍ₖ₎ ≤ k·rate/N. Conformal p-values of one batch share their
    calibration rows. They are then positively dependent, and the guarantee holds for one model and equal weights
    (Bates et al. 2023); with several models or with weights it is not proven.

    Parameters
    ----------
    rate : the share of false alarms among all alarms.

    References
    ----------
    Yoav Benjamini and Yosef Hochberg, "Controlling the false discovery rate", 1995,
        https://doi.org/10.1111/j.2517-6161.1995.tb02031.x.
    Stephen Bates et al., "Testing for outliers with conformal p-values", 2023, https://arxiv.org/abs/2104.08279.

    >>> FalseDiscoveries(0.1).alarms(np.array([0.01, 0.09, 0.5, 0.04]), np.zeros(4)).tolist()
    [True, False, False, True]
    """

    rate: float = 0.1

    def check(self) -> None:
        self.require(0 < self.rate < 1, f"rate must lie in (0, 1), got {self.rate}")

    def alarms(self, p: np.ndarray, scores: np.ndarray) -> np.ndarray:
        rising = np.sort(p)
        kept = np.flatnonzero(rising <= np.arange(1, len(p) + 1) * self.rate / len(p))
        return p <= rising[kept[-1]] if len(kept) else np.zeros(len(p), dtype=bool)


class Budget(Alarm):
    """The oddest rows of a batch, as many as there is time to look at; their p-values say how odd they are.

    Rows are ordered by p-value, then by score, then by their place in the batch.

    Parameters
    ----------
    rows : how many rows of a batch raise an alarm.

    >>> Budget(2).alarms(np.array([0.1, 0.1, 0.5, 0.1]), np.array([-3.0, -5.0, 0.0, -4.0])).tolist()
    [False, True, False, True]
    """

    rows: int = 20

    def check(self) -> None:
        self.require_count("rows", self.rows)

    def alarms(self, p: np.ndarray, scores: np.ndarray) -> np.ndarray:
        raised = np.zeros(len(p), dtype=bool)
        raised[np.lexsort((scores, p))[: self.rows]] = True
        return raised


def alarm_at(alpha: float | None = None, fdr: float | None = None, budget: int | None = None) -> Alarm:
    """Return the rule for the one figure that is given.

    >>> alarm_at(fdr=0.1)
    FalseDiscoveries()

    Raises
    ------
    CompositionError : none is given, or more than one, or it is out of range.
    """
    if sum(figure is not None for figure in (alpha, fdr, budget)) != 1:
        raise CompositionError("give one of alpha (false alarms a row), fdr (share of false alarms) or budget (alarms)")
    if alpha is not None:
        return FalseAlarms(alpha)
    return FalseDiscoveries(fdr) if fdr is not None else Budget(budget)


@lru_cache
def alarm_named(text: str) -> Alarm:
    """Return the rule of that name, such as ``"falsealarms:0.01"``; it is made once and must not be changed.

    >>> alarm_named("budget:20")
    Budget()
    """
    alarm: Alarm = parse("alarm", text)
    return alarm
