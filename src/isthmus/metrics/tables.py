"""Metrics of synthetic tables: shapes of columns, trends of pairs, a two-sample test, usefulness.

A category is a column of codes; every other column is a number. NaN counts as one more level of a category, and is left
out of a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import flat, same_width
from .uncertainty import area_under_curve

__all__ = [
    "ToldApart",
    "column_shapes",
    "pair_trends",
    "told_apart",
    "usefulness",
]

INTERVALS = 10
"""The number of intervals that a number is cut into if it is paired with a category."""

BOOSTING_LEVELS = 200
"""The largest number of levels of a category for gradient boosting; with more, its codes are taken for numbers."""


def column_shapes(real: ArrayLike, other: ArrayLike, categories: Sequence[int] = ()) -> np.ndarray:
    """Return the similarity of each column's distribution, (n,), from 0 to 1.

    It is 1 − sup|F − F'| for a number, with Kolmogorov and Smirnov's distance, and 1 − ½Σ|p − p'| for a category: the
    "Column Shapes" of SDMetrics, https://docs.sdv.dev/sdmetrics, except that SDMetrics leaves out a category's gaps.

    >>> column_shapes([[0.0, 1], [1, 1], [2, 0], [3, 0]], [[0.0, 1], [1, 1], [2, 1], [3, 0]], categories=[1]).tolist()
    [1.0, 0.75]
    """
    x, y = same_width(real, other)
    scores = []
    for i in range(x.shape[1]):
        if i in categories:
            scores.append(_overlap(x[:, [i]], y[:, [i]]))
            continue
        a, b = np.sort(x[~np.isnan(x[:, i]), i]), np.sort(y[~np.isnan(y[:, i]), i])
        at = np.concatenate([a, b])
        below = [np.searchsorted(rows, at, side="right") / max(1, len(rows)) for rows in (a, b)]
        scores.append(1 - float(np.abs(below[0] - below[1]).max(initial=0.0)))
    return np.array(scores, dtype=np.float64)


def pair_trends(real: ArrayLike, other: ArrayLike, categories: Sequence[int] = ()) -> np.ndarray:
    """Return the similarity of the dependence of each pair of columns, (n, n), from 0 to 1, with 1 on the diagonal.

    For two numbers it is 1 − ½|ρ − ρ'| with Pearson's correlation ρ. For a pair with a category it is 1 − ½Σ|p − p'|
    over the pair's table of counts, in which a number is cut into ten intervals of its real range. These are the
    "Column Pair Trends" of SDMetrics, https://docs.sdv.dev/sdmetrics. If a number is constant, the correlation and the
    result are NaN.

    >>> X = np.array([[0.0, 0], [1, 1], [2, 2]])
    >>> float(pair_trends(X, X[:, ::-1])[0, 1]), float(pair_trends(X, X * [1, -1])[0, 1])
    (1.0, 0.0)
    """
    x, y = same_width(real, other)
    n = x.shape[1]
    cut = [_codes(x[:, i], y[:, i], i in categories) for i in range(n)]
    trends = np.eye(n)
    for i in range(n):
        for j in range(i):
            if i in categories or j in categories:
                pairs = [np.stack([cut[i][side], cut[j][side]], 1) for side in (0, 1)]
                trends[i, j] = _overlap(*pairs)
            else:
                trends[i, j] = 1 - abs(_correlation(x[:, i], x[:, j]) - _correlation(y[:, i], y[:, j])) / 2
            trends[j, i] = trends[i, j]
    return trends


def _codes(x: np.ndarray, y: np.ndarray, category: bool) -> tuple[np.ndarray, np.ndarray]:
    if category:
        return x, y
    edges = np.histogram_bin_edges(x[~np.isnan(x)], INTERVALS)
    edges[0], edges[-1] = -np.inf, np.inf
    cut_x, cut_y = (np.where(np.isnan(a), np.nan, np.searchsorted(edges, a, "right")) for a in (x, y))
    return cut_x, cut_y


def _overlap(x: np.ndarray, y: np.ndarray) -> float:
    """Return 1 − ½Σ|p − p'| over the distinct rows of x and y."""
    both = np.concatenate([x, y])
    levels = np.stack([np.unique(column, return_inverse=True)[1] for column in both.T], 1)  # in which NaN is one level
    codes = np.unique(levels, axis=0, return_inverse=True)[1].ravel()
    p, q = (np.bincount(part, minlength=codes.max() + 1) / len(part) for part in (codes[: len(x)], codes[len(x) :]))
    return float(1 - np.abs(p - q).sum() / 2)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    known = ~np.isnan(x) & ~np.isnan(y)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(x[known], y[known])[0, 1])


class ToldApart(NamedTuple):
    """The result of `told_apart`.

    Attributes
    ----------
    auc, low, high : the area under the ROC curve with its 95 % interval.
    real, other : the indices of the rows that were used.
    suspicion_real, suspicion_other : the held-out probabilities of these rows to be real.
    columns : how much the area falls if a column is shuffled among the held-out rows, (n,): what gave the rows away.
    """

    auc: float
    low: float
    high: float
    real: np.ndarray
    other: np.ndarray
    suspicion_real: np.ndarray
    suspicion_other: np.ndarray
    columns: np.ndarray


