"""Laws of the rules that raise alarms in a stream, and of what is said of a batch of p-values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isthmus.detection import CalibrationScores, Detector, OnlineDiscoveries, UsualShare, Watch, alarm_at
from isthmus.errors import CompositionError


def from_the_origin(X):
    return -np.linalg.norm(np.asarray(X, dtype=np.float64), axis=1)


def test_online_discoveries_keep_their_rate_in_streams_that_share_calibration_rows(rng):
    """A tenth of each stream is odd; the realised share of false alarms is below the rate, and alarms there are."""
    rule, false, power = OnlineDiscoveries(0.2, horizon=100), [], []
    for _ in range(400):
        calibrated = CalibrationScores.of(rng.normal(size=600))
        odd = rng.uniform(size=100) < 0.1
        p = calibrated.p_values((rng.normal(size=100) - 4 * odd)[None])
        raised = rule.alarms(p, np.zeros(100))
        false.append((raised & ~odd).sum() / max(1, raised.sum()))
        power.append(raised[odd].mean() if odd.any() else np.nan)
    assert np.mean(false) < 0.2 * 0.9 + 3 * np.std(false) / np.sqrt(400)
    assert np.nanmean(power) > 0.5


def test_online_discoveries_against_their_definition(rng):
    """Row by row: pₜ ≤ rate (Rₜ + 1)/horizon, the count beginning again after each horizon (Javanmard, Montanari)."""
    rule, p = OnlineDiscoveries(0.3, horizon=7), rng.uniform(size=40) ** 3
    expected, before = [], 0
    for t, value in enumerate(p):
        before = 0 if t % 7 == 0 else before
        expected.append(bool(value <= 0.3 * (before + 1) / 7))
        before += expected[-1]
    assert 0 < sum(expected) < 40
    assert rule.alarms(p, np.zeros(40)).tolist() == expected
    for cut in ((1,) * 40, (7, 7, 7, 7, 7, 5), (3, 20, 17)):
        going, found = rule, []
        for part in np.split(p, np.cumsum(cut)[:-1]):
            raised = going.alarms(part, np.zeros(len(part)))
            going = going.after(raised)
            found += raised.tolist()
        assert found == expected
        assert going.at_start() == rule


def test_a_watch_counts_discoveries_over_batches_and_restarts(rng, tmp_path):
    X, stream = rng.normal(size=(400, 2)), rng.normal(size=(60, 2)) * 3
    detector = Detector(from_the_origin, random_state=0).fit(X).at(fdr=0.5, horizon=40)
    through = detector.watch().update(stream).alarms
    assert 0 < through.sum() < 60
    watch, found = detector.watch(), []
    for part in np.split(stream, [10, 11, 45]):
        found += watch.update(part).alarms.tolist()
        watch.save(tmp_path / "state.json")
        watch = Watch.load(tmp_path / "state.json", detector)
    assert found == through.tolist()
    other = detector.at(fdr=0.4, horizon=40)
    assert Watch.load(tmp_path / "state.json", other).rule == OnlineDiscoveries(0.4, 40)
    assert json.loads((tmp_path / "state.json").read_text())["rule"]["seen"] == 20


def test_a_horizon_that_no_alarm_can_meet_is_said(rng):
    detector = Detector(from_the_origin, random_state=0).fit(rng.normal(size=(100, 2)))
    with pytest.warns(UserWarning, match="needs 9999 calibration rows, there are 100"):
        detector.at(fdr=0.1, horizon=1000)
    with pytest.raises(CompositionError, match="horizon goes with fdr"):
        alarm_at(alpha=0.1, horizon=10)
    with pytest.raises(CompositionError, match="count up to horizon"):
        OnlineDiscoveries(seen=1000)


@pytest.mark.parametrize("odd", [0.0, 0.3])
def test_the_share_of_odd_rows_is_within_its_interval(odd, rng):
    """Over 300 draws the interval holds the truth in about 95 of 100, and the estimate is right in the mean."""
    held, found = 0, []
    for _ in range(300):
        calibrated = CalibrationScores.of(rng.normal(size=300))
        p = calibrated.p_values((rng.normal(size=400) - 8 * (np.arange(400) < 400 * odd))[None])
        share = UsualShare.of(p, 300)
        held += share.low <= odd <= share.high
        found.append(share.odd)
    assert held / 300 > 0.92
    assert abs(np.mean(found) - odd) < 0.04
