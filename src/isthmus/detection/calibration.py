"""Which rows a detector's score is fitted on, and which rows it is calibrated with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import RandomState

from ..errors import DataError
from ..parts import Part

__all__ = ["Calibration", "Cross", "Prefit", "Split"]

Folds = Sequence[tuple[np.ndarray, np.ndarray]]


class Calibration(Part, kind="calibration"):
    """Base of the ways to calibrate."""

    def folds(self, rows: int, random: RandomState) -> Folds:
        """Return, for each model, the rows that it is fitted on and the rows that calibrate it, as indices.

        Raises
        ------
        DataError : there are too few rows.
        """
        raise NotImplementedError


class Split(Calibration):
    """One model; a share of the rows, drawn at random, is held back to calibrate it: split-conformal.

    At most a share α of usual rows raises an alarm, for any data and any score; the bound is exact to 1/(n + 1), n the
    rows held back.

    Parameters
    ----------
    share : the share that is held back.
    """

    share: float = 0.3

    def check(self) -> None:
        self.require(0 < self.share < 1, f"share must lie in (0, 1), got {self.share}")

    def folds(self, rows: int, random: RandomState) -> Folds:
        if rows < 2:
            raise DataError(f"calibration needs 2 rows or more, got {rows}")
        order = random.permutation(rows)
        held = min(rows - 1, max(1, round(self.share * rows)))
        return [(np.sort(order[held:]), np.sort(order[:held]))]


class Cross(Calibration):
    """K models, each calibrated by the rows that it was not fitted on: cross-conformal, CV+.

    No row is lost to calibration, which counts where rows are few; it costs K fits, and K times as long to score. The
    share of usual rows that raise an alarm is near α; what is proven is 2α.

    Parameters
    ----------
    n_folds : K.
    """

    n_folds: int = 5

    def check(self) -> None:
        self.require_count("n_folds", self.n_folds)
        self.require(self.n_folds >= 2, f"n_folds must be at least 2, got {self.n_folds}")

    def folds(self, rows: int, random: RandomState) -> Folds:
        if rows < self.n_folds:
            raise DataError(f"{self.n_folds} folds need {self.n_folds} rows or more, got {rows}")
        of_row = random.permutation(math.ceil(rows / self.n_folds) * self.n_folds)[:rows] % self.n_folds
        return [(np.flatnonzero(of_row != k), np.flatnonzero(of_row == k)) for k in range(self.n_folds)]


class Prefit(Calibration):
    """The score is fitted already; all rows calibrate it. They must not be rows that it was fitted on."""

    def folds(self, rows: int, random: RandomState) -> Folds:
        return [(np.arange(0), np.arange(rows))]
