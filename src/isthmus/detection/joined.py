"""Several scores as one: each says how rare its value is among usual rows, and the mean of that counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import _safe_indexing as take
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import _num_samples

from ..data.schema import is_table
from ..errors import CompositionError
from ..rows import TakesTables
from ..typing import ArrayLike, RandomState
from .embedding import rank_among
from .scores import scores_of

__all__ = ["Joined", "rarity"]

TAIL_SHARE = 0.1
"""The share of the lowest scores whose mean excess says how the tail goes on."""

FEWEST_TAIL_ROWS = 5

LEAST_EXCESS = 1e-6
"""The mean excess, as a share of the spread of scores, below which it counts as that much: where scores are level."""


class Joined(TakesTables, BaseEstimator):  # type: ignore[misc]
    r"""Several scores as one, whatever their units: minus the mean of how rare each is.

    score(x) = −(1/M) Σₘ −log P̂(Sₘ ≤ sₘ(x)), P̂ by the ranks among rows that the scores were not fitted on (`rarity`).
    For one score this changes the order of no two rows; of several it is Fisher's sum of −log p. Each score is fitted
    twice: on all rows but a share, among which it is then ranked, and on all.

    Parameters
    ----------
    scores : estimators with ``score_samples`` or ``decision_function``, or functions of rows, see `Detector`.
    held_share : the share of rows that scores are ranked among.
    random_state : the seed of which these are.
    schema : of a table; it is handed on to the scores that take one.

    Attributes
    ----------
    scores_ : the fitted scores.
    usual_ : the scores of the held rows by each of them, sorted, (M, n).

    References
    ----------
    Ronald A. Fisher, "Statistical methods for research workers", 1932, section 21.1.
    Hans-Peter Kriegel, Peer Kröger, Erich Schubert and Arthur Zimek, "Interpreting and unifying outlier scores", 2011,
        https://doi.org/10.1137/1.9781611972818.2.

    >>> from sklearn.mixture import GaussianMixture
    >>> from isthmus.detection import Neighbours
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> near, far = Joined((Neighbours(5), GaussianMixture())).fit(X).score_samples(np.array([[0.0, 0.0], [4.0, 4.0]]))
    >>> bool(far < near < 0)
    True
    """

    scores_: list[Any]
    usual_: np.ndarray

    def __init__(
        self, scores: Sequence[Any], *, held_share: float = 0.2, random_state: RandomState = 0, schema: Any = None
    ) -> None:
        self.scores = scores
        self.held_share = held_share
        self.random_state = random_state
        self.schema = schema

    @property
    def takes_gaps(self) -> bool:  # type: ignore[override]
        """Whether rows may have gaps: where all scores take them."""
        with_tags = [score for score in self.scores if hasattr(score, "__sklearn_tags__")]
        return all(get_tags(score).input_tags.allow_nan for score in with_tags)

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit each score, and rank it among rows that it was not fitted on.

        Raises
        ------
        CompositionError : there are no scores, or the share is out of range.
        """
        if not len(self.scores):
            raise CompositionError("a joined score needs one score or more")
        if not 0 < self.held_share < 1:
            raise CompositionError(f"held_share must lie in (0, 1), got {self.held_share}")
        rows = _num_samples(X)
        order = check_random_state(self.random_state).permutation(rows)
        held = max(1, round(self.held_share * rows)) if rows > 1 else 0
        ranked, rest = take(X, np.sort(order[:held] if held else order)), take(X, np.sort(order[held:]))
        self.scores_, usual = [], []
        for score in self.scores:
            if not hasattr(score, "fit"):
                self.scores_.append(score)
                usual.append(np.sort(scores_of(score, ranked)))
                continue
            if is_table(X) and getattr(score, "schema", "") is None:
                score = clone(score).set_params(schema=self.schema)
            usual.append(np.sort(scores_of(clone(score).fit(rest), ranked)))
            self.scores_.append(clone(score).fit(X))
        self.usual_ = np.stack(usual)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each row, (N,): higher is more usual; −1 is that of usual rows in the mean."""
        each = [rarity(scores_of(score, X), usual) for score, usual in zip(self.scores_, self.usual_, strict=True)]
        scores: np.ndarray = -np.mean(each, axis=0)
        return scores


def rarity(scores: np.ndarray, usual: np.ndarray) -> np.ndarray:
    r"""Return −log P̂(S ≤ s) of scores s, (N,), by their ranks among usual ones, continued exponentially below them.

    P̂ is the rank among usual scores (`rank_among`). Below the k-th lowest, t_k, k a
    tenth of n, it is P̂(t_k) exp(−(t_k − s)/e), e the mean excess of the k lowest, so that of two rows below all usual
    ones the lower one is still the rarer one.

    Parameters
    ----------
    scores : (N,).
    usual : sorted, (n,).

    >>> rarity(np.array([-30.0, -1.0, 99.0]), np.arange(100.0)).round(2).tolist()
    [9.54, 4.26, 0.01]
    """
    n = len(usual)
    rare: np.ndarray = -np.log(rank_among(scores, usual))
    k = min(n - 1, max(FEWEST_TAIL_ROWS, int(TAIL_SHARE * n)))
    finite = usual[:k][np.isfinite(usual[:k])]
    if len(finite) and np.isfinite(usual[k]):
        spread = float(usual[np.isfinite(usual)].max() - finite.min()) or max(1.0, abs(float(usual[k])))
        excess = max(float((usual[k] - finite).mean()), LEAST_EXCESS * spread)
        low = scores < usual[k]
        rare[low] = np.log((n + 1) / (k + 0.5)) + (usual[k] - scores[low]) / excess
    return rare
