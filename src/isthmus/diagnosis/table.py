"""The table of checks: a check is one function, registered by its decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .subject import Subject
from .verdict import STATUSES, Verdict

__all__ = ["CHECKS", "Check", "Finding", "check", "grade", "worst_of"]


class Finding(NamedTuple):
    """What a check returns; the table adds what it is about and its threshold."""

    status: str
    statement: str
    evidence: dict[str, float]
    advice: str


Function = Callable[[Subject], Finding | None]


class Check(NamedTuple):
    """One line of the table."""

    about: str
    threshold: str
    function: Function

    def __call__(self, subject: Subject) -> Verdict | None:
        """Return the verdict, or None where the check means nothing for this estimator or these rows."""
        found = self.function(subject)
        if found is None:
            return None
        advice = "" if found.status == "healthy" else found.advice
        evidence = {name: float(value) for name, value in found.evidence.items()}
        return Verdict(self.about, found.status, found.statement, evidence, self.threshold, advice)


CHECKS: list[Check] = []
"""Every check, in the order in which verdicts are given."""


def check(about: str, threshold: str) -> Callable[[Function], Function]:
    """Register a function as the check of a fault; `threshold` says what separates the statuses, and why there."""

    def register(function: Function) -> Function:
        CHECKS.append(Check(about, threshold, function))
        return function

    return register


def grade(value: float, warning: float, fault: float) -> str:
    """Return the status of a number that is a fault beyond `fault`, a warning beyond `warning`.

    Beyond is above where `fault` is the larger of the two, below where it is the smaller.

    >>> grade(0.3, 0.2, 0.5), grade(0.3, 0.8, 0.5), grade(0.9, 0.8, 0.5)
    ('warning', 'fault', 'healthy')
    """
    if fault < warning:
        value, warning, fault = -value, -warning, -fault
    return "fault" if value > fault else "warning" if value > warning else "healthy"


def worst_of(*statuses: str) -> str:
    """Return the worst of several statuses; healthy where there are none.

    >>> worst_of("healthy", "warning"), worst_of()
    ('warning', 'healthy')
    """
    return min(statuses, key=STATUSES.index, default="healthy")
