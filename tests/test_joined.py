"""Joined scores, and distances: what a usual row's rarity is, ranks and draws, and alarms that keep their rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

import isthmus
from isthmus.detection import Detector, Embedding, Joined, Neighbours, SampledNeighbours
from isthmus.detection.embedding import normal_scores
from isthmus.detection.joined import rarity
from isthmus.errors import CompositionError


def from_the_origin(X):
    return -np.linalg.norm(np.asarray(X, dtype=np.float64), axis=1)


def cubed(X):
    return from_the_origin(X) ** 3


def test_the_rarity_of_usual_scores_is_exponential(rng):
    """−log of a uniform variable is; beyond the usual scores an exponential tail goes on as it should."""
    usual = np.sort(-rng.exponential(size=4000))
    new = -rng.exponential(size=2000)
    assert kstest(rarity(new, usual), "expon").pvalue > 0.01
    far = -np.arange(10.0, 40.0, 5.0)
    np.testing.assert_allclose(rarity(far, usual), -far, rtol=0.1)


def test_the_rarer_of_two_scores_is_the_lower_one(rng):
    """Strictly so below all usual scores, and without a jump where the tail begins."""
    usual = np.sort(rng.normal(size=100))
    scores = np.sort(np.concatenate([usual, np.linspace(-20, 3, 500)]))
    rare = rarity(scores, usual)
    assert (np.diff(rare) <= 1e-12).all()
    assert (np.diff(rare[scores < usual[0]]) < 0).all()
    assert np.abs(np.diff(rarity(usual[9:12], usual))).max() < 0.3
    assert rarity(np.array([-np.inf]), usual)[0] == np.inf
    assert np.isfinite(rarity(np.array([-5.0, 0.0, 5.0]), np.zeros(10))).all()


def test_one_joined_score_orders_rows_as_it_does_alone(rng):
    X, new = rng.normal(size=(200, 3)), rng.normal(size=(100, 3)) * 3
    alone, joined = Neighbours(3).fit(X).score_samples(new), Joined((Neighbours(3),)).fit(X).score_samples(new)
    order = np.argsort(alone)
    assert (np.diff(joined[order]) >= 0).all()
    assert (np.diff(joined[order][:40]) > 0).all()


def test_joined_scores_are_the_mean_of_each_ones_rarity(rng):
    X, new = rng.normal(size=(300, 2)), rng.normal(size=(50, 2)) * 2
    joined = Joined((from_the_origin, cubed, IsolationForest(n_estimators=5, random_state=0)), random_state=1).fit(X)
    each = [
        rarity(score(new) if callable(score) else score.score_samples(new), usual)
        for score, usual in zip(joined.scores_, joined.usual_, strict=True)
    ]
    np.testing.assert_allclose(joined.score_samples(new), -np.mean(each, axis=0), rtol=1e-12)
    assert joined.usual_.shape == (3, 60)
    assert repr(clone(joined)) == repr(joined)
    with pytest.raises(CompositionError, match="one score or more"):
        Joined(()).fit(X)
    with pytest.raises(CompositionError, match="held_share"):
        Joined((from_the_origin,), held_share=1.0).fit(X)


@pytest.mark.parametrize("trim", [0.0, "auto"])
def test_the_default_keeps_its_rate_explains_and_is_kept(trim, rng, tmp_path):
    """Alarms among usual rows of 25 splits are as many as k/(n + 1) says; the folder gives the same ones."""
    raised = 0
    for seed in range(25):
        detector = Detector(trim=trim, alarm="falsealarms:0.1", random_state=seed).fit(rng.normal(size=(200, 3)))
        raised += (detector.predict(rng.normal(size=(100, 3))) == -1).sum()
    assert 0.06 < raised / 2500 < 0.14
    broken = np.array([[0.0, 9.0, 0.0]])
    assert detector.explain(broken)[0].reasons[0].index == 1
    detector.save(tmp_path / "d")
    loaded, new = isthmus.load(tmp_path / "d"), rng.normal(size=(50, 3)) * 2
    np.testing.assert_array_equal(loaded.p_values(new), detector.p_values(new))
    assert loaded.watch().update(new) == detector.watch().update(new)


def test_a_joined_score_of_ones_own_is_kept(rng, tmp_path):
    detector = Detector(Joined((Neighbours(2), SampledNeighbours(4, 5))), random_state=0).fit(rng.normal(size=(90, 2)))
    detector.save(tmp_path / "d")
    new = rng.normal(size=(40, 2))
    np.testing.assert_array_equal(isthmus.load(tmp_path / "d").p_values(new), detector.p_values(new))


# Distances.


def test_normal_scores_are_those_of_ranks_and_go_on_beyond_the_range(rng):
    known = np.sort(rng.exponential(size=2000))
    inside = rng.exponential(size=500).clip(known[0], known[-1])
    exact = norm.ppf(1 - np.exp(-inside))
    assert np.abs(normal_scores(inside, known, 1.0) - exact)[np.abs(exact) < 2].max() < 0.15
    last = normal_scores(known[-1:], known, 2.0)[0]
    assert normal_scores(known[-1:] + 6, known, 2.0)[0] == pytest.approx(last + 3, abs=0.2)
    assert np.isnan(normal_scores(np.array([np.nan]), known, 1.0))[0]


def test_ranks_do_not_change_under_a_monotone_change_of_a_column(rng):
    X, new = rng.normal(size=(200, 3)), rng.normal(size=(60, 3)) * 0.5
    changed, changed_new = X.copy(), new.copy()
    changed[:, 1], changed_new[:, 1] = np.exp(X[:, 1]), np.exp(new[:, 1])
    plain, other = Neighbours(3, by_rank=True).fit(X), Neighbours(3, by_rank=True).fit(changed)
    np.testing.assert_allclose(plain.score_samples(new), other.score_samples(changed_new), rtol=1e-12)
    assert Embedding.of(X, by_rank=True).points(X).std(0) == pytest.approx(1, abs=0.03)


def test_local_distances_against_their_definition(rng):
    X, new = rng.normal(size=(80, 2)), rng.normal(size=(20, 2)) * 2
    points, odd = Embedding.of(X).points(X), Embedding.of(X).points(new)
    search = NearestNeighbors(n_neighbors=4).fit(points)
    own = search.kneighbors(points)[0][:, 1:].mean(1)
    distances, rows = search.kneighbors(odd, n_neighbors=3)
    own = search.kneighbors(points)[0][:, 1:].mean(1)
    expected = -distances.mean(1) / own[rows].mean(1)
    np.testing.assert_allclose(Neighbours(3, local=True).fit(X).score_samples(new), expected, rtol=1e-10)


def test_sampled_distances_against_their_definition(rng):
    X, new = rng.normal(size=(80, 2)), rng.normal(size=(20, 2))
    score = SampledNeighbours(5, 7, random_state=3).fit(X)
    random, points = np.random.RandomState(3), Embedding.of(X).points(X)
    odd = Embedding.of(X).points(new)
    each = []
    for _ in range(7):
        drawn = points[random.permutation(80)[:5]]
        each.append(np.linalg.norm(odd[:, None] - drawn[None], axis=2).min(1) / 2**0.5)
    np.testing.assert_allclose(score.score_samples(new), -np.mean(each, axis=0), rtol=1e-10)
    assert SampledNeighbours(50, 2).fit(X[:3]).score_samples(X[:3]).tolist() == [0.0, 0.0, 0.0]
