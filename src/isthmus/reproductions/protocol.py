"""Protocols: what a paper measured, what others found, and how it is measured here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from ..estimators import Estimator
from ..training import Training

__all__ = ["SCALES", "Attempt", "Figures", "Line", "Measure", "Protocol", "Scale", "figures_of"]

Scale = Literal["full", "fast", "part"]

SCALES: dict[str, str] = {
    "full": "the paper's set-up",
    "fast": "isthmus's own settings: the same model, data and measure, at most a tenth of the epochs",
    "part": "a stated part of the data or of the draws, for a machine without the time",
}
"""What each scale stands for."""

Figures = Mapping[str, float]
"""The figures of one attempt, by the name of their measure."""

Fits = TypeVar("Fits", bound=Estimator)


@dataclass(frozen=True)
class Measure:
    """A column of a protocol's table.

    Attributes
    ----------
    name : as attempts name their figure.
    title : of the column.
    digits : after the point.
    """

    name: str
    title: str
    digits: int = 2


class Attempt:
    """One fit of one line with one seed: where it keeps its state, and what it has cost.

    Parameters
    ----------
    scale : the set-up.
    seed : of the fit and of everything drawn in it.
    folder : where checkpoints of its fits are kept until it is done.
    """

    def __init__(self, scale: str, seed: int, folder: Path) -> None:
        self.scale, self.seed, self.folder = scale, seed, folder
        self.seconds, self._fits = 0.0, 0

    def fit(self, estimator: Fits, X: Any, y: Any = None) -> Fits:
        """Fit an estimator with the attempt's seed; a fit that was stopped goes on from its last checkpoint."""
        place = self.folder / f"fit-{self._fits}"
        self._fits += 1
        settings = estimator.settings().get_params(deep=False)
        kept = Training(**settings | {"checkpoint": str(place), "resume": True})
        estimator.set_params(training=kept, random_state=self.seed).fit(X, y)
        self.seconds += float(estimator.history_["seconds"].sum())
        return estimator


@dataclass(frozen=True)
class Line:
    """A line of a protocol's table: a model.

    Attributes
    ----------
    label : the name of the model, unique in its protocol.
    published : the paper's figures by the name of their measure.
    attempt : fits and measures the model; None where only the paper's figures are shown.
    others : what others reproduced, with who they are.
    """

    label: str
    published: Figures = field(default_factory=dict)
    attempt: Callable[[Attempt], Figures] | None = None
    others: str = ""


@dataclass(frozen=True)
class Protocol:
    """A paper's table, and how it is reproduced.

    Attributes
    ----------
    name : at the command line.
    title : of its section.
    source : the paper, with its link.
    about : data, model and measure, in a paragraph.
    measures : the columns.
    lines : the models.
    settings : what each scale that can be run means here, in words.
    """

    name: str
    title: str
    source: str
    about: str
    measures: Sequence[Measure]
    lines: Sequence[Line]
    settings: Mapping[str, str]


def figures_of(found: Figures, measures: Sequence[Measure]) -> dict[str, float]:
    """Return the figures of a protocol's measures as plain numbers."""
    return {measure.name: float(found[measure.name]) for measure in measures if measure.name in found}
