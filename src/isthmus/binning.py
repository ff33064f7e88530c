"""Binning: a column's values cut into pieces, and the pieces gathered into bins of about equal mass.

A piece is a single value, or an interval in which values are taken to be uniform. Values that repeat are pieces of
their own, each with a probability; what was met once only makes up intervals of `ROWS_A_PIECE` values each, which have
a density. Where all values are whole, or rounded to a few decimals, each stands for the interval that is rounded to it,
so that an interval is a set of values, each of which has a probability. So zeros, whole numbers and rounded ones come
out exact, and a continuous column keeps its shape.

Every number has a place: beyond the least and the greatest value lie exponential tails, and between the values of a
column that shows no new ones lie intervals held in reserve. Tails and reserve share one part in n + 1, the chance of a
value of a new kind after n (Laplace's rule); they are scored and never drawn.
"""

from __future__ import annotations

import numpy as np

from .errors import ModelFileError

__all__ = [
    "BIN",
    "ENTRY",
    "GAP",
    "HIGH",
    "KIND",
    "LEVEL",
    "LOW",
    "MASS",
    "NUMBER",
    "RESERVE",
    "STEP",
    "check_pieces",
    "pieces_of",
]

ROWS_A_PIECE = 16
"""Values in an interval, at least: its mass is then known within a quarter, and its density costs 1/32 nat a value."""

MOST_DECIMALS = 4
"""Decimals up to which values are taken to be rounded to them."""

MOST_COUNTS = 2**49
"""Steps from zero up to which values are multiples of one: float64 tells a sixteenth of a step there."""

STEP_FROM_VALUES = 10
"""Different values from which those that share a divisor are taken to be multiples of it."""

MOST_VALUES = 2**13
"""Values of a column that are pieces of their own, at most: the most frequent."""

REPEATS_FROM = 0.05
"""The share of rows with a value met before, from which values met twice are more than a coincidence of rounding."""

ROWS_A_BIN = 64
"""Rows that a bin holds, at least, on average: the network learns each bin from its own."""

FEWEST_BINS = 8
"""Bins that a column may have however few the rows."""

ENTRY, BIN, LOW, HIGH, MASS, KIND, STEP = range(7)
"""The columns of an array of pieces: which entry of a sample, which of its bins, from and to which value, its share of
the bin, what kind of piece it is, and what its values are multiples of; 0 is any number."""

LEVEL, NUMBER, RESERVE, GAP = range(4)
"""A category's level; a number, or an interval; what is scored and not drawn; a missing value, kept at infinity."""


def pieces_of(
    entry: int, values: np.ndarray, weight: np.ndarray | None = None, *, bins: int, levels: int | None = None
) -> np.ndarray:
    """Return the pieces of one entry of the samples, (M, 7), in the order of their values.

    Parameters
    ----------
    entry : its number.
    values : what it was in training, (N,), NaN where it was missing.
    weight : how much each row counts, (N,); None is 1.
    bins : how many bins a number has, about.
    levels : the number of levels of a category, whose values are 0 to levels − 1; 0 takes every value for a level;
        None is a number.

    >>> pieces_of(0, np.array([0.0, 0.0, 0.0, 2.0, 2.0]), bins=64)[:, [BIN, LOW, HIGH, KIND]]
    array([[ 0. , -inf, -0.5,  2. ],
           [ 0. , -0.5,  0.5,  1. ],
           [ 0. ,  0.5,  1.5,  2. ],
           [ 1. ,  1.5,  2.5,  1. ],
           [ 1. ,  2.5,  inf,  2. ]])
    """
    weight = np.ones(len(values)) if weight is None else weight
    missing = np.isnan(values)
    known = np.asarray(values)[~missing]
    v, which = np.unique(known, return_inverse=True)
    count = np.bincount(which, weight[~missing], minlength=len(v))
    if levels is not None:
        v = np.arange(levels, dtype=np.float64) if levels else v
        one = np.ones(len(v))
        found = np.column_stack([np.arange(len(v)), v, v, one, LEVEL * one, one])
    elif len(v):
        found = _numbers(v.astype(np.float64), count, bins, step_of(v))
    else:
        found = np.zeros((0, 6))
    if missing.any():
        at = found[:, 0].max() + 1 if len(found) else 0
        found = np.vstack([found, [at, np.inf, np.inf, 1.0, GAP, 1.0]])
    return np.column_stack([np.full(len(found), entry), found])


def step_of(v: np.ndarray) -> float:
    """Return what distinct values, in their own dtype, are all multiples of: 1 for whole numbers; 0 is nothing.

    >>> step_of(np.array([0.25, 0.5, 1.0])), step_of(np.array([0.1, 0.3], dtype=np.float32)), step_of(np.array([np.pi]))
    (0.01, 0.1, 0.0)
    """
    wide = v.astype(np.float64)
    for decimals in range(MOST_DECIMALS + 1):
        counts = np.rint(wide * 10.0**decimals)
        if np.abs(counts).max() >= MOST_COUNTS:
            return 0.0
        if np.array_equal(np.round(wide, decimals).astype(v.dtype), v):
            shared = int(np.gcd.reduce(np.abs(counts).astype(np.int64))) if len(v) >= STEP_FROM_VALUES else 1
            fits = shared > 0 and (decimals == 0 or 10**decimals % shared == 0)
            return (shared if fits else 1) / 10.0**decimals
    return 0.0


