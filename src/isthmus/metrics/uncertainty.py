"""The uncertainty of a metric: intervals, and the floor that real rows set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike

__all__ = ["Area", "Interval", "accuracy_interval", "area_under_curve", "bootstrap_interval", "real_against_real"]
__all__ += ["share_interval"]

NORMAL_QUANTILE = 1.959964
"""The 97.5 % quantile of a standard normal distribution: that of intervals at a level of 95 %."""

T = TypeVar("T")


class Interval(NamedTuple, Generic[T]):
    """The result of `bootstrap_interval`; each field has the metric's own type: a number, an array, a named tuple."""

    value: T
    low: T
    high: T
    standard_error: T


def bootstrap_interval(
    metric: Callable[..., T],
    *arrays: ArrayLike,
    paired: bool = False,
    level: float = 0.95,
    n_resamples: int = 200,
    share: float = 0.5,
    random_state: int = 0,
) -> Interval[T]:
    """Return a metric of rows with a percentile interval and a standard error, by subsampling the rows.

    Let θ be the metric of all N rows, and θ* that of m = share · N rows drawn without replacement. The interval is θ
    plus √(m/(N − m)) times the percentiles of θ* − mean θ*, and the standard error is the same factor times their
    standard deviation. The factor is right because the variance of θ* about θ is (1/m − 1/N)σ² and that of θ is σ²/N
    (Politis & Romano 1994; Shao & Wu 1989). Subtracting the mean of θ* removes the bias of small subsets.

    Efron's bootstrap would draw rows twice. A row drawn twice is its own nearest neighbour, so that recall, coverage
    and unbiased discrepancies would come out wrong.

    An interval may extend beyond the metric's range. For distances that are zero if the distributions are equal, the
    spread near zero falls as 1/N rather than 1/√N, and the interval is too wide.

    The cost is that of the metric of all rows, plus `n_resamples` times that of m rows. If the metric's time grows as
    the square of the rows, that is about 50 times the metric alone, or 3 times with a share of 0.1.

    Parameters
    ----------
    metric : a function of the arrays that returns a number, an array, or a (named) tuple of them.
    arrays : rows, (N, ...), (M, ...), ...
    paired : whether rows with the same index belong together, as in X and its reconstruction, or codes and labels.
    level : the coverage of the interval.
    n_resamples : the number of subsets, 10 or more.
    share : the share of the rows in a subset. A smaller share is faster, but assumes that the metric's spread falls as
        1/√N from m rows on.
    random_state : the seed of the subsets.

    References
    ----------
    Dimitris N. Politis and Joseph P. Romano, "Large sample confidence regions based on subsamples under minimal
        assumptions", 1994, https://doi.org/10.1214/aos/1176325770.
    Jun Shao and C. F. Jeff Wu, "A general theory for jackknife variance estimation", 1989,
        https://doi.org/10.1214/aos/1176347263.

    >>> bootstrap_interval(lambda x: float(x.mean()), [[0.0], [2.0]] * 50).value
    1.0
    """
    rows = [np.asarray(a) for a in arrays]
    lengths = [len(a) for a in rows]
    if not 0 < share < 1 or not rows or min(lengths) * share < 2:
        given = ", ".join(map(str, lengths)) or "no"
        raise DataError(f"a subset needs two rows or more, but not all, got a share of {share} of {given} rows")
    if paired and len(set(lengths)) > 1:
        raise DataError(f"paired arrays must have the same number of rows, got {', '.join(map(str, lengths))}")
    if n_resamples < 10 or not 0 < level < 1:
        raise DataError(f"n_resamples must be 10 or more and level within (0, 1), got {n_resamples} and {level}")
    generator = np.random.default_rng(random_state)

    def part() -> T:
        orders = [generator.permutation(n)[: int(n * share)] for n in (lengths[:1] if paired else lengths)]
        chosen = orders * len(rows) if paired else orders
        return metric(*(a[order] for a, order in zip(rows, chosen, strict=True)))

    value, parts = metric(*rows), [part() for _ in range(n_resamples)]
    scale = (share / (1 - share)) ** 0.5
    tails = (0.5 - level / 2, 0.5 + level / 2)

    def around(q: float) -> Any:
        return _each(lambda v, p: v + scale * np.quantile(p - p.mean(0), q, axis=0), value, parts)

    error = _each(lambda _, p: scale * p.std(0, ddof=1), value, parts)
    return Interval(value, around(tails[0]), around(tails[1]), error)


