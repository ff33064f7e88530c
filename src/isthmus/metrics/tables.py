"""How good rows of mixed columns are: each column's shape, each pair's trend, what tells them apart, what is copied.

A category is a column of codes; a number is any other. NaN is a value of its own in a category and left out of a
number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .rows import flat, same_width

__all__ = ["Nearer", "ToldApart", "column_shapes", "nearer_to_training", "pair_trends", "told_apart", "usefulness"]

CELLS = 10
"""Intervals that a number is cut into beside a category."""

ROWS_AT_ONCE = 250
"""Rows whose distances to all others are held at once."""


def column_shapes(real: ArrayLike, other: ArrayLike, categories: Sequence[int] = ()) -> np.ndarray:
    """Return how alike each column's distribution is, (n,), from 0 to 1.

    1 − sup|F − F'| for a number (Kolmogorov and Smirnov), 1 − ½Σ|p − p'| for a category: the "Column Shapes" of
    SDMetrics (https://docs.sdv.dev/sdmetrics).

    >>> column_shapes([[0.0, 1], [1, 1], [2, 0], [3, 0]], [[0.0, 1], [1, 1], [2, 1], [3, 0]], categories=[1]).tolist()
    [1.0, 0.75]
    """
    from scipy.stats import ks_2samp

    x, y = same_width(real, other)
    scores = [
        _overlap(x[:, [i]], y[:, [i]])
        if i in categories
        else 1 - ks_2samp(x[~np.isnan(x[:, i]), i], y[~np.isnan(y[:, i]), i], method="asymp").statistic
        for i in range(x.shape[1])
    ]
    return np.array(scores, dtype=np.float64)


def pair_trends(real: ArrayLike, other: ArrayLike, categories: Sequence[int] = ()) -> np.ndarray:
    """Return how alike the dependence of each pair of columns is, (n, n), from 0 to 1, with 1 on the diagonal.

    1 − ½|ρ − ρ'| for two numbers, ρ Pearson's; 1 − ½Σ|p − p'| over the table of a pair with a category, a number in it
    cut into ten intervals of the real range: the "Column Pair Trends" of SDMetrics (https://docs.sdv.dev/sdmetrics).
    A pair whose correlation is not known, since a column is constant, is NaN.

    >>> X = np.array([[0.0, 0], [1, 1], [2, 2]])
    >>> pair_trends(X, X[:, ::-1])[0, 1], pair_trends(X, X * [1, -1])[0, 1]
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
    edges = np.histogram_bin_edges(x[~np.isnan(x)], CELLS)
    edges[0], edges[-1] = -np.inf, np.inf
    cut_x, cut_y = (np.where(np.isnan(a), np.nan, np.searchsorted(edges, a, "right")) for a in (x, y))
    return cut_x, cut_y


def _overlap(x: np.ndarray, y: np.ndarray) -> float:
    """Return 1 − ½Σ|p − p'| over the distinct rows of x and y."""
    codes = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True, equal_nan=True)[1].ravel()
    p, q = (np.bincount(part, minlength=codes.max() + 1) / len(part) for part in (codes[: len(x)], codes[len(x) :]))
    return float(1 - np.abs(p - q).sum() / 2)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    known = ~np.isnan(x) & ~np.isnan(y)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(x[known], y[known])[0, 1])


class ToldApart(NamedTuple):
    """What `told_apart` returns: the area under the curve with its 95 % interval, and each row's suspicion.

    `real` and `other` say which rows were looked at; `suspicion_real` and `suspicion_other` are the probabilities of
    being real that boosting gave them, when it had not seen them.
    """

    auc: float
    low: float
    high: float
    real: np.ndarray
    other: np.ndarray
    suspicion_real: np.ndarray
    suspicion_other: np.ndarray


