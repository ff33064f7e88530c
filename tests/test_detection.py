"""The detector's laws: p-values of usual rows are uniform, alarms keep their rate, whatever the score."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, kstest, multivariate_normal, norm
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils.estimator_checks import check_estimator

import isthmus
from isthmus import VAE, Autoencoder
from isthmus.detection import (
    Budget,
    CalibrationScores,
    Cross,
    Detector,
    FalseAlarms,
    FalseDiscoveries,
    Neighbours,
    Prefit,
    Split,
)
from isthmus.errors import CompositionError, DataError, ModelFileError
from isthmus.networks import MLP


def from_the_origin(X):
    """A score that is fitted to nothing: minus the distance from the origin."""
    return -np.linalg.norm(np.asarray(X, dtype=np.float64), axis=1)


def rounded(X):
    """A score with many ties."""
    return np.round(from_the_origin(X))


class FromTheMean:
    """A score that is fitted, at next to no cost."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y=None):
        self.mean_ = np.asarray(X).mean(0)
        return self

    def score_samples(self, X):
        return -np.linalg.norm(np.asarray(X) - self.mean_, axis=1)


AUTOENCODER = Autoencoder(2, network=MLP((8,)), likelihood="gaussian", max_epochs=2, random_state=0)

# Laws of the p-values.


@pytest.mark.parametrize(("score", "splits"), [(from_the_origin, 1000), (rounded, 500)])
def test_p_values_of_exchangeable_rows_are_uniform(score, splits, rng):
    """One new row a split, so that the p-values are independent: their distribution over splits is the claim."""
    p = np.array(
        [
            Detector(score, ties="random", random_state=i)
            .fit(rng.normal(size=(12, 2)))
            .p_values(rng.normal(size=(1, 2)))[0]
            for i in range(splits)
        ]
    )
    assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("score", [from_the_origin, rounded])
def test_conservative_p_values_take_each_value_as_often_as_claimed(score, rng):
    """P(p ≤ k/(n + 1)) = k/(n + 1) for a score without ties, and no more with them."""
    n, splits = 9, 2000
    p = np.array(
        [
            CalibrationScores.of(score(rng.normal(size=(n, 2)))).p_values(score(rng.normal(size=(1, 2)))[None])[0]
            for _ in range(splits)
        ]
    )
    for k in range(1, n + 1):
        low, high = binom.interval(0.999, splits, k / (n + 1))
        count = (p <= k / (n + 1) + 1e-12).sum()
        assert count <= high
        if score is from_the_origin:
            assert count >= low


def test_a_fitted_score_keeps_the_law_where_its_own_training_rows_would_break_it(rng):
    """Rows that a score was fitted on look more usual than new ones; held-out rows do not."""
    alarms, of_training = 0, 0
    for seed in range(150):
        X, new = rng.normal(size=(40, 10)), rng.normal(size=(20, 10))
        detector = Detector(Neighbours(1), calibration="split:0.5", alarm="falsealarms:0.1", random_state=seed)
        alarms += (detector.fit(X).predict(new) == -1).sum()
        rows = X[:20]
        cheating = CalibrationScores.of(Neighbours(1).fit(rows).score_samples(rows))
        scorer = Neighbours(1).fit(rows)
        of_training += (cheating.p_values(scorer.score_samples(new)[None]) <= 0.1).sum()
    assert 0.07 < alarms / 3000 < 2 / 21 + 0.02  # the largest k/(n + 1) up to 0.1 with n = 20
    assert of_training / 3000 > 0.9


@pytest.mark.parametrize("way", ["cross:2", "cross:5"])
def test_cross_calibration_keeps_its_rate(way, rng):
    alarms = 0
    for seed in range(200):
        X, new = rng.normal(size=(40, 3)), rng.normal(size=(30, 3))
        alarms += (
            Detector(FromTheMean(), calibration=way, alarm="falsealarms:0.1", random_state=seed).fit(X).predict(new)
            == -1
        ).sum()
    assert 0.06 < alarms / 6000 < 0.12


