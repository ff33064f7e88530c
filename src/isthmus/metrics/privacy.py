"""Privacy of synthetic tables: copies, distances to training rows, and attacks that guess who was in the training rows.

None of these proves that rows are private. They are attempts to find out about training rows from synthetic ones, and a
failed attempt only says that this attempt failed.

A category is a column of codes; every other column is a number. The distance of two rows is Σ|xᵢ − yᵢ|, where a number
is divided by its range in training, categories that differ count 1, and a gap beside a value counts 1 (Gower 1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import same_width
from .uncertainty import Area, area_under_curve, share_interval

__all__ = [
    "Attack",
    "ClosestRecords",
    "Nearer",
    "closest_records",
    "copies",
    "membership_attack",
    "nearer_to_training",
]

CELLS_AT_ONCE = 2**20
"""The number of distances that are in memory at once."""

SEARCHED_ROWS = 20_000
"""The largest number of rows among which the nearest ones are looked for, drawn at random from more."""

NEIGHBOURS = 5
"""The neighbour among other real rows whose distance gives their density at a place."""

SMALLEST_DISTANCE = 1e-6
"""A smaller distance counts as this one, so that it has a logarithm."""

FEWEST_ROWS = 2 * NEIGHBOURS + 2
"""The smallest number of held-out rows that an attack is tried on."""


def copies(train: ArrayLike, other: ArrayLike) -> float:
    """Return the share of rows that equal a training row in every column.

    Numbers are equal if they are equal in single precision, in which models compute. Beside it belongs the share among
    held-out rows: where columns are few or coarse, rows repeat by chance.

    Parameters
    ----------
    train, other : (N, n) and (M, n); a gap equals a gap.

    >>> copies([[0.0, 1.0], [2.0, 3.0]], [[2.0, 3.0], [2.0, 1.0]])
    0.5
    """
    a, b = same_width(train, other)
    known = {row.tobytes() for row in _single(a)}
    return float(np.mean([row.tobytes() in known for row in _single(b)]))


def _single(x: np.ndarray) -> np.ndarray:
    """Return rows in single precision, where equal numbers, and gaps, have equal bits."""
    single = x.astype(np.float32) + np.float32(0)  # −0 becomes 0
    single[np.isnan(single)] = np.nan
    return single


class ClosestRecords(NamedTuple):
    """The result of `closest_records`: the distance of each row to the nearest training row, (N,) and (M,)."""

    of_other: np.ndarray
    of_held_out: np.ndarray


def closest_records(
    train: ArrayLike,
    held_out: ArrayLike,
    other: ArrayLike,
    categories: Sequence[int] = (),
    *,
    rows: int = 2000,
    random_state: int = 0,
) -> ClosestRecords:
    """Return the distances of rows, and of held-out rows, to the nearest training row (Park et al. 2018).

    Rows that repeat training rows lie nearer than held-out rows do: compare the quantiles of both, the small ones
    first.

    Parameters
    ----------
    train, held_out, other : (L, n), (M, n), (N, n).
    categories : the indices of columns that are categories.
    rows : the largest number of rows of `other` and `held_out`, drawn at random.
    random_state : the seed of the draws.

    References
    ----------
    Noseong Park et al., "Data Synthesis based on Generative Adversarial Networks", 2018,
        https://arxiv.org/abs/1806.03384, section 5.
    J. C. Gower, "A General Coefficient of Similarity and Some of Its Properties", 1971,
        https://doi.org/10.2307/2528823.

    >>> closest_records([[0.0], [2.0]], [[1.0]], [[0.0], [1.5]]).of_held_out.tolist()
    [0.5]
    """
    a, b, s = same_width(train, held_out, other)
    spread, generator = _spread(a), np.random.default_rng(random_state)
    among = _some(a, SEARCHED_ROWS, generator)
    found = [_nearest(_some(x, rows, generator), among, spread, categories)[0][:, 0] for x in (s, b)]
    return ClosestRecords(*found)


class Nearer(NamedTuple):
    """The result of `nearer_to_training`: the share of rows, with its 95 % interval."""

    share: float
    low: float
    high: float


def nearer_to_training(
    train: ArrayLike,
    held_out: ArrayLike,
    other: ArrayLike,
    categories: Sequence[int] = (),
    *,
    rows: int = 2000,
    random_state: int = 0,
) -> Nearer:
    """Return the share of rows that lie nearer to a training row than to a held-out row.

    Equal numbers of training and held-out rows are used. New rows of the same distribution have a share of ½; a larger
    share means that training rows were memorised. Ties count as a half. The interval takes into account that several
    rows may have the same real row for their nearest one: if cⱼ rows have real row j, it is that of n²/Σcⱼ² independent
    rows. A share of ½ does not mean that no training row can be recognised (Yao et al.
    2025): look at `membership_attack` as well.

    Parameters
    ----------
    train, held_out, other : (L, n), (M, n), (N, n).
    categories : the indices of columns that are categories.
    rows : the largest number of rows of `other`, drawn at random.
    random_state : the seed of the draws.

    References
    ----------
    Michael Platzer and Thomas Reutterer, "Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data", 2021,
        https://doi.org/10.3389/fdata.2021.679939.
    Zexi Yao, Nataša Krčo, Georgi Ganev and Yves-Alexandre de Montjoye, "The DCR Delusion: Measuring the Privacy Risk of
        Synthetic Data", 2025, https://arxiv.org/abs/2505.01524.

    >>> X = np.random.default_rng(0).normal(size=(400, 3))
    >>> nearer_to_training(X[:200], X[200:], X[:50]).share
    1.0
    """
    a, b, s = same_width(train, held_out, other)
    spread, generator = _spread(a), np.random.default_rng(random_state)
    k = min(len(a), len(b), SEARCHED_ROWS)
    s = _some(s, rows, generator)
    (to_train, first), (to_held_out, second) = (_nearest(s, _some(x, k, generator), spread, categories) for x in (a, b))
    difference = (to_held_out - to_train)[:, 0]
    share = float(np.mean(difference > 0) + 0.5 * np.mean(difference == 0))
    nearest = np.where(difference >= 0, first[:, 0], k + second[:, 0])
    counts = np.bincount(nearest, minlength=2 * k)
    return Nearer(share, *share_interval(share, len(s) ** 2 / float(np.sum(counts.astype(float) ** 2))))


class Attack(NamedTuple):
    """The result of `membership_attack`: how well each attack tells training rows from held-out ones."""

    distance: Area
    density: Area


def membership_attack(
    train: ArrayLike,
    held_out: ArrayLike,
    other: ArrayLike,
    categories: Sequence[int] = (),
    *,
    rows: int = 2000,
    random_state: int = 0,
) -> Attack:
    r"""Return how well an attacker who has the synthetic rows tells training rows from held-out rows.

    The attacker scores a row by how near it lies to a synthetic row, −d₁(x) (Chen et al. 2020), or by the ratio of
    densities log p̂(x) − log p̂ᵣ(x), where p̂ is the density of synthetic rows and p̂ᵣ that of other real rows (DOMIAS, van
    Breugel et al. 2023). The second finds places where the model has more rows than the data do, which is what learning
    by heart leaves. Densities are those of nearest neighbours: the score is log dᵣ,₅(x) − log d₁(x), where dᵣ,₅ is the
    distance to the fifth nearest of the other real rows, which varies less than that to the first.

    An area of ½ is guessing, 1 finds every training row. The held-out rows that the second attack uses as p̂ᵣ are not
    among those that it tells training rows from.

    Parameters
    ----------
    train, held_out, other : (L, n), (M, n), (N, n), where M is 12 or more.
    categories : the indices of columns that are categories.
    rows : the largest number of training rows, and of held-out rows, that the attack is tried on, drawn at random.
    random_state : the seed of the draws.

    References
    ----------
    Dingfan Chen, Ning Yu, Yang Zhang and Mario Fritz, "GAN-Leaks: A Taxonomy of Membership Inference Attacks against
        Generative Models", 2020, https://arxiv.org/abs/1909.03935.
    Boris van Breugel, Hao Sun, Zhaozhi Qian and Mihaela van der Schaar, "Membership Inference Attacks against Synthetic
        Data through Overfitting Detection", 2023, https://arxiv.org/abs/2302.12580.

    >>> X = np.random.default_rng(0).normal(size=(400, 3))
    >>> membership_attack(X[:200], X[200:], X[:200]).distance.auc
    1.0
    """
    a, b, s = same_width(train, held_out, other)
    if min(len(a), len(b)) < FEWEST_ROWS:
        raise DataError(
            f"an attack is tried on {FEWEST_ROWS} training and held-out rows or more, got {len(a)} and {len(b)}"
        )
    spread, generator = _spread(a), np.random.default_rng(random_state)
    members, others = _some(a, rows, generator), generator.permutation(b)
    among = _some(s, SEARCHED_ROWS, generator)
    of_members, of_others = (_log_distance(x, among, spread, categories, 1) for x in (members, others[:rows]))
    half = len(others) // 2
    reference = others[half : half + SEARCHED_ROWS]
    ratios = [
        _log_distance(x, reference, spread, categories, NEIGHBOURS) - distance
        for x, distance in ((members, of_members), (others[:half][:rows], of_others[:half]))
    ]
    return Attack(area_under_curve(-of_members, -of_others), area_under_curve(*ratios))


def _log_distance(
    rows: np.ndarray, among: np.ndarray, spread: np.ndarray, categories: Sequence[int], k: int
) -> np.ndarray:
    """Return the logarithm of the distance to the k-th nearest of `among`, (N,)."""
    found: np.ndarray = np.log(np.maximum(_nearest(rows, among, spread, categories, k)[0][:, -1], SMALLEST_DISTANCE))
    return found


def _some(x: np.ndarray, at_most: int, generator: np.random.Generator) -> np.ndarray:
    """Return rows in their order if they are few enough, otherwise as many at random."""
    return x if len(x) <= at_most else x[generator.permutation(len(x))[:at_most]]


def _spread(train: np.ndarray) -> np.ndarray:
    """Return the range of each column of the training rows; 1 if it is constant or empty."""
    known = np.where(np.isnan(train), np.inf, train).min(0), np.where(np.isnan(train), -np.inf, train).max(0)
    spread: np.ndarray = np.where(known[1] > known[0], known[1] - known[0], 1.0)
    return spread


def _nearest(
    rows: np.ndarray, among: np.ndarray, spread: np.ndarray, categories: Sequence[int], k: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances to the k nearest of `among`, in ascending order, and their indices, (N, k) each."""
    is_category = np.isin(np.arange(rows.shape[1]), list(categories))
    middle = np.where(is_category, 0.0, np.nan_to_num(among[0]))
    units = np.where(is_category, 1.0, spread)
    s, x = (((part - middle) / units).astype(np.float32) for part in (rows, among))
    gaps: np.ndarray = np.isnan(np.concatenate([s, x])).any(0)
    size = max(1, CELLS_AT_ONCE // len(x))
    distances, indices = np.empty((len(s), k)), np.empty((len(s), k), dtype=np.int64)
    for start in range(0, len(s), size):
        part = slice(start, start + size)
        total = np.zeros((len(s[part]), len(x)), dtype=np.float32)
        for i, category in enumerate(is_category):
            p, q = s[part, i, None], x[None, :, i]
            apart: np.ndarray = p != q if category else np.abs(p - q)
            if gaps[i]:
                p_gap, q_gap = np.isnan(p), np.isnan(q)
                apart = np.where(p_gap | q_gap, p_gap != q_gap, apart)
            total += apart
        nearest = total.argmin(1)[:, None] if k == 1 else np.argpartition(total, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(total, nearest, 1)
        order = found.argsort(1, kind="stable")
        distances[part] = np.take_along_axis(found, order, 1)
        indices[part] = np.take_along_axis(nearest, order, 1)
    return distances, indices
