"""Verdicts, and how a terminal shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["STATUSES", "Verdict", "summary", "worst_first"]

STATUSES = ("fault", "warning", "healthy")
"""From the worst to the best."""


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Attributes
    ----------
    about : the fault that was looked for, such as ``"posterior collapse"``.
    status : ``"healthy"``, ``"warning"`` or ``"fault"``.
    statement : one or two plain sentences with their numbers.
    evidence : the numbers that the verdict rests on, by name.
    threshold : what separates the statuses, and why there.
    advice : what to try next; empty when healthy.
    """

    about: str
    status: str
    statement: str
    evidence: dict[str, float]
    threshold: str
    advice: str


def worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return faults, then warnings, then what is healthy; within each in the order given."""
    return sorted(verdicts, key=lambda verdict: STATUSES.index(verdict.status))


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as text for a terminal, the worst first.

    >>> print(summary([
    ...     Verdict("under-fitting", "healthy", "Explains 93 % of the variance.", {}, "", ""),
    ...     Verdict("posterior collapse", "fault", "No unit carries anything.", {}, "", "Lower the KL weight."),
    ... ]))
    1 fault, 1 healthy
    <BLANKLINE>
    FAULT    posterior collapse: No unit carries anything.
             Try: Lower the KL weight.
    healthy  under-fitting: Explains 93 % of the variance.
    """
    counts = [(status, sum(verdict.status == status for verdict in verdicts)) for status in STATUSES]
    plural = {"fault": "faults", "warning": "warnings", "healthy": "healthy"}
    head = ", ".join(f"{n} {status if n == 1 else plural[status]}" for status, n in counts if n)
    lines = [head or "nothing to judge", ""]
    for verdict in worst_first(verdicts):
        label = verdict.status.upper() if verdict.status == "fault" else verdict.status
        lines.append(_wrapped(f"{label:<9}", f"{verdict.about}: {verdict.statement}"))
        if verdict.advice:
            lines.append(_wrapped(" " * 9, f"Try: {verdict.advice}"))
    return "\n".join(lines).rstrip()


def _wrapped(label: str, text: str) -> str:
    return textwrap.fill(text, width=100, initial_indent=label, subsequent_indent=" " * len(label))