def test_cross_calibration_counts_by_the_definition(rng):
    """#{i : sᵢ ≤ s of the model that did not see row i} + 1, over n + 1 (Barber et al. 2021)."""
    X, new = rng.normal(size=(23, 2)), rng.normal(size=(7, 2))
    detector = Detector(FromTheMean(), calibration=Cross(4), random_state=0).fit(X)
    calibrated, models = detector.calibrated_, detector.estimators_
    assert len(calibrated.scores) == len(X)
    for x, p in zip(new, detector.p_values(new), strict=True):
        theirs = [models[k].score_samples(x[None])[0] for k in calibrated.fold]
        assert p == (1 + sum(s <= t for s, t in zip(calibrated.scores, theirs, strict=True))) / (len(X) + 1)


def test_weights_repair_a_known_shift(rng):
    """Calibrated on N(0, 1), applied to N(1, 1): w(x) = φ(x − 1)/φ(x) brings the rate back."""

    def one_sided(X):
        return -np.asarray(X)[:, 0]

    def ratio(X):
        x = np.asarray(X)[:, 0]
        return norm.pdf(x, 1) / norm.pdf(x)

    plain, weighted = [], []
    for seed in range(150):
        X, new = rng.normal(size=(300, 1)), rng.normal(1, 1, size=(20, 1))
        for weight, p in ((None, plain), (ratio, weighted)):
            p.append(Detector(one_sided, weight=weight, ties="random", random_state=seed).fit(X).p_values(new))
    assert (np.concatenate(plain) <= 0.1).mean() > 0.3
    assert abs((np.concatenate(weighted) <= 0.1).mean() - 0.1) < 0.02
    first = np.array(weighted)[:, 0]
    assert kstest(first, "uniform").pvalue > 0.01


def test_a_weight_of_two_is_two_rows(rng):
    scores, new = rng.normal(size=20), rng.normal(size=(1, 50))
    twice = CalibrationScores.of(np.concatenate([scores, scores]))
    weighted = CalibrationScores.of(scores, weights=np.full(20, 2.0))
    np.testing.assert_allclose(weighted.p_values(new), twice.p_values(new), rtol=1e-14)


# Laws of the alarm.

WAYS = {
    "split": {},
    "random ties": {"ties": "random"},
    "cross": {"calibration": "cross:2"},
    "cross, random ties": {"calibration": "cross:2", "ties": "random"},
    "weighted": {"weight": lambda X: np.exp(np.asarray(X)[:, 0])},
    "weighted, random ties": {"weight": lambda X: np.exp(np.asarray(X)[:, 0]), "ties": "random"},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("score", [FromTheMean(), rounded], ids=["continuous", "tied"])
def test_threshold_and_p_value_agree_row_by_row(score, way, rng):
    X, new = rng.normal(size=(120, 2)), rng.normal(size=(200, 2)) * 2
    detector = Detector(score, random_state=0, **way).fit(X)
    for alpha in (0.05, 0.07, 0.1, 0.29, 0.5, 0.9):
        turned = detector.at(alpha=alpha)
        expected = turned.p_values(new) <= alpha
        np.testing.assert_array_equal(turned.predict(new) == -1, expected)
        decision = turned.decision_function(new)
        np.testing.assert_array_equal(decision < 0, expected)
    for dial in ({"fdr": 0.3}, {"budget": 13}):
        turned = detector.at(**dial)
        np.testing.assert_array_equal(turned.decision_function(new) < 0, turned.predict(new) == -1)
    assert (detector.at(budget=13).predict(new) == -1).sum() == 13


@pytest.mark.parametrize("way", ["split", "cross, random ties", "weighted"])
def test_the_decision_is_how_far_the_score_can_fall(way, rng):
    """Lowered by a little less than the margin a row raises no alarm, by a little more it does."""
    X, new = rng.normal(size=(60, 2)), rng.normal(size=(40, 2))
    detector = Detector(FromTheMean(), alarm="falsealarms:0.2", random_state=0, **WAYS[way]).fit(X)
    margins = detector.decision_function(new)
    assert (margins > 0).any()
    assert (margins < 0).any()
    judged = detector.judge(new)
    never = np.isposinf(margins)  # a row so heavy that its own weight is more than a share α
    for nudge, raised in ((-1e-9, False), (1e-9, True)):
        lowered = judged.scores - np.where(never, 1e9, margins + nudge)
        p = detector.calibrated_.p_values(lowered, judged.weights, judged.u)
        np.testing.assert_array_equal((p <= 0.2)[~never], raised)
        assert not (p <= 0.2)[never].any()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=30),
    st.lists(st.integers(-6, 6), min_size=1, max_size=10),
    st.floats(0.001, 0.999) | st.integers(1, 99).map(lambda k: k / 100),
)
def test_the_threshold_is_that_of_the_p_value_for_any_scores_and_level(calibration, new, alpha):
    calibrated = CalibrationScores.of(np.array(calibration, dtype=float))
    scores = np.array(new, dtype=float)
    np.testing.assert_array_equal(calibrated.p_values(scores[None]) <= alpha, scores < calibrated.threshold(alpha))