def told_apart(
    real: ArrayLike, other: ArrayLike, categories: Sequence[int] = (), *, rows: int = 8000, random_state: int = 0
) -> ToldApart:
    """Return the held-out area under the ROC curve of gradient boosting that tells real rows from others.

    Three folds are held out in turn. 0.5 means indistinguishable, 1 means perfectly distinguishable. A value well below
    0.5 is a sign of copies, whose originals lie in other folds. Boosting finds differences that linear classifiers and
    distances miss. The columns that gave the rows away are those whose permutation makes the area fall (Breiman 2001,
    section 10); two columns that say the same share their fall.

    Parameters
    ----------
    real, other : (N, n) and (M, n).
    categories : the indices of columns that are categories.
    rows : the largest number of rows of each kind, drawn at random.
    random_state : the seed of the draw, the folds, the boosting and the permutations.

    References
    ----------
    David Lopez-Paz and Maxime Oquab, "Revisiting Classifier Two-Sample Tests", 2017, https://arxiv.org/abs/1610.06545.
    Leo Breiman, "Random Forests", 2001, https://doi.org/10.1023/A:1010933404324.

    >>> rng = np.random.default_rng(0)
    >>> told_apart(rng.normal(size=(300, 2)), rng.normal(2, 1, size=(300, 2))).auc > 0.9
    True
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold

    x, y = same_width(real, other)
    n = min(rows, len(x), len(y))
    if n < 6:
        raise DataError(f"a two-sample test in three folds needs six rows of each kind, got {len(x)} and {len(y)}")
    generator = np.random.default_rng(random_state)
    chosen = generator.permutation(len(x))[:n], generator.permutation(len(y))[:n]
    both, few = _narrowed(np.concatenate([x[chosen[0]], y[chosen[1]]]), categories)
    labels, width = np.repeat([1, 0], n), both.shape[1]
    p, shuffled = np.empty(2 * n), np.empty((width, 2 * n))
    for train, test in StratifiedKFold(3, shuffle=True, random_state=random_state).split(both, labels):
        model = HistGradientBoostingClassifier(categorical_features=few, random_state=random_state)
        model.fit(both[train], labels[train])
        p[test] = model.predict_proba(both[test])[:, 1]
        for i in range(width):
            again = both[test].copy()
            again[:, i] = generator.permutation(again[:, i])
            shuffled[i, test] = model.predict_proba(again)[:, 1]
    area = area_under_curve(p[:n], p[n:])
    falls = np.array([area.auc - area_under_curve(q[:n], q[n:]).auc for q in shuffled])
    return ToldApart(*area, *chosen, p[:n], p[n:], falls)


def _narrowed(x: np.ndarray, categories: Sequence[int]) -> tuple[np.ndarray, list[int]]:
    """Return x with categories as codes from 0, and the categories that have few enough levels for boosting."""
    x, few = x.copy(), []
    for i in categories:
        known = ~np.isnan(x[:, i])
        levels, x[known, i] = np.unique(x[known, i], return_inverse=True)
        few += [i] if len(levels) <= BOOSTING_LEVELS else []
    return x, few


def usefulness(train: ArrayLike, test: ArrayLike, target: int, categories: Sequence[int] = ()) -> float:
    """Return how well gradient boosting predicts a column of test rows from the other columns, trained on `train`.

    Train on synthetic rows and test on real ones to measure the use of the synthetic rows; training on real rows gives
    the value to compare with. For a category the result is the area under the ROC curve, with more than two levels the
    mean of each level against the rest. For a number it is r².

    Parameters
    ----------
    train, test : (N, n) and (M, n).
    target : the index of the column to predict.
    categories : the indices of columns that are categories.

    References
    ----------
    Cristóbal Esteban, Stephanie L. Hyland and Gunnar Rätsch, "Real-valued (Medical) Time Series Generation with
        Recurrent Conditional GANs", 2017, https://arxiv.org/abs/1706.02633.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import r2_score, roc_auc_score

    x, y = same_width(train, test)
    both, few = _narrowed(np.concatenate([flat(x), flat(y)]), categories)
    others = np.arange(both.shape[1]) != target
    named = np.isin(np.flatnonzero(others), few)
    a, b = both[: len(x)], both[len(x) :]
    if target not in categories:
        model = HistGradientBoostingRegressor(categorical_features=named, random_state=0)
        return float(r2_score(b[:, target], model.fit(a[:, others], a[:, target]).predict(b[:, others])))
    model = HistGradientBoostingClassifier(categorical_features=named, random_state=0)
    p = model.fit(a[:, others], a[:, target]).predict_proba(b[:, others])
    classes = model.classes_
    known = np.isin(b[:, target], classes)
    scores = p[known, 1] if len(classes) == 2 else p[known]
    return float(roc_auc_score(b[known, target], scores, multi_class="ovr", labels=classes))
