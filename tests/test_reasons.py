"""Reasons: planted faults are named, in the data's names and units, and what is said would silence the alarm does."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.datasets import load_wine

from isthmus import Autoencoder, MaskedAutoencoder
from isthmus.detection import Detector, Embedding, Neighbours
from isthmus.detection.regions import Regions
from isthmus.detection.replacement import UsualRows
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
    expected = UsualRows(X).each(new)
    covered = (expected.low <= new) & (new <= expected.high)
    assert 0.85 < covered.mean() < 0.96


def test_a_column_by_itself_is_expected_at_its_median(rng):
    x = rng.normal(size=(101, 1))
    assert UsualRows(x).each(np.array([[50.0]])).values[0, 0] == np.median(x)


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


def test_a_column_whose_change_helps_nothing_is_not_named(rng):
    """A level that is as expected, and a constant column, deviate by nothing; the shares still sum to one."""
    x = rng.normal(size=500)
    frame = pd.DataFrame({"size": "M", "load": x, "power": 3 * x + 0.1 * rng.normal(size=500), "state": "on"})
    frame.loc[::50, "size"] = "L"
    broken = pd.DataFrame({"size": ["M"], "load": [0.1], "power": [6.0], "state": ["on"]})
    with pytest.warns(UserWarning, match="hold one value alone"):
        detector = Detector(random_state=0).fit(frame)
    why = detector.explain(broken)[0]
    assert {r.column for r in why.reasons} <= {"load", "power"}
    assert why.reasons[0].column == "power"
    assert all(r.share > 0 for r in why.reasons)
    assert sum(r.share for r in why.reasons) == pytest.approx(1)


def test_a_score_that_no_change_raises_names_what_is_far_from_expected(rng):
    X = rng.normal(size=(200, 3))
    why = Detector(lambda rows: np.zeros(len(rows)), random_state=0).fit(X).explain(np.array([[0.0, 9.0, 0.0]]))[0]
    assert 1 in {r.index for r in why.reasons}
    assert not why.map.any()


# A masked autoencoder's own conditionals.


class Gaussian3:
    """A known density with known conditionals: what a masked autoencoder learns, written down."""

    mean = np.array([1.0, -2.0, 0.5])
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 1.0]])

    def score_samples(self, X):
        return np.atleast_1d(multivariate_normal(self.mean, self.covariance).logpdf(X))

    def _given(self, row, hidden):
        seen = np.setdiff1d(np.arange(3), hidden)
        gain = self.covariance[np.ix_(hidden, seen)] @ np.linalg.inv(self.covariance[np.ix_(seen, seen)])
        mean = self.mean[hidden] + gain @ (row[seen] - self.mean[seen])
        return mean, self.covariance[np.ix_(hidden, hidden)] - gain @ self.covariance[np.ix_(seen, hidden)]

    def conditional(self, X, column):
        found = [self._given(row, np.array([column])) for row in X]
        p = norm(np.array([m[0] for m, _ in found]), np.array([v[0, 0] for _, v in found]) ** 0.5)
        quantile = lambda q: np.stack([p.ppf(level) for level in q], axis=1)  # noqa: E731
        return SimpleNamespace(levels=None, mean=p.mean, quantile=quantile, missing=np.zeros(len(X)))

    def complete(self, X):
        out = X.copy()
        for row in out:
            hidden = np.flatnonzero(np.isnan(row))
            row[hidden] = self._given(row, hidden)[0]
        return out


def test_conditionals_are_those_of_the_model_and_gains_follow_the_chain_rule(rng):
    """Replacing columns C gains log p(x'_C | rest) − log p(x_C | rest), by the density's own conditionals."""
    model = Gaussian3()
    X = rng.multivariate_normal(model.mean, model.covariance, size=300)
    row = np.array([1.0, -2.0, 6.0])
    why = Detector(model, calibration="prefit", random_state=0).fit(X).explain(row[None])[0]
    reason = why.reasons[0]
    mean, variance = model._given(row, np.array([2]))
    p = norm(mean[0], variance[0, 0] ** 0.5)
    assert reason.index == 2
    assert (reason.expected, reason.low, reason.high) == pytest.approx((p.mean(), *p.ppf([0.05, 0.95])), rel=1e-12)
    assert why.map[2] == pytest.approx(p.logpdf(p.mean()) - p.logpdf(6.0), rel=1e-9)


def test_a_masked_autoencoder_explains_by_its_conditionals(rng, tmp_path):
    """Its expected values and intervals are those of `conditional`, in a table with categories and gaps too."""
    x = rng.normal(size=400)
    frame = pd.DataFrame({"a": x, "b": 2 * x + 0.2 * rng.normal(size=400), "on": np.where(x > 0, "yes", "no")})
    frame.loc[::20, "a"] = np.nan
    model = MaskedAutoencoder(16, network=MLP((32,)), max_epochs=6, random_state=0)
    detector = Detector(model, random_state=0).fit(frame)
    odd = pd.DataFrame({"a": [1.5, np.nan], "b": [-4.0, 30.0], "on": ["yes", "yes"]})
    for why, row in zip(detector.explain(odd), range(2), strict=True):
        reason = why.reasons[0]
        assert reason.column == "b"
        p = detector.estimators_[0].conditional(odd, "b")
        expected = detector.schema_.settle(np.array([[0.0, p.mean()[row], 0.0]]))[0, 1]
        assert reason.expected == pytest.approx(expected, rel=1e-5)
        assert (reason.low, reason.high) == pytest.approx(tuple(p.quantile([0.05, 0.95])[row]), rel=1e-5)


# Series and pictures.


def waves(n, rng):
    """Windows of 96 samples of a wave whose phase is its own."""
    phase = rng.uniform(0, 2 * np.pi, size=(n, 1))
    return np.sin(np.linspace(0, 6 * np.pi, 96) + phase) + 0.05 * rng.normal(size=(n, 96))


def test_the_span_of_time_of_an_artefact_is_named(rng):
    X, new = waves(400, rng), waves(20, rng)
    where = rng.integers(8, 70, size=20)
    for row, start in zip(new, where, strict=True):
        row[start : start + 12] += 1.5
    detector = Detector(random_state=0).fit(X)
    assert (detector.predict(new) == -1).all()
    found = [why.times for why in detector.explain(new)]
    overlap = [
        max(0, min(stop, start + 12) - max(first, start)) / (max(stop, start + 12) - min(first, start))
        for (first, stop), start in zip(found, where, strict=True)
    ]
    assert np.mean(overlap) > 0.6
    both = np.stack([X, waves(400, rng)], axis=1)  # two channels
    why = Detector(random_state=0).fit(both).explain(np.stack([new[:1], waves(1, rng)], axis=1))[0]
    assert why.map.shape == (2, 96)
    assert why.times[0] <= where[0] + 6 < why.times[1]


def test_a_picture_has_a_map_of_what_is_odd(digits):
    big = digits[:500].repeat(3, 1).repeat(3, 2)  # 24 × 24
    detector = Detector(random_state=0).fit(big[:499])
    broken = big[499:].copy()
    broken[0, 3:6, 15:18] += 20.0
    why = detector.explain(broken)[0]
    assert why.map.shape == (24, 24)
    assert why.reasons[0].column == "place 3–5, 15–17"
    assert (why.map[3:6, 15:18] == why.map.max()).all()
    assert why.times is None


@pytest.mark.parametrize("shape", [(5,), (96,), (2, 96), (96, 3), (8, 8), (28, 28), (3, 16, 16)])
def test_regions_are_a_partition(shape, rng):
    rows = np.cumsum(rng.normal(size=(30, *shape)), axis=-1)
    regions = Regions.of(rows)
    assert sorted(np.concatenate(regions.entries)) == list(range(int(np.prod(shape))))
    assert len(regions.names) == len(regions.entries) == len(set(regions.names)) <= 64
    values = rng.normal(size=len(regions.names))
    np.testing.assert_array_equal(regions.most(regions.spread(values)), values)


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
    replacement = UsualRows(np.column_stack([x, level, mostly_missing]), levels=[0, 2, 0])
    assert replacement.replaced(np.array([0.9, 0.0, np.nan]), [[1]])[0, :2].tolist() == [0.9, 1.0]
    assert np.isnan(replacement.replaced(np.array([0.9, 0.0, 3.0]), [[2]])[0, 2])
    assert 0.5 < replacement.replaced(np.array([np.nan, 1.0, np.nan]), [[0]])[0, 0] < 1
    assert np.isnan(replacement.half_width[1])
