"""Reasons: planted faults are named, in the data's names and units, and what is said would silence the alarm does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_wine

from isthmus import Autoencoder
from isthmus.detection import Detector, Embedding, Neighbours
from isthmus.detection.replacement import Replacement
from isthmus.errors import CompositionError
from isthmus.networks import MLP


def sensors(n, rng):
    """Two factors in six columns of different units."""
    factors = rng.normal(size=(n, 2))
    mixing = np.random.default_rng(1).normal(size=(2, 6))
    return (factors @ mixing + 0.1 * rng.normal(size=(n, 6))) * 10.0 ** np.arange(-2, 4) + 5


AUTOENCODER = Autoencoder(2, network=MLP((32,)), max_epochs=30, random_state=0)
NAMES = ["t [K]", "p [bar]", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    "estimator",
    ["auto", Autoencoder(2, network=MLP((16,)), max_epochs=30, random_state=0)],
    ids=["auto", "autoencoder"],
)
def test_planted_faults_are_named(estimator, rng):
    X, new = sensors(600, rng), sensors(40, rng)
    detector = Detector(estimator, random_state=0).fit(X)
    one, two = new.copy(), new.copy()
    spread = X.std(0)
    where = [rng.choice(6, 2, replace=False) for _ in new]
    for i, pair in enumerate(where):
        one[i, pair[0]] += 4 * spread[pair[0]] * rng.choice([-1, 1])
        two[i, pair] += 4 * spread[pair] * rng.choice([-1, 1], 2)
    first = [e.reasons[0].index == pair[0] for e, pair in zip(detector.explain(one), where, strict=True)]
    both = [{r.index for r in e.reasons[:2]} == set(pair) for e, pair in zip(detector.explain(two), where, strict=True)]
    assert np.mean(first) >= 0.9
    assert np.mean(both) >= 0.7


def test_what_is_expected_is_near_what_it_was(rng):
    X, new = sensors(800, rng), sensors(30, rng)
    broken = new.copy()
    broken[:, 2] += 4 * X[:, 2].std()
    reasons = [e.reasons[0] for e in Detector(random_state=0).fit(X).explain(broken)]
    assert all(r.index == 2 for r in reasons)
    expected = np.array([r.expected for r in reasons])
    assert np.median(np.abs(expected - new[:, 2])) < 0.3 * X[:, 2].std()
    np.testing.assert_array_equal([r.seen for r in reasons], broken[:, 2])


def test_the_interval_holds_as_many_usual_values_as_it_says(rng):
    X, new = sensors(800, rng), sensors(300, rng)
    replacement = Replacement(X)
    expected = np.stack([replacement.each(row) for row in new])
    covered = np.abs(new - expected) <= replacement.half_width
    assert 0.85 < covered.mean() < 0.96


def test_a_column_by_itself_is_expected_at_its_median(rng):
    x = rng.normal(size=(101, 1))
    assert Replacement(x).each(np.array([50.0]))[0] == np.median(x)


def test_the_change_that_is_named_silences_the_alarm_and_fewer_do_not(rng):
    X, new = sensors(600, rng), sensors(40, rng)
    new[:, [1, 4]] += 4 * X.std(0)[[1, 4]]
    detector = Detector(random_state=0).fit(X)
    needed = []
    for row, why in zip(new, detector.explain(new), strict=True):
        assert detector.predict(row[None])[0] == -1
        needed.append(why.needed)
        if why.needed is not None:
            assert detector.predict(why.nearest[None])[0] == 1
            changed = np.flatnonzero(why.nearest != row)
            assert set(changed) <= {r.index for r in why.reasons[: why.needed]}
    assert np.mean([n == 2 for n in needed]) > 0.7


def test_a_row_that_raises_no_alarm_needs_no_change(rng):
    X = sensors(300, rng)
    usual = X.mean(0, keepdims=True)
    why = Detector(random_state=0).fit(X).explain(usual)[0]
    assert why.needed == 0
    np.testing.assert_array_equal(why.nearest, usual[0])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_reasons_speak_in_the_names_of_the_data(frame, rng):
    X = sensors(300, rng)
    X[0, 1] += 5 * X[:, 1].std()
    made = frame(X, columns=NAMES) if frame is pd.DataFrame else frame(X, schema=NAMES)
    why = (
        Detector(Autoencoder(2, network=MLP((16,)), max_epochs=10, random_state=0), random_state=0)
        .fit(made[1:])
        .explain(made[:1])[0]
    )
    reason = why.reasons[0]
    assert reason.column == "p [bar]"
    assert reason.low < reason.expected < reason.high < reason.seen
    assert str(why).startswith(f"p [bar] is {X[0, 1]:.4g}, expected")
    assert sum(r.share for r in why.reasons) == pytest.approx(1)


def test_an_explanation_does_not_depend_on_the_other_rows(rng):
    X, new = sensors(300, rng), sensors(6, rng) * 2
    detector = Detector(random_state=0).fit(X)
    together = [str(e) for e in detector.explain(new)]
    assert together == [str(detector.explain(row[None])[0]) for row in new]


def test_images_are_named_by_place(digits):
    detector = Detector(random_state=0).fit(digits[:500])
    broken = digits[500:501].copy()
    broken[0, 0, 7] = 30.0
    reason = detector.explain(broken)[0].reasons[0]
    assert reason.column == "place 0, 7"


def test_wide_tables_and_constant_columns(rng):
    X = load_wine().data
    X = np.column_stack([X, np.ones(len(X)), rng.normal(size=(len(X), 40))])
    broken = X[:1].copy()
    broken[0, 13] = 2.0
    why = Detector(random_state=0).fit(X[1:]).explain(broken, at_most=1)[0]
    assert len(why.reasons) == 1
    with pytest.raises(CompositionError, match="at_most must be at least 1"):
        Detector(random_state=0).fit(X).explain(broken, at_most=0)


# Rows as points.


def test_every_column_counts_as_much_as_any_other(rng):
    """The squared distance of two rows is 2 in the mean, in numbers of any unit, categories of any shares."""
    X = np.column_stack(
        [1e3 * rng.normal(size=500), rng.choice(4, 500, p=[0.7, 0.1, 0.1, 0.1]), rng.exponential(size=500)]
    )
    embedding = Embedding.of(X, [0, 4, 0])
    points = embedding.points(X)
    squares = embedding.by_column((points[:, None] - points[None]) ** 2)
    np.testing.assert_allclose(squares.mean((0, 1)), 2, rtol=1e-10)


def test_a_gap_is_as_far_from_values_as_values_are_from_each_other(rng):
    X = np.column_stack([rng.normal(size=600), rng.choice(3, 600).astype(float)])
    X[:200] = np.nan
    embedding = Embedding.of(X, [0, 3])
    points = embedding.points(X)
    squares = embedding.by_column((points[:1] - points[200:]) ** 2) + 1
    np.testing.assert_allclose(squares.mean(0), [2, 2], rtol=1e-12)


def test_nearest_rows_are_those_of_scikit_learn(rng):
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    X, new = rng.normal(size=(80, 4)) * [1, 10, 100, 1000], rng.normal(size=(30, 4)) * [1, 10, 100, 1000]
    scaler = StandardScaler().fit(X)
    nearest = NearestNeighbors(n_neighbors=3).fit(scaler.transform(X)).kneighbors(scaler.transform(new))[0]
    np.testing.assert_allclose(Neighbours(3).fit(X).score_samples(new), -nearest.mean(1) / 2, rtol=1e-12)


def test_replaced_categories_and_gaps(rng):
    """A category that goes with a number is expected as the number says, a gap where most rows have one."""
    x = rng.uniform(size=600)
    level, mostly_missing = (x > 0.5).astype(float), np.where(rng.uniform(size=600) < 0.9, np.nan, x)
    replacement = Replacement(np.column_stack([x, level, mostly_missing]), [0, 2, 0])
    assert replacement.expected(np.array([0.9, 0.0, np.nan]), [1]).tolist() == [1.0]
    assert np.isnan(replacement.expected(np.array([0.9, 0.0, 3.0]), [2])[0])
    assert 0.5 < replacement.expected(np.array([np.nan, 1.0, np.nan]), [0])[0] < 1
    assert np.isnan(replacement.half_width[1])
