"""A detector's reasons: its score, its usual rows and the data's own values put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.schema import is_table
from ..errors import CompositionError
from .judgement import flat_rows, levels_of
from .reasons import Explanation, explain_rows
from .replacement import Replacement

if TYPE_CHECKING:
    from .detector import Detector

__all__ = ["explain"]

LOWEST_SCORE = -1e300
"""What stands for a score of −∞ where scores are subtracted."""


def explain(detector: Detector, X: Any, at_most: int) -> list[Explanation]:
    """Return why each row is unusual; see `Detector.explain`."""
    if at_most < 1:
        raise CompositionError(f"at_most must be at least 1, got {at_most}")
    judged, table, names = detector.judge(X), is_table(X), detector.column_names()
    shape, usual = judged.rows.shape[1:], flat_rows(detector.reference_)
    by_score = np.argsort(detector.calibrated_.scores[detector.reference_index_], kind="stable")
    kept = np.sort(by_score[int(detector.trimmed_share() * len(by_score)) :])
    replacement = Replacement(usual[kept], levels_of(detector), detector.schema_.settle if table else None)

    def judge(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = detector.judge(detector.inner_schema().decode(flat) if table else flat.reshape(len(flat), *shape))
        return np.maximum(found.mean_scores, LOWEST_SCORE), found.p_values

    def shown(flat: np.ndarray) -> list[list[Any]]:
        if not table:
            return list(flat.T.tolist())
        frame = detector.inner_schema().decode(flat)
        return [list(frame[name]) for name in names]

    return explain_rows(flat_rows(judged.rows), replacement, judge, shown, judged.level, names, at_most)