@pytest.mark.parametrize("way", ["split", "random ties", "cross", "weighted"])
def test_a_monotone_change_of_score_changes_nothing(way, rng):
    class Cubed(FromTheMean):
        def score_samples(self, X):
            return super().score_samples(X) ** 3 - 7

    X, new = rng.normal(size=(80, 2)), rng.normal(size=(50, 2)) * 2
    plain, changed = (Detector(s, random_state=0, **WAYS[way]).fit(X) for s in (FromTheMean(), Cubed()))
    np.testing.assert_array_equal(plain.p_values(new), changed.p_values(new))
    for dial in ({"alpha": 0.1}, {"fdr": 0.3}, {"budget": 5}):
        np.testing.assert_array_equal(plain.at(**dial).predict(new), changed.at(**dial).predict(new))


@pytest.mark.parametrize("way", ["split", "cross, random ties", "weighted, random ties"])
@pytest.mark.parametrize("scorer", ["auto", AUTOENCODER], ids=["auto", "autoencoder"])
def test_a_row_does_not_depend_on_its_neighbours(scorer, way, rng):
    X, new = rng.normal(size=(90, 5)), rng.normal(size=(300, 5))
    detector = Detector(scorer, random_state=0, **WAYS[way]).fit(X)
    p, decision = detector.p_values(new), detector.decision_function(new)
    order = rng.permutation(len(new))
    np.testing.assert_array_equal(detector.p_values(new[order]), p[order])
    for i in (0, 17, 299):
        assert detector.p_values(new[i : i + 1])[0] == p[i]
        assert detector.decision_function(new[i : i + 1])[0] == decision[i]