def _each(f: Callable[[Any, np.ndarray], Any], value: Any, parts: list[Any]) -> Any:
    """Return f(value, values of the subsets), field by field if the value is a tuple, with the value's own type."""
    if isinstance(value, tuple):
        fields = [_each(f, field, [p[i] for p in parts]) for i, field in enumerate(value)]
        return type(value)(*fields) if hasattr(value, "_fields") else tuple(fields)
    result = f(value, np.array(parts, dtype=np.float64))
    return result if np.ndim(value) else float(result)


def accuracy_interval(accuracy: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of an accuracy a that was measured on n rows (Wilson 1927).

    (a + c²/2n ± c √(a(1 − a)/n + c²/4n²)) / (1 + c²/n), where c is the normal quantile of the level.

    Parameters
    ----------
    accuracy : the share of correct rows, in [0, 1].
    n : the number of rows.
    level : the coverage of the interval.

    References
    ----------
    Edwin B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927,
        https://doi.org/10.1080/01621459.1927.10502953.

    >>> [round(bound, 3) for bound in accuracy_interval(0.9, 100)]
    [0.826, 0.945]
    """
    from scipy.stats import binomtest

    right = round(accuracy * n)
    if n < 1 or not 0 <= right <= n or abs(right - accuracy * n) > 1e-6 * n:
        raise DataError(f"accuracy must be a share of n rows, got {accuracy} of {n}")
    interval = binomtest(right, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def share_interval(share: float, rows: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share that rests on a number of independent rows, which may be no integer.

    The formula is that of `accuracy_interval`. If rows depend on each other, `rows` is the number of independent rows
    that would give the same variance.

    Parameters
    ----------
    share : within [0, 1].
    rows : positive.

    References
    ----------
    Edwin B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927,
        https://doi.org/10.1080/01621459.1927.10502953.

    >>> [round(bound, 3) for bound in share_interval(0.9, 100)]
    [0.826, 0.945]
    """
    if not 0 <= share <= 1 or not rows > 0:
        raise DataError(f"a share lies within [0, 1] and rests on more than 0 rows, got {share} of {rows} rows")
    square = NORMAL_QUANTILE**2 / rows
    middle = share + square / 2
    spread = (share * (1 - share) * square + square**2 / 4) ** 0.5
    return float((middle - spread) / (1 + square)), float((middle + spread) / (1 + square))


class Area(NamedTuple):
    """The result of `area_under_curve`: the area under the ROC curve and its 95 % interval."""

    auc: float
    low: float
    high: float


def area_under_curve(positive: ArrayLike, negative: ArrayLike) -> Area:
    """Return the probability that a positive row scores higher than a negative one, with its 95 % interval.

    This is the area under the ROC curve, P(s₊ > s₋) + ½P(s₊ = s₋). The interval is that of DeLong et al. 1988.

    Parameters
    ----------
    positive, negative : the scores of the two kinds of rows, (N,) and (M,), two or more of each.

    References
    ----------
    Elizabeth DeLong, David DeLong and Daniel Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
        Operating Characteristic Curves", 1988, https://doi.org/10.2307/2531595.

    >>> round(area_under_curve([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]).auc, 4)
    0.9444
    """
    from scipy.stats import rankdata

    a, b = np.asarray(positive, dtype=np.float64).ravel(), np.asarray(negative, dtype=np.float64).ravel()
    if min(len(a), len(b)) < 2:
        raise DataError(f"an area under the curve needs two scores of each kind, got {len(a)} and {len(b)}")
    ranks = rankdata(np.concatenate([a, b]))
    above = (ranks[: len(a)] - rankdata(a)) / len(b), (ranks[len(a) :] - rankdata(b)) / len(a)
    auc = float(above[0].mean())
    error = NORMAL_QUANTILE * float(np.sqrt(above[0].var(ddof=1) / len(a) + above[1].var(ddof=1) / len(b)))
    return Area(auc, auc - error, auc + error)


def real_against_real(metric: Callable[[np.ndarray, np.ndarray], T], X: ArrayLike, random_state: int = 0) -> T:
    """Return a metric between two random halves of real rows: the best value that samples can be expected to reach.

    Parameters
    ----------
    metric : a function of two arrays of rows in X's own shape, such as `precision_recall` or `mmd`.
    X : real rows, (N, ...); each half has N // 2 of them.
    random_state : the seed of the halves.

    >>> real_against_real(lambda a, b: (len(a), len(b)), [[0.0], [1.0], [2.0], [3.0], [4.0]])
    (2, 2)
    """
    rows = np.asarray(X)
    half = len(rows) // 2
    if half < 1:
        raise DataError(f"two halves need two rows or more, got {len(rows)}")
    order = np.random.default_rng(random_state).permutation(len(rows))
    return metric(rows[order[:half]], rows[order[half : 2 * half]])
