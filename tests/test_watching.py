"""Watching: bets on ranks never win by more than luck allows while nothing drifts, and soon when something does."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from isthmus import Autoencoder
from isthmus.detection import Detector, Watch
from isthmus.detection.betting import JUMP_RATES, STAKES, SimpleJumper
from isthmus.errors import CompositionError, ModelFileError
from isthmus.networks import MLP


def from_the_origin(X):
    return -np.linalg.norm(np.asarray(X, dtype=np.float64), axis=1)


def test_a_bet_is_fair():
    """The mean of the money after a bet, over all p-values, is the money before it: by quadrature, from any state."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    for past in ([], [0.1, 0.2], [0.9] * 20):
        means = 0.0
        for node, weight in zip(nodes, weights, strict=True):
            jumper = SimpleJumper(1)
            for p in past:
                jumper.bet(np.array([p]))
            before = float(jumper.log_money[0])
            jumper.bet(np.array([(node + 1) / 2]))
            means += weight / 2 * np.exp(jumper.log_money[0] - before)
        assert means == pytest.approx(1, abs=1e-12)


def test_the_jumper_against_its_recursion(rng):
    """Algorithm 1 of Vovk et al. 2021, written out for one jumper after the other."""
    p = rng.uniform(size=30) ** 2
    money = []
    for rate in JUMP_RATES:
        capital = dict.fromkeys(STAKES, 1 / 3)
        for value in p:
            total = sum(capital.values())
            capital = {e: ((1 - rate) * c + rate * total / 3) * (1 + e * (value - 0.5)) for e, c in capital.items()}
        money.append(sum(capital.values()))
    jumper = SimpleJumper(1)
    for value in p:
        jumper.bet(np.array([value]))
    assert jumper.log_money[0] == pytest.approx(np.log(np.mean(money)), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.2, 0.05])
def test_false_alarms_over_all_time_stay_below_alpha(alpha, rng):
    """Ville: in 1,000 runs of uniform p-values the money reaches 1/α in at most a share α of them."""
    runs = 1000
    jumper, most = SimpleJumper(runs), np.zeros(runs)
    for _ in range(3000):
        jumper.bet(rng.uniform(size=runs))
        most = np.maximum(most, jumper.log_money)
    share = (most >= -np.log(alpha)).mean()
    assert share < alpha + 3 * np.sqrt(alpha * (1 - alpha) / runs)
    assert share > 0


def test_ranks_of_exchangeable_rows_are_uniform_and_independent(rng, monkeypatch):
    """Though few rows are kept, so that calibration alone would be seen through, and though columns are tied."""
    monkeypatch.setattr("isthmus.detection.watching.KEPT_ROWS", 20)
    ranks = []
    for seed in range(300):
        X = np.round(rng.normal(size=(25, 2)))
        watch = Detector(from_the_origin, alarm="budget:1", random_state=seed).fit(X[:10]).watch(random_state=seed)
        seen = []
        watch.jumper.bet = seen.append
        watch.update(X[10:])
        ranks.append([p[:3] for p in seen])
    ranks = np.array(ranks)
    assert ranks.shape == (300, 15, 3)
    for column in range(3):
        each = ranks[:, :, column]
        assert kstest(each.ravel(), "uniform").pvalue > 0.005
        assert kstest(each[:, -1], "uniform").pvalue > 0.005
        successive = np.corrcoef(each[:, :-1].ravel(), each[:, 1:].ravel())[0, 1]
        assert abs(successive) < 4 / np.sqrt(each[:, 1:].size)


def test_null_runs_of_a_watch_raise_no_more_alarms_than_alpha(rng):
    """30 calibration rows and 200 of the stream: fixed p-values would drift by themselves."""
    raised = 0
    for seed in range(80):
        X = rng.normal(size=(230, 2))
        watch = Detector(from_the_origin, random_state=seed).fit(X[:30]).watch(alpha=0.1, random_state=seed)
        raised += watch.update(X[30:]).drifted
    assert raised <= 15


SHIFTS = {
    "higher": lambda X: X + np.array([0, 1.5, 0]),
    "lower": lambda X: X - np.array([0, 1.5, 0]),
    "wider": lambda X: X * np.array([1, 4, 1]),
    "narrower": lambda X: X * np.array([1, 0.2, 1]),
}


@pytest.mark.parametrize("how", SHIFTS)
def test_a_shift_is_found_and_named(how, rng):
    frame = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a", "b", "c"])
    watch = Detector(random_state=0).fit(frame).watch(alpha=0.01)
    usual = watch.update(pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"]))
    assert not usual.drifted
    assert usual.moved == ()
    moved = pd.DataFrame(SHIFTS[how](rng.normal(size=(200, 3))), columns=["a", "b", "c"])
    drift = watch.update(moved)
    assert drift.drifted
    assert 200 < drift.since < 300
    assert [(m.column, m.how) for m in drift.moved] == [("b", how)]
    assert f"b is {how}" in str(drift)


def test_rows_that_are_odd_as_a_whole_are_found_where_no_column_moved(rng):
    """Each column stays a standard normal one; that they go together is over."""
    x = rng.normal(size=(600, 1))
    together = x + 0.1 * rng.normal(size=(600, 3))
    apart = rng.permuted(together, axis=0)
    watch = Detector(random_state=0).fit(together[:400]).watch(alpha=0.01)
    assert not watch.update(together[400:]).drifted
    drift = watch.update(apart[:200])
    assert drift.drifted
    assert drift.moved == ()
    assert "the rows as a whole" in str(drift)


@pytest.mark.parametrize("way", ["split", "cross"])
def test_a_watch_survives_a_restart_to_the_bit(way, rng, tmp_path):
    X, stream = rng.normal(size=(100, 3)), rng.normal(size=(90, 3)) + 0.3
    detector = Detector(
        Autoencoder(2, network=MLP((8,)), max_epochs=2, random_state=0), calibration=way, random_state=0
    ).fit(X)
    through = detector.watch()
    through.update(stream)
    watch = detector.watch()
    for part in (stream[:30], stream[30:31], stream[31:]):
        watch.update(part)
        watch.save(tmp_path / "state.json")
        detector.save(tmp_path / "detector")
        watch = Watch.load(tmp_path / "state.json", Detector.load(tmp_path / "detector"))
    assert watch.update(stream[:20]) == through.update(stream[:20])
    np.testing.assert_array_equal(watch.kept, through.kept)


def test_alarms_of_rows_are_the_detectors(rng):
    detector = Detector(random_state=0).fit(rng.normal(size=(200, 2)))
    new = rng.normal(size=(100, 2)) * 2
    np.testing.assert_array_equal(detector.watch().update(new).alarms, detector.predict(new) == -1)


def test_what_is_no_state_is_refused_in_one_line(rng, tmp_path):
    detector = Detector(from_the_origin, random_state=0).fit(rng.normal(size=(50, 2)))
    other = Detector(from_the_origin, random_state=0).fit(rng.normal(size=(50, 2)))
    place = tmp_path / "state.json"
    detector.watch().save(place)
    with pytest.raises(ModelFileError, match="another detector"):
        Watch.load(place, other)
    with pytest.raises(ModelFileError, match="No such file"):
        Watch.load(tmp_path / "none.json", detector)
    state = json.loads(place.read_text())
    for name, value in (("kept", [[1.0]]), ("capital", "x"), ("random", {}), ("rows", None)):
        place.write_text(json.dumps({**state, name: value}))
        with pytest.raises(ModelFileError, match="holds no state of a watch"):
            Watch.load(place, detector)
    with pytest.raises(CompositionError, match="alpha must lie in"):
        detector.watch(alpha=1)