def test_ties_are_broken_by_the_row_and_the_seed_alone(rng):
    X, new = rng.normal(size=(50, 2)), rng.normal(size=(400, 2))
    one, same, other = (Detector(rounded, ties="random", random_state=s).fit(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.p_values(new), same.p_values(new))
    assert (one.p_values(new) != other.p_values(new)).any()
    tied = rounded(new) == -1
    assert len(np.unique(one.p_values(new)[tied])) == tied.sum() > 50


# The three dials.


def test_false_alarms_keep_their_rate_over_splits(rng):
    """The share of alarms among usual rows is Beta-Binomial about k/(n + 1); its mean over splits is held."""
    shares = {0.01: [], 0.05: [], 0.1: []}
    for seed in range(50):
        detector = Detector(FromTheMean(), calibration="split:0.5", random_state=seed).fit(rng.normal(size=(400, 3)))
        new = rng.normal(size=(500, 3))
        for alpha, found in shares.items():
            found.append((detector.at(alpha=alpha).predict(new) == -1).mean())
    for alpha, found in shares.items():
        exact = np.floor(alpha * 201) / 201
        spread = np.sqrt(exact * (1 - exact) * (1 / 200 + 1 / 500) / 50)
        assert abs(np.mean(found) - exact) < 3.5 * spread


def test_false_discoveries_keep_their_rate_over_splits(rng):
    """A tenth of each batch is odd; the share of false alarms stays below the rate, and most odd rows are found."""
    for rate in (0.1, 0.2):
        false, power = [], []
        for seed in range(50):
            detector = Detector(FromTheMean(), calibration="split:0.5", random_state=seed).fit(
                rng.normal(size=(800, 2))
            )
            new = rng.normal(size=(300, 2))
            new[:30] += 4
            raised = detector.at(fdr=rate).predict(new) == -1
            false.append(raised[30:].sum() / max(1, raised.sum()))
            power.append(raised[:30].mean())
        assert np.mean(false) < rate
        assert np.mean(false) > 0.5 * rate
        assert np.mean(power) > 0.6


def test_benjamini_hochberg_against_scipy(rng):
    from scipy.stats import false_discovery_control

    for _ in range(20):
        p = rng.uniform(size=50) ** 2
        expected = false_discovery_control(p) <= 0.1
        np.testing.assert_array_equal(FalseDiscoveries(0.1).alarms(p, np.zeros(50)), expected)


def test_the_dial_is_turned_without_a_fit_and_the_first_detector_stays(rng):
    detector = Detector(from_the_origin, random_state=0).fit(rng.normal(size=(300, 2)))
    new = rng.normal(size=(400, 2))
    loose, tight = detector.at(alpha=0.3), detector.at(alpha=0.01)
    assert (loose.predict(new) == -1).sum() > (detector.predict(new) == -1).sum() > (tight.predict(new) == -1).sum()
    assert detector.alarm == "falsealarms:0.05"
    assert (loose.alarm, detector.at(budget=3).alarm) == (FalseAlarms(0.3), Budget(3))
    assert loose.estimators_ is detector.estimators_


# Scores of every kind.


@pytest.mark.parametrize(
    "estimator",
    [
        IsolationForest(n_estimators=20, random_state=0),
        KernelDensity(),
        GaussianMixture(random_state=0),
        OneClassSVM(),
        make_pipeline(StandardScaler(), GaussianMixture(random_state=0)),
        VAE(2, max_epochs=3, random_state=0),
        multivariate_normal(np.zeros(3)).logpdf,
        "auto",
    ],
    ids=lambda e: e if isinstance(e, str) else type(e).__name__,
)
def test_any_score_finds_what_is_far_out(estimator, rng):
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    odd = pd.DataFrame(rng.normal(size=(20, 3)) + 8, columns=["a", "b", "c"])
    detector = Detector(estimator, random_state=0).fit(frame)
    assert (detector.predict(odd) == -1).all()
    usual = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    assert (detector.predict(usual) == -1).mean() < 0.15


def test_a_detector_whose_scores_rise_with_oddness_is_turned_round(rng):
    class OfPyOD(FromTheMean):
        def fit(self, X, y=None):
            super().fit(X)
            self.decision_scores_ = self.decision_function(X)
            return self

        def decision_function(self, X):
            return np.linalg.norm(np.asarray(X) - self.mean_, axis=1)

        score_samples = property()  # PyOD has none

    detector = Detector(OfPyOD(), random_state=0).fit(rng.normal(size=(100, 2)))
    assert detector.predict([[9.0, 9.0], [0.0, 0.0]]).tolist() == [-1, 1]


def test_images_too(digits):
    detector = Detector(VAE(4, max_epochs=2, random_state=0), random_state=0).fit(digits[:600])
    noise = np.random.default_rng(0).uniform(size=(50, 8, 8)).astype(np.float32)
    assert (detector.predict(noise) == -1).mean() > 0.9


@pytest.mark.parametrize("way", ["split", "cross, random ties"])
def test_a_row_outside_the_range_of_a_likelihood_is_odd_and_no_error(way, rng):
    X = rng.uniform(size=(300, 4))
    vae = VAE(2, likelihood="bernoulli", max_epochs=2, random_state=0)
    detector = Detector(vae, random_state=0, **WAYS[way]).fit(X)
    new = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 7.0, 0.5]])
    assert detector.score_samples(new)[1] == -np.inf
    assert detector.predict(new).tolist() == [1, -1]
    assert (detector.decision_function(new) < 0).tolist() == [False, True]
    why = detector.explain(new[1:])[0]
    assert (why.reasons[0].index, why.needed) == (2, 1)
    assert why.reasons[0].share == pytest.approx(1)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("estimator", ["auto", AUTOENCODER], ids=["auto", "autoencoder"])
