"""When to raise an alarm: at a rate of false alarms, of false discoveries, or as often as there is time to look."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..errors import CompositionError
from ..parts import Part, parse

__all__ = ["Alarm", "Budget", "FalseAlarms", "FalseDiscoveries", "OnlineDiscoveries", "alarm_at", "alarm_named"]

HORIZON_ROWS = 1_000
"""Rows of a stream among which false discoveries are counted, where nothing else is said."""


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

    def first_level(self) -> float:
        """Return the largest p-value at which the first of all alarms could be raised; 1 where other rows decide."""
        return 1.0

    def after(self, raised: np.ndarray) -> Alarm:
        """Return the rule for the rows of a stream that follow rows of which some raised an alarm, (N,)."""
        return self

    def at_start(self) -> Alarm:
        """Return the rule for the first rows of a stream."""
        return self


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

    def first_level(self) -> float:
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


class OnlineDiscoveries(Alarm):
    r"""At most a share `rate` of the alarms in a stream is false, in the mean; each row is judged as it comes.

    An alarm where pₜ ≤ (Rₜ + 1)·rate/horizon, Rₜ the alarms before row t: LOND, with its level spent evenly. After
    `horizon` rows both counts begin again, so that the threshold never vanishes. The guarantee holds for positively
    dependent p-values (Zrnic et al. 2021), which conformal ones are with one model and equal weights (Bates et al.
    2023). The first alarm asks for a p-value of rate/horizon, hence for horizon/rate − 1 calibration rows.

    Parameters
    ----------
    rate : the share of false alarms among all alarms.
    horizon : the rows over which it is counted: a day's, a shift's.
    seen, raised : rows and alarms of this horizon so far, which a watch counts.

    References
    ----------
    Adel Javanmard and Andrea Montanari, "Online rules for control of false discovery rate and false discovery
        exceedance", 2018, https://arxiv.org/abs/1603.09000.
    Tijana Zrnic, Aaditya Ramdas and Michael I. Jordan, "Asynchronous online testing of multiple hypotheses", 2021,
        https://arxiv.org/abs/1812.05068.

    >>> rule = OnlineDiscoveries(0.1, horizon=10)
    >>> rule.alarms(np.array([0.01, 0.02, 0.5, 0.03, 0.05]), np.zeros(5)).tolist()
    [True, True, False, True, False]
    >>> rule.after(np.array([True, True, False]))
    OnlineDiscoveries(horizon=10, raised=2, seen=3)
    """

    rate: float = 0.1
    horizon: int = HORIZON_ROWS
    seen: int = 0
    raised: int = 0

    def check(self) -> None:
        self.require(0 < self.rate < 1, f"rate must lie in (0, 1), got {self.rate}")
        self.require_count("horizon", self.horizon)
        counted = 0 <= self.raised <= self.seen < self.horizon
        self.require(counted, f"raised and seen must count up to horizon, got {self.raised} and {self.seen}")

    def first_level(self) -> float:
        return self.rate / self.horizon

    def alarms(self, p: np.ndarray, scores: np.ndarray) -> np.ndarray:
        out, before = np.zeros(len(p), dtype=bool), self.raised
        for i, value in enumerate(p):
            if (self.seen + i) % self.horizon == 0:
                before = 0
            out[i] = value <= (before + 1) * self.rate / self.horizon
            before += int(out[i])
        return out

    def after(self, raised: np.ndarray) -> OnlineDiscoveries:
        seen = self.seen + len(raised)
        own = seen % self.horizon
        before = self.raised if seen < self.horizon else 0
        count = before + int(raised[max(0, len(raised) - own) :].sum())
        return OnlineDiscoveries(self.rate, self.horizon, own, count)

    def at_start(self) -> OnlineDiscoveries:
        return OnlineDiscoveries(self.rate, self.horizon)


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


def alarm_at(
    alpha: float | None = None, fdr: float | None = None, budget: int | None = None, horizon: int | None = None
) -> Alarm:
    """Return the rule for the one figure that is given; with `horizon` rows of a stream, for an fdr among these.

    >>> alarm_at(fdr=0.1), alarm_at(fdr=0.2, horizon=100)
    (FalseDiscoveries(), OnlineDiscoveries(horizon=100, rate=0.2))

    Raises
    ------
    CompositionError : none is given, or more than one, or it is out of range, or a horizon without an fdr.
    """
    if sum(figure is not None for figure in (alpha, fdr, budget)) != 1:
        raise CompositionError("give one of alpha (false alarms a row), fdr (share of false alarms) or budget (alarms)")
    if horizon is not None and fdr is None:
        raise CompositionError("horizon goes with fdr: the rows of a stream among whose alarms false ones are counted")
    if alpha is not None:
        return FalseAlarms(alpha)
    if fdr is not None:
        return FalseDiscoveries(fdr) if horizon is None else OnlineDiscoveries(fdr, horizon)
    return Budget(budget)


@lru_cache
def alarm_named(text: str) -> Alarm:
    """Return the rule of that name, such as ``"falsealarms:0.01"``; it is made once and must not be changed.

    >>> alarm_named("budget:20")
    Budget()
    """
    alarm: Alarm = parse("alarm", text)
    return alarm
