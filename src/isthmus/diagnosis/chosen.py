"""Which rows are measured."""

from __future__ import annotations

import math

import numpy as np

from ..subsets import random_subset

__all__ = ["complete", "measured_rows"]

ROWS = 10_000
"""Rows of either kind that are measured, at most, drawn at random."""

VALUES = 20_000_000
"""Numbers in the rows of either kind, at most, so that large pictures fit into memory several times over."""


def complete(X: np.ndarray) -> np.ndarray:
    """Return which of rows (N, ...) have no gaps, in ascending order."""
    gaps = np.isnan(X) if X.dtype.kind == "f" else np.zeros((len(X), 1), dtype=bool)
    whole: np.ndarray = np.flatnonzero(~gaps.reshape(len(X), -1).any(1))
    return whole


def measured_rows(X: np.ndarray, seed: int, among: np.ndarray | None = None) -> np.ndarray:
    """Return which of rows (N, ...) are measured, in order: those without gaps, or `among`, of many a random subset."""
    whole = complete(X) if among is None else among
    at_most = max(1, min(ROWS, VALUES // max(1, math.prod(X.shape[1:]))))
    chosen: np.ndarray = whole[random_subset(len(whole), at_most, seed)]
    return chosen
