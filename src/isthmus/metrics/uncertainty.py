"""How far a figure can be trusted: intervals, and the floor that real rows set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError

__all__ = ["Interval", "accuracy_interval", "bootstrap_interval", "real_against_real"]

T = TypeVar("T")


class Interval(NamedTuple, Generic[T]):
    """What `bootstrap_interval` returns; each field is of the metric's own kind: a number, an array, a named tuple."""

    value: T
    low: T
    high: T
    standard_error: T


def bootstrap_interval(
    metric: Callable[..., T],
    *arrays: Any,
    paired: bool = False,
    level: float = 0.95,
    n_resamples: int = 200,
    share: float = 0.5,
    random_state: int = 0,
) -> Interval[T]:
    """Return a metric of rows with a percentile interval and a standard error, by resampling parts of the rows.

    With θ the metric of all N rows and θ* that of m = share · N drawn without replacement, the interval is θ + √(m/(N −
    m)) times the percentiles of θ* − mean θ*, and the standard error as many times their spread, since (1/m − 1/N)σ² is
    what a part varies by and σ²/N what the whole does (Politis & Romano 1994; Shao & Wu 1989). Efron's bootstrap draws
    rows twice, and a row drawn twice is its own nearest neighbour: recall, coverage and unbiased discrepancies come out
    wrong. Taking the mean of θ* off removes what small parts add in bias. An interval may reach past the metric's
    range. Distances that are zero under equality spread as 1/N there, not 1/√N: their intervals are then too wide.

    It costs the metric of all rows once and that of m rows `n_resamples` times: 50 times the metric alone where that
    grows as the square of the rows, twice with a share of 0.1.

    Parameters
    ----------
    metric : called with as many arrays as are given; returns a number, an array, or a (named) tuple of them.
    arrays : rows, (N, ...), (M, ...), ...
    paired : whether rows of one place belong together, as X and its reconstruction, or codes and labels do.
    level : the interval's coverage.
    n_resamples : parts, 10 or more.
    share : of the rows in a part; smaller is quicker, and assumes that the metric's spread goes as 1/√N down to there.
    random_state : the seed of the parts.

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
        given = ", ".join(map(str, lengths)) or "no arrays"
        raise DataError(f"a part needs two rows or more and not all of them, got a share of {share} of {given}")
    if paired and len(set(lengths)) > 1:
        raise DataError(f"paired arrays must have as many rows each, got {', '.join(map(str, lengths))}")
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
    """Return f(value, that of every part), for each number or array in a tuple of them; in the value's own shape."""
    if isinstance(value, tuple):
        fields = [_each(f, field, [p[i] for p in parts]) for i, field in enumerate(value)]
        return type(value)(*fields) if hasattr(value, "_fields") else tuple(fields)
    result = f(value, np.array(parts, dtype=np.float64))
    return result if np.ndim(value) else float(result)


def accuracy_interval(accuracy: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of an accuracy measured on n rows (Wilson 1927), whatever classifier it is of.

    (a + c²/2n ± c √(a(1 − a)/n + c²/4n²)) / (1 + c²/n), c the normal quantile of the level.

    Parameters
    ----------
    accuracy : the share of rows that were right, in [0, 1].
    n : how many rows it was measured on.
    level : the interval's coverage.

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


def real_against_real(metric: Callable[[np.ndarray, np.ndarray], T], X: ArrayLike, random_state: int = 0) -> T:
    """Return a metric between two random halves of real rows: the floor (or ceiling) of any sample's figure.

    Parameters
    ----------
    metric : of two arrays of rows in X's own shape, such as `precision_recall` or `mmd`.
    X : real rows, (N, ...); half of them, rounded down, go to either side.
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
