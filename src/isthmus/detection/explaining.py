"""A detector's reasons: its score, its usual rows and the data's own values put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.schema import is_table
from ..errors import CompositionError
from .conditionals import Conditionals
from .judgement import flat_rows, levels_of
from .reasons import Explanation, explain_rows
from .regions import Regions
from .replacement import Replacement, UsualRows

if TYPE_CHECKING:
    from .detector import Detector

__all__ = ["explain"]

LOWEST_SCORE = -1e300
"""What stands for a score of −∞ where scores are subtracted."""


def explain(detector: Detector, X: Any, at_most: int) -> list[Explanation]:
    """Return why each row is unusual; see `Detector.explain`."""
    if at_most < 1:
        raise CompositionError(f"at_most must be at least 1, got {at_most}")
    judged, table = detector.judge(X), is_table(X)
    shape, usual = judged.rows.shape[1:], flat_rows(detector.reference_)
    by_score = np.argsort(detector.calibrated_.scores[detector.reference_index_], kind="stable")
    kept = np.sort(by_score[int(detector.trimmed_share() * len(by_score)) :])
    names = [str(name) for name in detector.feature_names_in_] if hasattr(detector, "feature_names_in_") else None
    regions = Regions.of(detector.reference_, names)
    schema, model = detector.inner_schema() if table else None, detector.estimators_[0]
    settle = None if schema is None else schema.settle

    def given(flat: np.ndarray) -> Any:
        return flat.reshape(len(flat), *shape) if schema is None else schema.decode(flat)

    def judge(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = detector.judge(given(flat))
        return np.maximum(found.mean_scores, LOWEST_SCORE), found.p_values

    def shown(flat: np.ndarray) -> list[list[Any]]:
        frame = given(flat)
        if schema is None or not hasattr(frame, "columns"):
            return list(frame.reshape(len(frame), -1).T.tolist())
        return [list(frame[name]) for name in schema.names]

    replacement: Replacement
    if hasattr(model, "conditional") and regions.single:
        spread = np.nanstd(usual[kept], axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        numbers = flat_rows if schema is None else schema.encode
        replacement = Conditionals(model, regions, scale, given, numbers, settle)
    else:
        replacement = UsualRows(usual[kept], regions, levels_of(detector), settle)
    found = explain_rows(flat_rows(judged.rows), replacement, judge, shown, judged.level, at_most)
    return [replace(why, map=why.map.reshape(shape)) for why in found]
