"""What a detector found in rows: its alarms and their reasons, how sure they are, and what the rows look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.stats import beta, betabinom
from sklearn.utils import _safe_indexing as take

from ...detection import (
    Budget,
    Detector,
    Explanation,
    FalseAlarms,
    FalseDiscoveries,
    Judgement,
    OnlineDiscoveries,
    UsualShare,
)
from ...diagnosis import Headline
from ...look import Look, look_of
from .numbers import Number

__all__ = ["Findings"]

EXPLAINED = 25
"""Alarms whose reasons are given, at most, the oddest first."""

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Findings:
    """What a detector's page says, each measured once.

    Parameters
    ----------
    detector : fitted.
    judged : what it says of the rows.
    explanations : of the oddest alarms, in the order of `order`.
    labels : what each row is called, (N,).
    own : whether the rows are those of the fit, held against each other.
    data : the name of the data.
    command : how to make the page again.
    """

    detector: Detector
    judged: Judgement
    explanations: Sequence[Explanation]
    labels: Sequence[str]
    own: bool = False
    data: str = ""
    command: str = ""
    order: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", self.raised(self.judged))

    @staticmethod
    def raised(judged: Judgement) -> np.ndarray:
        """Return the rows that raise an alarm, the oddest first."""
        order = np.lexsort((judged.mean_scores, judged.p_values))
        raised: np.ndarray = order[judged.alarms[order]]
        return raised

    @classmethod
    def of(
        cls, detector: Detector, X: Any, judged: Judgement, labels: Sequence[str] | None = None, **said: Any
    ) -> Findings:
        """Return what a detector found, its reasons for at most 25 alarms among it."""
        shown = cls.raised(judged)[:EXPLAINED]
        explained = np.sort(shown)
        reasons = dict(zip(explained, detector.explain(take(X, explained)) if len(shown) else [], strict=True))
        # rows of the fit are judged by models that did not see them, and explained by all: a row has one p-value
        explanations = [replace(reasons[row], p_value=float(judged.p_values[row])) for row in shown]
        names = [f"row {i}" for i in range(len(judged.rows))] if labels is None else labels
        return cls(detector, judged, explanations, names, **said)

    @property
    def n(self) -> int:
        """How many rows were judged."""
        return len(self.judged.rows)

    @property
    def look(self) -> Look:
        """How rows are shown."""
        rows = self.detector.reference_
        named = hasattr(self.detector, "feature_names_in_") or np.isnan(rows).any()
        return look_of(np.nan_to_num(rows), self.detector.column_names() if named else None)

    @property
    def by_chance(self) -> tuple[float, int, int] | None:
        """How many alarms usual rows would raise in as many rows: the mean and 95 % of cases; None where none is known.

        The share of usual rows that raise one is Beta(k, n + 1 − k) distributed over splits, k the largest number with
        k/(n + 1) ≤ α, so that their count is beta-binomial.
        """
        k, n = self._counted
        if not isinstance(self.detector.rule, FalseAlarms):
            return None
        if not k:
            return 0.0, 0, 0
        low, high = betabinom.interval(CONFIDENCE, self.n, k, n + 1 - k)
        return self.n * k / (n + 1), int(low), int(high)

    @property
    def _counted(self) -> tuple[int, int]:
        """Return k and n of `by_chance`."""
        n, alarm = len(self.detector.calibrated_.scores), self.detector.rule
        return (int(alarm.alpha * (n + 1) + 1e-9) if isinstance(alarm, FalseAlarms) else 0), n

    @property
    def usual(self) -> UsualShare | None:
        """What the judged rows look like as a whole; None where they were held against each other."""
        return None if self.own else UsualShare.of(self.judged.p_values, len(self.detector.calibrated_.scores))

    @property
    def headline(self) -> Headline:
        """What is said first: how many alarms, and how often that would be wrong."""
        raised = len(self.order)
        title = f"{raised:,} of {self.n:,} rows {'raises' if raised == 1 else 'raise'} an alarm"
        own = "Rows were held against each other; rows known to be usual, to fit on, say more."
        also = own if self.usual is None else str(self.usual)
        return Headline("warning" if raised else "healthy", title, self.wrong, also)

    @property
    def wrong(self) -> str:
        """How often the alarms would be wrong, in a sentence."""
        alarm, chance = self.detector.rule, self.by_chance
        if chance is not None:
            mean, low, high = chance
            return f"If all of these rows were usual, about {mean:.2g} of them would raise an alarm ({low} to {high})."
        if isinstance(alarm, FalseDiscoveries | OnlineDiscoveries):
            over = "batches" if isinstance(alarm, FalseDiscoveries) else f"streams of {alarm.horizon:,} rows"
            return f"At most {100 * alarm.rate:g} % of the alarms are false, in the mean over {over}."
        if isinstance(alarm, Budget) and len(self.order):
            least = self.judged.p_values[self.order].max()
            return f"As many as were asked for; {100 * least:.2g} % of usual rows look as odd as the least odd of them."
        return "The p-value of a row says how many usual rows look as odd."

    @property
    def numbers(self) -> list[Number]:
        """The numbers at the top of the page."""
        raised, (k, n) = len(self.order), self._counted
        found = [Number("", "alarms", raised, f"{raised:,}", "Rows that do not look like those of the fit.", key=True)]
        if self.by_chance is not None and k:
            low, high = beta.interval(CONFIDENCE, k, n + 1 - k)
            what = (
                "The share of usual rows that raise an alarm: the mean over all ways to choose the rows that "
                f"calibrate, and where it lies in 95 of 100 such choices. {n:,} rows calibrated this detector; more of "
                "them narrow the interval."
            )
            text = f"{100 * k / (n + 1):.2g} %"
            name = f"of usual rows, falsely ({100 * low:.2g} to {100 * high:.2g} %)"
            found.append(Number("", name, k / (n + 1), text, what, key=True))
        if self.usual is not None:
            usual = self.usual
            text = f"{100 * usual.low:.2g} to {100 * usual.high:.2g} %"
            what = (
                "Estimated from all p-values at once (Storey 2002): half of the usual rows have one above a half, odd "
                f"rows hardly any. {self.usual}"
            )
            found.append(Number("", "of all rows are odd, as estimated", usual.odd, text, what, key=True))
        what = "Rows that the score was not fitted on, against which each new row is held."
        found.append(Number("", "rows to compare with", n, f"{n:,}", what, key=True))
        return found

    @property
    def first_columns(self) -> list[tuple[str, float]]:
        """The columns that are named first, with the share of the explained alarms that name them so, most first."""
        named = Counter(why.reasons[0].column for why in self.explanations if why.reasons)
        return [(column, count / len(self.explanations)) for column, count in named.most_common()]

    @property
    def card(self) -> dict[str, str]:
        """What the detector is."""
        detector = self.detector
        scorer = detector.estimators_[0]
        trimmed = sum(detector.trimmed_)
        return {
            "score": type(scorer).__name__ if isinstance(detector.estimator, str) else repr(detector.estimator),
            "alarm": repr(detector.rule),
            "calibration": f"{detector.calibration}, {len(detector.calibrated_.scores):,} rows",
            "rows of the fit": f"{trimmed:,} left out as the oddest" if trimmed else "taken for clean",
        }
