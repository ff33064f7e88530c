"""The page of a detector: the same pictures and templates as a model's report, written for whoever acts on alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..detection import Detector
from ..device import plain_modes
from .content.findings import EXPLAINED, Findings
from .kinds import kind_of
from .page import check_page, render, report, write
from .pictures import CLASSES, Axis, Bars, Chart, Group, Line, Picture, histogram

__all__ = ["findings_page", "pictures"]

P_BINS = 20
"""Bins of the histogram of p-values."""

MOST_BARS = 12
"""Columns whose share of the alarms is shown, at most."""


@report.register
@plain_modes()
def _(
    model: Detector,
    X: Any,
    path: str | Path = "report.html",
    *,
    labels: Sequence[str] | None = None,
    data: str = "",
    command: str = "",
) -> Path:
    """Write one HTML page of what a detector says of rows; see `isthmus.Detector.report`."""
    place = Path(path)
    check_page(place)
    judged = model.judge(X)
    made = Findings.of(model, X, judged, labels, data=data, command=command or f"detector.report(X, {str(place)!r})")
    return write(place, findings_page(made))


def findings_page(findings: Findings) -> str:
    """Return the page as HTML."""
    title = f"Alarms in {findings.data}" if findings.data else "Alarms"
    return render("findings.html", title=title, findings=findings, pictures=list(pictures(findings)))


def pictures(findings: Findings) -> Iterator[Picture]:
    """Yield the page's pictures in reading order."""
    shown, raised = len(findings.explanations), len(findings.order)
    if shown:
        note = "The oddest first. p is the share of usual rows that look as odd."
        if raised > shown:
            note += f" The {EXPLAINED} oddest of {raised:,} are shown."
        yield Picture("alarms", "Which rows, and why", note, kind_of(findings.look).alarms(findings))
        named = findings.first_columns
        if len(named) > 1:
            columns, shares = zip(*named[:MOST_BARS], strict=True)
            alt = "; ".join(f"{column}: {share:.0%}" for column, share in named[:MOST_BARS])
            note = f"Of {shown} alarms, the share for which each is the first reason."
            yield Picture("columns", "What is odd about them", note, [Group([Bars(columns, np.array(shares), alt)])])
    note = (
        "If all rows were usual, their p-values would be spread evenly, along the dashed line. A peak at the left is "
        "rows that do not belong; a slope to the left all over means that the world has moved since the fit."
    )
    charts = [_p_values(findings.judged.p_values)]
    groups = {"usual rows": findings.detector.calibrated_.scores, "these rows": findings.judged.mean_scores}
    finite = {name: scores[np.isfinite(scores)] for name, scores in groups.items()}
    if all(map(len, finite.values())):
        caption = "The first and the last bin also hold the hundredth of rows beyond them."
        charts.append(histogram(finite, "score, lower where odder", caption, trim=0.01))
    yield Picture("sure", "How sure this is", note, [Group(charts, "grid two")])


def _p_values(p: np.ndarray) -> Chart:
    edges = np.linspace(0, 1, P_BINS + 1)
    share = np.histogram(p, edges)[0] / len(p)
    own = Line(np.repeat(edges, 2)[1:-1], np.repeat(share, 2), "these rows", CLASSES[1], "filled")
    even = Line(np.array([0.0, 1.0]), np.full(2, 1 / P_BINS), "if all were usual", "currentColor", "dashed")
    y = Axis(0, 1.08 * max(float(share.max()), 2 / P_BINS), "share of rows")
    alt = f"Histogram of p-values: {share[0]:.1%} of the rows lie below {edges[1]:g}, where {1 / P_BINS:.0%} would"
    return Chart([own, even], Axis(0, 1, "p-value"), y, alt)
