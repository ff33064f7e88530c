"""Laws of privacy's measures: an independent draw gives nothing away, a copy everything, and intervals hold ½."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.errors import DataError
from isthmus.metrics import (
    closest_records,
    copies,
    membership_attack,
    nearer_to_training,
    share_interval,
)


def rows(n: int, seed: int) -> np.ndarray:
    """Rows of one distribution: a number, a category, whole numbers with repeats, and a number with gaps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    loose = np.where(rng.random(n) < 0.1, np.nan, rng.gamma(2.0, size=n))
    return np.stack([x, rng.integers(0, 3, n) + 5, rng.poisson(2 + x**2), loose], 1)


CATEGORIES = [1]


def test_distances_are_gowers():
    train = np.array([[0.0, 5, np.nan], [10.0, 6, 2.0]])
    new = np.array([[5.0, 6, 2.0], [0.0, 6, np.nan], [10.0, 5, 1.0]])
    found = closest_records(train, train, new, categories=[1])
    np.testing.assert_allclose(found.of_other, [0.5, 1.0, 2.0], atol=1e-6)
    np.testing.assert_array_equal(found.of_held_out, [0.0, 0.0])


def test_copies_are_equal_in_every_column_gaps_and_zeros_included():
    train = np.array([[0.1, np.nan], [-0.0, 2.0]])
    new = np.array([[np.float32(0.1), np.nan], [0.0, 2.0], [0.1, 2.0], [np.nan, 0.1]])
    assert copies(train, new) == 0.5
    assert copies(train, train) == 1.0


def test_copies_of_training_rows_are_found_by_every_measure():
    train, held_out = rows(400, 0), rows(400, 1)
    near = nearer_to_training(train, held_out, train, CATEGORIES)
    assert near.share == 1.0
    assert near.low > 0.98
    attack = membership_attack(train, held_out, train, CATEGORIES)
    assert attack.distance.auc > 0.99
    assert attack.density.auc > 0.95
    assert not closest_records(train, held_out, train, CATEGORIES).of_other.any()
    noisy = train + np.array([1e-2, 0, 0, 1e-2]) * np.random.default_rng(2).normal(size=train.shape)
    assert copies(train, noisy) == 0
    assert membership_attack(train, held_out, noisy, CATEGORIES).distance.low > 0.9


def test_an_independent_draw_gives_nothing_away_and_intervals_are_as_wide_as_they_say():
    """Over 150 draws, 95 % intervals hold ½ in 95 %, though few real rows are the nearest ones to many samples."""
    held = {"nearer": 0, "distance": 0, "density": 0}
    for seed in range(150):
        train, held_out, new = rows(60, 3 * seed), rows(60, 3 * seed + 1), rows(400, 3 * seed + 2)
        near = nearer_to_training(train, held_out, new, CATEGORIES)
        attack = membership_attack(train, held_out, new, CATEGORIES)
        for name, found in (("nearer", near), ("distance", attack.distance), ("density", attack.density)):
            held[name] += found.low <= 0.5 <= found.high
    assert held["nearer"] >= 0.9 * 150
    assert held["distance"] == pytest.approx(0.95 * 150, abs=10)
    assert held["density"] == pytest.approx(0.95 * 150, abs=10)


def test_a_tenth_of_copies_is_found():
    train, held_out, new = rows(1000, 0), rows(1000, 1), rows(1000, 2)
    new[:100] = train[:100]
    assert copies(train, new) == pytest.approx(0.1, abs=0.01)
    assert nearer_to_training(train, held_out, new, CATEGORIES).low > 0.5
    assert membership_attack(train, held_out, new, CATEGORIES).distance.low > 0.5


def test_the_density_attack_finds_rows_that_were_learnt_where_others_are_few():
    """Samples crowd about rare training rows; their distances alone are hidden by those of the many others."""
    rng = np.random.default_rng(0)
    dense, spread = rng.normal(size=(3, 1000, 2)), 20 * rng.normal(size=(2, 200, 2))
    train, held_out = np.concatenate([dense[0], spread[0]]), np.concatenate([dense[1], spread[1]])
    new = np.concatenate([dense[2], np.repeat(spread[0], 5, 0) + 0.5 * rng.normal(size=(1000, 2))])
    attack = membership_attack(train, held_out, new)
    assert attack.density.auc > attack.distance.auc
    assert attack.density.low > 0.5


def test_intervals_of_shares_are_wilsons():
    from scipy.stats import binomtest

    interval = binomtest(90, 100).proportion_ci(method="wilson")
    assert share_interval(0.9, 100) == pytest.approx((interval.low, interval.high), rel=1e-6)
    low, high = share_interval(1.0, 12.5)
    assert high == pytest.approx(1.0)
    assert 0.7 < low < 0.8


def test_mistakes_are_told():
    with pytest.raises(DataError, match="12 training and held-out rows or more, got 20 and 3"):
        membership_attack(rows(20, 0), rows(3, 1), rows(20, 2))
    with pytest.raises(DataError, match="same number of features"):
        copies(np.zeros((3, 2)), np.zeros((3, 3)))
    with pytest.raises(DataError, match="more than 0 rows"):
        share_interval(0.5, 0)
