"""The results of a comparison: systems, fits, figures, and the leaderboard as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .datasets import Dataset
from .diagnosis import Verdict
from .measured import COLUMNS

__all__ = ["Entry", "Study", "rows"]


@dataclass
class Entry:
    """One system: its fits, one per seed, and the figures of each on held-out rows."""

    name: str
    estimators: Sequence[Any]
    runs: Sequence[dict[str, float]]

    @property
    def estimator(self) -> Any:
        """The fit of the first seed, which is the one in pictures."""
        return self.estimators[0]

    @property
    def measured(self) -> dict[str, float]:
        """The mean of each figure over seeds."""
        return {name: float(np.mean([run[name] for run in self.runs])) for name in self.runs[0]}

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of each figure over seeds; empty for a single seed."""
        if len(self.runs) < 2:
            return {}
        return {name: float(np.std([run[name] for run in self.runs], ddof=1)) for name in self.runs[0]}


@dataclass
class Study:
    """The contents of a comparison's page: data, budget, noise, systems (PCA first), figures of real rows, verdicts."""

    data: Dataset
    budget: str
    seeds: Sequence[int]
    noise: str
    noisy: np.ndarray | None
    entries: list[Entry]
    reference: dict[str, float]
    verdicts: dict[str, list[Verdict]]
    command: str

    def __getitem__(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.name == name)

    @property
    def latent_dim(self) -> int:
        """The width of PCA's code, that of the first system."""
        return int(self["pca"].estimator.n_components)


def rows(study: Study) -> list[tuple[str, dict[str, str]]]:
    """Return the leaderboard's rows as text: a column per figure, with the spread over seeds on a second line."""
    everything = [(e.name, e.measured, e.spread) for e in study.entries]
    everything.append(("real", study.reference, {}))
    columns = [name for name in COLUMNS if any(name in measured for _, measured, _ in everything)]
    found = []
    for system, measured, spread in everything:
        cells = dict.fromkeys(columns, "–")
        for name in columns:
            form = COLUMNS[name].form
            if not math.isnan(measured.get(name, math.nan)):
                cells[name] = f"{measured[name]:{form}}".replace("-", "−")
                cells[name] += f"\n±{spread[name]:{form.replace('4g', '1g')}}" if name in spread else ""
        found.append((system, cells))
    return found