def told_apart(
    real: ArrayLike, other: ArrayLike, categories: Sequence[int] = (), *, rows: int = 8000, random_state: int = 0
) -> ToldApart:
    """Return how well gradient boosting tells real rows from others: the area under its ROC curve, three-fold held out.

    0.5 is indistinguishable, 1 told apart at once; well below 0.5 is a sign of copies, whose twins lie in other folds.
    Boosting finds what linear classifiers and distances do not. The interval is that of DeLong et al. 1988.

    Parameters
    ----------
    real, other : (N, n) and (M, n).
    categories : which columns are categories.
    rows : of either kind, at most, drawn at random.

    References
    ----------
    David Lopez-Paz and Maxime Oquab, "Revisiting Classifier Two-Sample Tests", 2017, https://arxiv.org/abs/1610.06545.
    Elizabeth DeLong, David DeLong and Daniel Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
        Operating Characteristic Curves", 1988, https://doi.org/10.2307/2531595.

    >>> rng = np.random.default_rng(0)
    >>> told_apart(rng.normal(size=(300, 2)), rng.normal(2, 1, size=(300, 2))).auc > 0.9
    True
    """
    from scipy.stats import rankdata
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    x, y = same_width(real, other)
    n = min(rows, len(x), len(y))
    if n < 6:
        raise DataError(f"telling rows apart needs six of either kind, got {len(x)} and {len(y)}")
    generator = np.random.default_rng(random_state)
    chosen = [generator.permutation(len(a))[:n] for a in (x, y)]
    both, few = _narrowed(np.concatenate([x[chosen[0]], y[chosen[1]]]), categories)
    model = HistGradientBoostingClassifier(categorical_features=few, random_state=random_state)
    folds = StratifiedKFold(3, shuffle=True, random_state=random_state)
    p = cross_val_predict(model, both, np.repeat([1, 0], n), cv=folds, method="predict_proba")[:, 1]
    above = (rankdata(p)[:n] - rankdata(p[:n])) / n, (rankdata(p)[n:] - rankdata(p[n:])) / n
    auc = float(above[0].mean())
    error = 1.96 * float(np.sqrt(above[0].var(ddof=1) / n + above[1].var(ddof=1) / n))
    return ToldApart(auc, auc - error, auc + error, *chosen, p[:n], p[n:])


LEVELS_OF_BOOSTING = 200
"""Levels that a category has at most, to be one for gradient boosting; one of more goes in by its code."""


def _narrowed(x: np.ndarray, categories: Sequence[int]) -> tuple[np.ndarray, list[int]]:
    """Return x with categories as codes from 0, and those that boosting takes as such."""
    x, few = x.copy(), []
    for i in categories:
        known = ~np.isnan(x[:, i])
        levels, x[known, i] = np.unique(x[known, i], return_inverse=True)
        few += [i] if len(levels) <= LEVELS_OF_BOOSTING else []
    return x, few


class Nearer(NamedTuple):
    """What `nearer_to_training` returns."""

    share: float
    copies: float


def nearer_to_training(
    train: ArrayLike,
    held_out: ArrayLike,
    other: ArrayLike,
    categories: Sequence[int] = (),
    *,
    rows: int = 500,
    random_state: int = 0,
) -> Nearer:
    """Return the share of rows that lie nearer to a training row than to one of as many held-out rows, and of copies.

    ½ is what new rows of the same distribution have; more is memory of the training rows. A tie counts half. The
    distance is Σ|xᵢ − yᵢ|, numbers over their range in training, categories 1 where they differ.

    Parameters
    ----------
    train, held_out, other : (L, n), (M, n), (N, n).
    rows : of `other`, at most, drawn at random.

    >>> X = np.random.default_rng(0).normal(size=(400, 3))
    >>> nearer_to_training(X[:200], X[200:], X[:50])
    Nearer(share=1.0, copies=1.0)
    """
    a, b, s = same_width(train, held_out, other)
    generator = np.random.default_rng(random_state)
    k = min(len(a), len(b))
    low, high = np.nanmin(a, axis=0), np.nanmax(a, axis=0)
    scale = np.where(high > low, high - low, 1.0)
    a, b = a[generator.permutation(len(a))[:k]], b[generator.permutation(len(b))[:k]]
    s = s[generator.permutation(len(s))[:rows]]
    to_train, to_held_out = (_nearest(s, side, scale, categories) for side in (a, b))
    tie = np.abs(to_train - to_held_out) <= 1e-9
    share = np.mean((to_train < to_held_out) & ~tie) + 0.5 * np.mean(tie)
    return Nearer(float(share), float(np.mean(to_train < 1e-9)))


def _nearest(s: np.ndarray, x: np.ndarray, scale: np.ndarray, categories: Sequence[int]) -> np.ndarray:
    is_category = np.isin(np.arange(s.shape[1]), list(categories))
    found = np.full(len(s), np.inf)
    for start in range(0, len(x), ROWS_AT_ONCE):
        block, total = x[start : start + ROWS_AT_ONCE], 0.0
        for i, category in enumerate(is_category):
            p, q = s[:, i, None], block[None, :, i]
            gap = np.isnan(p) != np.isnan(q)
            apart = (p != q) if category else np.abs(p - q) / scale[i]
            total = total + np.where(np.isnan(p) | np.isnan(q), gap, apart)
        found = np.minimum(found, np.min(total, axis=1))
    return found


def usefulness(train: ArrayLike, test: ArrayLike, target: int, categories: Sequence[int] = ()) -> float:
    """Return how well gradient boosting trained on some rows predicts a column of others: area under the curve, or r².

    Trained on synthetic rows and tested on real ones it says what the synthetic ones are good for; trained on real ones
    it is the measure of that. A category of two levels gives the area under the ROC curve, of more the mean of one
    against the rest; a number gives r².

    Parameters
    ----------
    train, test : (N, n) and (M, n).
    target : the column that is predicted from the others.
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