def test_tables_with_categories_and_gaps(estimator, make, rng, tmp_path):
    """A level that does not go with the number beside it is odd, and is named as the data name it."""

    def rows(n):
        x = rng.normal(size=n)
        return {
            "load": np.where(rng.uniform(size=n) < 0.05, np.nan, x + 0.05 * rng.normal(size=n)),
            "state": np.where(x > 0, "running", "idle"),
            "power": 100 + 20 * x + rng.normal(size=n),
            "serial": [f"s{i}" for i in range(n)],
        }

    usual, odd = make(rows(600)), rows(4)
    odd |= {
        "load": [2.0, 1.5, -1.5, 1.0],
        "state": ["idle", "idle", "running", "running"],
        "power": [140, 130, 70, 120],
    }
    detector = Detector(estimator, schema={"serial": None}, alarm="falsealarms:0.1", random_state=0).fit(usual)
    new = make(rows(400))
    assert 0.02 < (detector.predict(new) == -1).mean() < 0.2
    why = detector.explain(make(odd))
    if estimator == "auto":
        assert detector.predict(make(odd)).tolist() == [-1, -1, -1, 1]
        assert [(e.reasons[0].column, e.reasons[0].seen, e.reasons[0].expected) for e in why[:3]] == [
            ("state", "idle", "running"),
            ("state", "idle", "running"),
            ("state", "running", "idle"),
        ]
        assert str(why[0]).startswith("state is idle, expected running: ")
    detector.save(tmp_path / "d")
    loaded = isthmus.load(tmp_path / "d")
    np.testing.assert_array_equal(loaded.p_values(new), detector.p_values(new))
    assert str(loaded.explain(make(odd))[1]) == str(why[1])
    assert loaded.watch().update(new) == detector.watch().update(new)


def test_prefit_fits_nothing(rng):
    X = rng.normal(size=(100, 2))
    scorer = GaussianMixture(random_state=0).fit(X)
    detector = Detector(scorer, calibration=Prefit(), random_state=0).fit(rng.normal(size=(80, 2)))
    assert detector.estimators_[0] is scorer
    assert len(detector.calibrated_.scores) == 80


def test_trimming_leaves_the_oddest_rows_out_of_the_fit_but_not_of_the_calibration(rng):
    """Outliers among the rows widen a Gaussian; trimmed, it is that of the usual rows, and alarms stay rare."""
    X = rng.normal(size=(400, 2))
    X[:30] += 6
    rng.shuffle(X)
    new, odd = rng.normal(size=(2000, 2)), rng.normal(size=(100, 2)) + 6
    gaussian = GaussianMixture()
    plain, trimmed = (Detector(gaussian, trim=t, alarm="falsealarms:0.1", random_state=0).fit(X) for t in (0.0, "auto"))
    assert (plain.trimmed_, trimmed.trimmed_) == ([0], [28])
    assert len(trimmed.calibrated_.scores) == 120
    assert np.linalg.det(plain.estimators_[0].covariances_[0]) > 3
    assert 0.5 < np.linalg.det(trimmed.estimators_[0].covariances_[0]) < 1.2
    assert (trimmed.predict(odd) == -1).mean() > 0.9
    assert (trimmed.predict(new) == -1).mean() < 0.1


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("rows", [2, 3, 10, 101])
def test_split_and_cross_use_every_row_once(rows, share):
    random = np.random.RandomState(0)
    ((fit, held),) = Split(share).folds(rows, random)
    assert sorted([*fit, *held]) == list(range(rows))
    assert len(fit) >= 1 <= len(held)
    if rows >= 3:
        folds = Cross(3).folds(rows, random)
        assert sorted(i for _, held in folds for i in held) == list(range(rows))
        assert all(sorted([*fit, *held]) == list(range(rows)) for fit, held in folds)


