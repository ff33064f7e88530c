"""Verdicts, and how a terminal shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["STATUSES", "Headline", "Verdict", "headline", "summary", "worst_first"]

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


class Headline(NamedTuple):
    """What is said first: the worst status, a title, the worst finding, and what else was found."""

    status: str
    title: str
    lead: str
    also: str


def headline(verdicts: Sequence[Verdict]) -> Headline:
    """Return what is said first of one verdict or more: the worst finding, and then the names of the others.

    >>> print(*headline([
    ...     Verdict("under-fitting", "healthy", "R² is 93%.", {}, "", ""),
    ...     Verdict("sample quality", "fault", "Samples fall short in recall.", {}, "", "Train longer."),
    ...     Verdict("over-fitting", "warning", "The error is larger.", {}, "", "More rows."),
    ... ]), sep="\\n")
    fault
    1 fault, 1 warning
    Sample quality: Samples fall short in recall.
    Found as well: over-fitting (warning). The other check passed.
    """
    ordered = worst_first(verdicts)
    first, healthy = ordered[0], sum(verdict.status == "healthy" for verdict in verdicts)
    if first.status == "healthy":
        lead = f"All {healthy} checks passed." if healthy > 1 else first.statement
        return Headline("healthy", "Healthy", lead, "")
    others = ", ".join(f"{verdict.about} ({verdict.status})" for verdict in ordered[1:] if verdict.status != "healthy")
    passed = {0: "", 1: "The other check passed."}.get(healthy, f"The other {healthy} checks passed.")
    also = " ".join(filter(None, (f"Found as well: {others}." if others else "", passed)))
    lead = f"{first.about[:1].upper()}{first.about[1:]}: {first.statement}"
    return Headline(first.status, _counted(ordered), lead, also)


def _counted(verdicts: Sequence[Verdict]) -> str:
    """Return how many faults and warnings there are."""
    counts = [(status, sum(verdict.status == status for verdict in verdicts)) for status in STATUSES[:2]]
    return ", ".join(f"{n} {status}{'s' if n > 1 else ''}" for status, n in counts if n)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as text for a terminal, the worst first.

    >>> print(summary([
    ...     Verdict("under-fitting", "healthy", "Explains 93 % of the variance.", {}, "", ""),
    ...     Verdict("posterior collapse", "fault", "No unit carries anything.", {}, "", "Lower the KL weight."),
    ... ]))
    1 fault; 1 check passed
    <BLANKLINE>
    FAULT    posterior collapse: No unit carries anything.
             Try: Lower the KL weight.
    healthy  under-fitting: Explains 93 % of the variance.
    """
    passed = sum(verdict.status == "healthy" for verdict in verdicts)
    checks = f"{passed} check{'s' if passed > 1 else ''} passed" if passed else ""
    lines = ["; ".join(filter(None, (_counted(verdicts), checks))) or "nothing to judge", ""]
    for verdict in worst_first(verdicts):
        label = verdict.status.upper() if verdict.status == "fault" else verdict.status
        lines.append(_wrapped(f"{label:<9}", f"{verdict.about}: {verdict.statement}"))
        if verdict.advice:
            lines.append(_wrapped(" " * 9, f"Try: {verdict.advice}"))
    return "\n".join(lines).rstrip()


def _wrapped(label: str, text: str) -> str:
    return textwrap.fill(text, width=100, initial_indent=label, subsequent_indent=" " * len(label))
