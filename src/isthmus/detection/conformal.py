"""Conformal p-values: how often a usual row would look as odd as this one, whatever the score.

A row's p-value is its rank among calibration rows, which the score was not fitted on. If the row and the calibration
rows are exchangeable, P(p ≤ α) ≤ α for every α and every score. Scores are higher where a row is more usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CalibrationScores", "difference"]

BLOCK_VALUES = 2**22
"""How many differences of scores are held at once."""


@dataclass(frozen=True, eq=False)
class CalibrationScores:
    r"""The scores of calibration rows, each by a model that did not see the row.

    With one model, a row of score s and weight w gets, among n calibration rows of scores sᵢ and weights wᵢ,

        p = (Σᵢ wᵢ 1[sᵢ ≤ s] + w) / (Σᵢ wᵢ + w),

    split-conformal where all weights are 1. Ties are counted against an alarm. With u ~ U(0, 1), they are broken at
    random and p is uniform: p = (Σᵢ wᵢ 1[sᵢ < s] + u (Σᵢ wᵢ 1[sᵢ = s] + w)) / (Σᵢ wᵢ + w). With K models, sᵢ is held
    against the score that the model which did not see row i gives (cross-conformal, CV+). Then P(p ≤ α) is about α and,
    for any data and score, at most 2α + (1 − K/n)/(K + 1).

    Parameters
    ----------
    scores : sᵢ, (n,).
    fold : which of the models scored each calibration row, (n,), from 0 to K − 1.
    weights : wᵢ, (n,), proportional to p_new(xᵢ)/p_calibration(xᵢ) where new rows are known to be distributed
        differently; ones where they are not.

    References
    ----------
    Stephen Bates, Emmanuel Candès, Lihua Lei, Yaniv Romano and Matteo Sesia, "Testing for outliers with conformal
        p-values", 2023, https://arxiv.org/abs/2104.08279.
    Rina Foygel Barber, Emmanuel J. Candès, Aaditya Ramdas and Ryan J. Tibshirani, "Predictive inference with the
        jackknife+", 2021, https://arxiv.org/abs/1905.02928, theorem 4.
    Ryan J. Tibshirani, Rina Foygel Barber, Emmanuel J. Candès and Aaditya Ramdas, "Conformal prediction under covariate
        shift", 2019, https://arxiv.org/abs/1904.06019.

    >>> four = CalibrationScores.of(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> four.p_values(np.array([[0.5, 2.0, 9.0]])).tolist()
    [0.2, 0.6, 1.0]
    >>> four.threshold(0.4)
    2.0
    """

    scores: np.ndarray
    fold: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls, scores: np.ndarray, fold: np.ndarray | None = None, weights: np.ndarray | None = None
    ) -> CalibrationScores:
        """Return calibration scores of one model and of equal weights, unless these are given."""
        n = len(scores)
        return cls(
            np.asarray(scores, dtype=np.float64),
            np.zeros(n, dtype=np.int64) if fold is None else fold,
            np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64),
        )

    @property
    def plain(self) -> bool:
        """Whether there is one model and all weights are 1, so that one threshold holds for all rows."""
        return not self.fold.any() and bool((self.weights == 1).all())

    def p_values(
        self, scores: np.ndarray, weights: np.ndarray | None = None, u: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the p-values of new rows, (N,).

        Parameters
        ----------
        scores : of each row by each model, (K, N).
        weights : w of each row, (N,); None is 1.
        u : numbers in (0, 1), (N,), that break ties; without them ties count against an alarm.
        """
        own = np.ones(scores.shape[1]) if weights is None else weights
        below, up_to = self._mass(scores, "left"), self._mass(scores, "right")
        counted = up_to + own if u is None else below + u * (up_to - below + own)
        p: np.ndarray = counted / (self.weights.sum() + own)
        return p

    def _mass(self, scores: np.ndarray, side: str) -> np.ndarray:
        """Return the weight of the calibration rows below each row; with ``"right"`` also of those level with it."""
        mass = np.zeros(scores.shape[1])
        for fold, s in enumerate(scores):
            here = self.fold == fold
            order = np.argsort(self.scores[here], kind="stable")
            cumulated = np.concatenate([[0.0], np.cumsum(self.weights[here][order])])
            mass += cumulated[np.searchsorted(self.scores[here][order], s, side=side)]  # type: ignore[call-overload]
        return mass

    def threshold(self, level: float) -> float:
        """Return the score below which p ≤ `level`: the k-th lowest, k the most for which k/(n + 1) ≤ `level`.

        It is −∞ where the calibration rows are too few for any alarm at that level. For one model, equal weights and
        ties that count against an alarm.
        """
        n = len(self.scores)
        allowed = int((np.arange(1, n + 2) / (n + 1) <= level).sum())
        return float(np.concatenate([[-np.inf], np.sort(self.scores), [np.inf]])[allowed])

    def margins(
        self, scores: np.ndarray, level: float, weights: np.ndarray | None = None, u: np.ndarray | None = None
    ) -> np.ndarray:
        """Return how far each row's scores could fall before p ≤ `level`, (N,); negative where it is so already.

        This is inf{c : p(s − c) ≤ level}, in the score's own units, and s less the threshold where there is just one.
        """
        n, rows = len(self.scores), scores.shape[1]
        own = np.ones(rows) if weights is None else weights
        total, margins = self.weights.sum(), np.empty(rows)
        size = max(1, BLOCK_VALUES // (n + 2))
        for start in range(0, rows, size):
            part = slice(start, min(start + size, rows))
            lead = difference(scores[self.fold, part].T, self.scores)
            order = np.argsort(-lead, axis=1, kind="stable")
            least, most = np.full((len(lead), 1), -np.inf), np.full((len(lead), 1), np.inf)
            mass = np.concatenate([np.zeros((len(lead), 1)), np.cumsum(self.weights[order], axis=1)], axis=1)
            w = own[part, None]
            p = (mass + (w if u is None else u[part, None] * w)) / (total + w)
            allowed = (p <= level).sum(axis=1, keepdims=True)
            falling = np.concatenate([most, np.take_along_axis(lead, order, axis=1), least], axis=1)
            margins[part] = np.take_along_axis(falling, allowed, axis=1)[:, 0]
        return margins


def difference(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """Return a − b; two scores of −∞ are level."""
    with np.errstate(invalid="ignore"):
        apart: np.ndarray = np.where(a == b, 0.0, a - b)
    return apart