def _numbers(v: np.ndarray, count: np.ndarray, bins: int, step: float) -> np.ndarray:
    """Return bin, low, high, share, kind and step of the pieces of a number with values v, met `count` times each."""
    n = count.sum()
    whole, unit = step > 0, step or 1.0
    v, half = (np.rint(v / step), 0.5) if whole else (v, 0.0)
    repeats = count[count >= 2].sum() >= REPEATS_FROM * n
    frequent = (count >= (2 if repeats else ROWS_A_PIECE)) | (len(v) == 1)
    if frequent.sum() > MOST_VALUES:
        frequent &= count > np.sort(count)[-MOST_VALUES]
    at, single, single_count = v[frequent], v[~frequent], count[~frequent]

    groups = max(1, len(single) // ROWS_A_PIECE)
    first = np.round(np.linspace(0, len(single), groups + 1)).astype(int)
    between = (single[first[1:-1] - 1] + single[first[1:-1]]) / 2
    ends = np.r_[v[0] - half, np.floor(between) + 0.5 if whole else between, v[-1] + half]
    ends = np.unique(ends)
    mass_of_group = np.bincount(
        np.searchsorted(ends, single, "right").clip(1, max(1, len(ends) - 1)) - 1, single_count, max(1, len(ends) - 1)
    )

    cuts = np.unique(np.r_[ends, at - half, at + half])
    low, high = cuts[:-1], cuts[1:]
    inside = np.isin(low, at - half) if whole else np.zeros(len(low), bool)
    group = np.searchsorted(ends, (low + high) / 2, "right").clip(1, len(mass_of_group)) - 1
    free = np.where(inside, 0.0, high - low)
    mass = mass_of_group[group] * free / np.maximum(np.bincount(group, free, len(mass_of_group)), 1e-300)[group]
    if whole:
        mass[inside] = count[frequent]
    else:
        low, high, mass = np.r_[low, at], np.r_[high, at], np.r_[mass, count[frequent]]
    order = np.lexsort((high, low))
    low, high, mass = low[order], high[order], mass[order]

    drawn = mass > 0
    kept = bins_of_equal_mass(mass[drawn], min(bins, max(FEWEST_BINS, int(n / ROWS_A_BIN))))
    bin_of = np.zeros(len(mass), int)
    bin_of[drawn] = kept
    bin_of = np.maximum.accumulate(bin_of)
    inner = np.where(drawn, 0.0, high - low)
    tail = 0.25 if inner.any() else 0.5
    mass = mass + inner * (1 - 2 * tail) / max(inner.sum(), 1e-300)

    low, high = np.r_[-np.inf, low, v[-1] + half], np.r_[v[0] - half, high, np.inf]
    mass, bin_of = np.r_[tail, mass, tail], np.r_[0, bin_of, bin_of[-1]]
    kind = np.r_[RESERVE, np.where(drawn, NUMBER, RESERVE), RESERVE]
    share = mass / np.bincount(bin_of, mass)[bin_of]
    return np.column_stack([bin_of, low * unit, high * unit, share, kind, np.full(len(kind), step)])


def bins_of_equal_mass(mass: np.ndarray, most: int) -> np.ndarray:
    """Return the bin of each piece, numbered from 0 in their order: at most one each, else about `most` of equal mass.

    A piece that outweighs its share is a bin of its own, and the others share the bins that are left.

    >>> bins_of_equal_mass(np.array([1.0, 1, 1, 9, 1, 1, 1, 1]), 4)
    array([0, 0, 1, 2, 3, 3, 4, 4])
    """
    if len(mass) <= most:
        return np.arange(len(mass))
    heavy = np.zeros(len(mass), bool)
    while True:
        share = mass[~heavy].sum() / (most - heavy.sum())
        more = ~heavy & (mass > share)
        if not more.any():
            break
        heavy |= more
    light = np.where(heavy, 0.0, mass)
    at = np.floor((np.cumsum(light) - light / 2) / share)
    new = heavy[1:] | heavy[:-1] | (np.diff(at) > 0)
    bins: np.ndarray = np.r_[0, np.cumsum(new)]
    return bins


def check_pieces(pieces: np.ndarray) -> None:
    """Raise `ModelFileError` unless an array holds pieces as `pieces_of` makes them."""
    wrong = f"pieces must be (M, 7) numbers, got {np.shape(pieces)}"
    if (
        not isinstance(pieces, np.ndarray)
        or pieces.ndim != 2
        or pieces.shape[1] != 7
        or pieces.dtype != np.float64
        or not len(pieces)
    ):
        raise ModelFileError(wrong)
    entry, bin_of, low, high, mass, kind, _ = pieces.T
    step = np.diff(entry)
    sound = not np.isnan(pieces).any() and entry[0] == 0 and bool(np.isin(step, (0, 1)).all())
    sound = sound and bool(np.isin(kind, range(4)).all()) and bool((low <= high).all()) and bool((mass >= 0).all())
    rises = np.where(step == 0, np.diff(bin_of), 2 * bin_of[1:])
    if not sound or bin_of[0] != 0 or not np.isin(rises, (0, 1)).all():
        raise ModelFileError("pieces must list the bins of each entry in order, each from a value to one not below it")