# As a scikit-learn user meets it.


@pytest.mark.filterwarnings("ignore:no row can raise an alarm")
@pytest.mark.parametrize(
    "detector",
    [
        Detector(random_state=0),
        Detector(FromTheMean(), random_state=0),
        Detector(IsolationForest(n_estimators=5, random_state=0), random_state=0),
    ],
    ids=["auto", "from the mean", "forest"],
)
def test_scikit_learns_checks(detector):
    check_estimator(detector, on_skip=None)


def test_fitted_by_names_and_refuses_others(rng):
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"])
    detector = Detector(random_state=0).fit(frame)
    assert detector.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="order"):
        detector.predict(frame[["b", "a"]])


def test_a_failed_fit_loses_nothing(rng):
    detector = Detector(random_state=0).fit(rng.normal(size=(90, 2)))
    p = detector.p_values([[0.0, 0.0]])
    with pytest.raises(DataError, match="infinity"):
        detector.fit(np.full((60, 2), np.inf))
    assert detector.p_values([[0.0, 0.0]]) == p


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alarm": "falsealarms:2"}, "alpha must lie in"),
        ({"alarm": "nothing"}, "unknown alarm 'nothing'"),
        ({"trim": 1.0}, "trim must be"),
        ({"ties": "maybe"}, "ties must be"),
        ({"estimator": "vae"}, "estimator must be"),
        ({"estimator": 3}, "int cannot score rows"),
        ({"estimator": lambda X: np.zeros((len(X), 2))}, "one number a row"),
        ({"estimator": lambda X: np.full(len(X), np.nan)}, "returned NaN for 30 of 30 rows: rows 0, 1, 2 and 27 more"),
        ({"estimator": from_the_origin, "weight": lambda X: np.zeros(len(X))}, "non-zero"),
        ({"calibration": "cross:40"}, "40 folds need 40 rows"),
    ],
)
def test_what_is_refused_is_said_in_one_line(arguments, message, rng):
    with pytest.raises((CompositionError, DataError, ValueError), match=message) as caught:
        Detector(**{"random_state": 0, **arguments}).fit(rng.normal(size=(30, 2)))
    assert "\n" not in str(caught.value)


def test_exactly_one_dial(rng):
    for wrong in ({}, {"alpha": 0.1, "fdr": 0.1}):
        with pytest.raises(CompositionError, match="give one of"):
            Detector().at(**wrong)


def test_too_few_rows_for_so_small_a_rate_are_said(rng):
    X = rng.normal(size=(60, 2))
    with pytest.warns(UserWarning, match="needs 99 calibration rows, there are 18"):
        detector = Detector(alarm="falsealarms:0.01", random_state=0).fit(X)
    assert (detector.predict(X * 100) == 1).all()
    assert (Detector(alarm="falsealarms:0.01", ties="random", random_state=0).fit(X).p_values(X * 100) < 0.06).all()


def test_clones_and_prints(rng):
    detector = Detector(VAE(2), alarm="budget:3")
    assert repr(clone(detector)) == repr(detector)
    assert clone(detector).set_params(estimator__latent_dim=3).estimator.latent_dim == 3


def test_real_tables_keep_their_rate():
    """Held-out rows of scikit-learn's own tables, in the exact interval of what a split gives."""
    for X in (load_iris().data, load_digits().data):
        raised, rows = 0, 0
        for seed in range(10):
            order = np.random.default_rng(seed).permutation(len(X))
            detector = Detector(alarm="falsealarms:0.1", calibration="split:0.5", random_state=seed)
            detector.fit(X[order[: len(X) * 2 // 3]])
            raised += (detector.predict(X[order[len(X) * 2 // 3 :]]) == -1).sum()
            rows += len(X) - len(X) * 2 // 3
        assert 0.05 < raised / rows < 0.13


# Kept in a folder.


@pytest.mark.parametrize("way", ["split", "cross, random ties"])
@pytest.mark.parametrize("estimator", ["auto", AUTOENCODER], ids=["auto", "autoencoder"])
def test_saved_and_loaded_the_same_alarms(estimator, way, rng, tmp_path):
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
    new = pd.DataFrame(rng.normal(size=(200, 3)) * 2, columns=["a", "b", "c"])
    detector = Detector(estimator, random_state=0, **WAYS[way]).fit(frame).at(fdr=0.2)
    detector.save(tmp_path / "d")
    detector.save(tmp_path / "d")  # replaces itself
    loaded = isthmus.load(tmp_path / "d")
    assert loaded.alarm == FalseDiscoveries(0.2)
    np.testing.assert_array_equal(loaded.p_values(new), detector.p_values(new))
    for dial in ({"fdr": 0.2}, {"alpha": 0.07}, {"budget": 9}):
        np.testing.assert_array_equal(loaded.at(**dial).predict(new), detector.at(**dial).predict(new))
        np.testing.assert_array_equal(
            loaded.at(**dial).decision_function(new), detector.at(**dial).decision_function(new)
        )
    assert str(loaded.explain(new[:2])[0]) == str(detector.explain(new[:2])[0])
    assert not [path for path in (tmp_path / "d").rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib", ".pt")]


def test_a_function_is_named_and_handed_over_again(rng, tmp_path):
    detector = Detector(from_the_origin, random_state=0).fit(rng.normal(size=(50, 2)))
    detector.save(tmp_path / "d")
    with pytest.raises(ModelFileError, match=r"'from_the_origin' is your own code; .*estimator="):
        isthmus.load(tmp_path / "d")
    loaded = isthmus.load(tmp_path / "d", estimator=from_the_origin)
    assert loaded.p_values([[1.0, 2.0]]) == detector.p_values([[1.0, 2.0]])


def test_what_only_pickle_could_keep_is_refused_before_anything_is_written(rng, tmp_path):
    detector = Detector(IsolationForest(n_estimators=3, random_state=0), random_state=0).fit(rng.normal(size=(90, 2)))
    with pytest.raises(ModelFileError, match="IsolationForest cannot be saved: only pickle could keep it"):
        detector.save(tmp_path / "d")
    assert not list(tmp_path.iterdir())
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.predict([[9.0, 9.0]]), detector.predict([[9.0, 9.0]]))


def test_damage_is_found_and_said_in_one_line(rng, tmp_path):
    detector = Detector(random_state=0).fit(rng.normal(size=(90, 2)))
    place = tmp_path / "d"

    def refused(message):
        with pytest.raises(ModelFileError, match=message) as caught:
            isthmus.load(place)
        assert "\n" not in str(caught.value)
        detector.save(place)

    detector.save(place)
    config = json.loads((place / "detector.json").read_text())
    for change, message in (
        ({"format": 9}, "has format 9, this version reads up to 1"),
        ({"scorers": []}, "is damaged"),
        ({"scorers": [{"model": "../../elsewhere"}]}, "lies in the detector's own"),
        ({"arguments": {"alarm": {"part": "alarm.Budget", "rows": -1}}}, "cannot make alarm.Budget"),
        ({"sha256": "0"}, "is damaged: its SHA-256"),
    ):
        (place / "detector.json").write_text(json.dumps({**config, **change}))
        refused(message)
    (place / "detector.json").write_text("[")
    refused("is damaged")
    (place / "detector.safetensors").unlink()
    refused("is missing")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ModelFileError, match="not a detector's folder"):
        detector.save(tmp_path / "full")
