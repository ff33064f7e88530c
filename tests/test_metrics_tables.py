"""Measures of tables: their values where these are known, under equality, and where something was planted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from isthmus.errors import DataError
from isthmus.metrics import TableQuality, area_under_curve, column_shapes, pair_trends, told_apart, usefulness


@pytest.fixture
def table(rng):
    """A number, a category that depends on it, and a number of its own with gaps; two halves of one distribution."""
    x = rng.normal(size=2000)
    kind = (x + rng.normal(size=2000) > 0).astype(float) + 2
    loose = np.where(rng.random(2000) < 0.1, np.nan, rng.gamma(2.0, size=2000))
    rows = np.stack([x, kind, loose], 1)
    return rows[:1000], rows[1000:]


def test_shapes_are_those_of_scipy_and_of_counting(table):
    real, other = table
    found = column_shapes(real, other, categories=[1])
    assert found[0] == pytest.approx(1 - stats.ks_2samp(real[:, 0], other[:, 0]).statistic)
    shares = [np.mean(rows[:, 1] == 2) for rows in table]
    assert found[1] == pytest.approx(1 - abs(shares[0] - shares[1]))
    known = [rows[~np.isnan(rows[:, 2]), 2] for rows in table]
    assert found[2] == pytest.approx(1 - stats.ks_2samp(*known).statistic)
    np.testing.assert_allclose(column_shapes(real, real, categories=[1]), 1.0)
    assert column_shapes(real, other + np.array([10, 7, 0]), categories=[1])[:2] == pytest.approx([0.0, 0.0], abs=0.01)


def test_trends_are_correlations_of_numbers_and_tables_of_categories(table):
    real, other = table
    found = pair_trends(real, other, categories=[1])
    np.testing.assert_allclose(found, found.T)
    known = [rows[~np.isnan(rows[:, 2])] for rows in table]
    rho = [np.corrcoef(rows[:, 0], rows[:, 2])[0, 1] for rows in known]
    assert found[0, 2] == pytest.approx(1 - abs(rho[0] - rho[1]) / 2)
    edges = np.histogram_bin_edges(real[:, 0], 10)
    cut = [np.digitize(rows[:, 0], edges[1:-1]) for rows in table]
    counts = [
        np.histogram2d(c, rows[:, 1], [np.arange(11), [2, 3, 4]])[0] / 1000 for c, rows in zip(cut, table, strict=True)
    ]
    assert found[0, 1] == pytest.approx(1 - np.abs(counts[0] - counts[1]).sum() / 2)
    shuffled = other.copy()
    shuffled[:, 1] = np.random.default_rng(1).permutation(other[:, 1])
    assert pair_trends(real, shuffled, categories=[1])[0, 1] < found[0, 1] - 0.1
    some = [np.where(np.random.default_rng(2).random(1000) < 0.3, np.nan, rows[:, 1]) for rows in table]
    holed = [np.column_stack([rows[:, 0], found]) for rows, found in zip(table, some, strict=True)]
    shares = [[np.mean(np.isnan(found)), np.mean(found == 2), np.mean(found == 3)] for found in some]
    assert column_shapes(*holed, categories=[1])[1] == pytest.approx(1 - np.abs(np.subtract(*shares)).sum() / 2)
    assert pair_trends(*holed, categories=[1])[0, 1] > 0.85, "all gaps are one level"
    constant = pair_trends(real * [0, 1, 1], other, categories=[1])
    assert math.isnan(constant[0, 2])


def test_boosting_tells_nothing_under_equality_and_all_that_is_planted(table):
    real, other = table
    same = told_apart(real, other, categories=[1])
    assert same.low < 0.5 < same.high
    assert same.high - same.low == pytest.approx(2 * 1.96 * math.sqrt(1 / 6 / 1000), rel=0.15)
    odd = other.copy()
    odd[:300, 0] += 6
    told = told_apart(real, odd, categories=[1])
    assert told.low > 0.55
    planted = told.other < 300
    assert told.suspicion_other[planted].mean() < 0.1 < told.suspicion_other[~planted].mean()
    assert len(told.real) == len(told.suspicion_real) == 1000
    assert told_apart(real, odd, categories=[1]).auc == told.auc
    with pytest.raises(DataError, match="six rows of each kind, got 5 and 1000"):
        told_apart(real[:5], other)


def test_what_gave_rows_away_is_the_column_that_was_planted(table):
    real, other = table
    odd = other.copy()
    odd[:300, 0] += 6
    told = told_apart(real, odd, categories=[1])
    assert told.columns.argmax() == 0
    assert told.columns[0] > 0.05
    assert told.columns[2] == pytest.approx(0.0, abs=0.02), "the third column is independent of all"
    assert set(np.flatnonzero(odd[:, 0] > 4)) >= set(told.other[np.argsort(told.suspicion_other)[:100]])


def test_an_area_is_that_of_counting_pairs_and_its_interval_holds_the_truth():
    """Two Gaussians one standard deviation apart: P(x > y) = Φ(1/√2)."""
    x, y = np.array([3.0, 1.0, 2.0]), np.array([2.0, 0.0])
    assert area_under_curve(x, y).auc == np.mean((x[:, None] > y) + 0.5 * (x[:, None] == y))
    truth, rng = stats.norm.cdf(0.5**0.5), np.random.default_rng(0)
    areas = [area_under_curve(rng.normal(1, 1, 80), rng.normal(0, 1, 120)) for _ in range(400)]
    assert np.mean([area.low <= truth <= area.high for area in areas]) == pytest.approx(0.95, abs=0.03)


def test_all_that_is_measured_of_a_table_is_measured_once_and_agrees(table):
    real, other = table
    quality = TableQuality(real[:500], real[500:], other, [1], names=["a", "kind", "c"], target="kind")
    assert quality.n == 500
    assert quality.told is quality.told
    for found, floor in ((quality.shapes, quality.real_shapes), (quality.trends, quality.real_trends)):
        assert np.abs(found - floor).max() < 0.15
    assert quality.trend(quality.trends) == pytest.approx(np.nanmean(quality.trends[np.tril_indices(3, -1)]))
    assert quality.useful is not None
    assert quality.useful.synthetic == pytest.approx(quality.useful.real, abs=0.1)
    assert quality.betraying_rows(4).shape == (4, 3)
    with pytest.raises(DataError, match="40 rows or more of each kind, got 39 training"):
        TableQuality(real[:39], real[39:], other)
    with pytest.raises(DataError, match="no column 'knd' to predict, did you mean 'kind'"):
        TableQuality(real[:500], real[500:], other, [1], names=["a", "kind", "c"], target="knd")


def test_frames_say_themselves_what_their_columns_are():
    import pandas as pd

    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"city": rng.choice(["Delft", "Utrecht", "Zwolle"], 300), "age": rng.integers(0, 90, 300)})
    new = frame.iloc[200:].assign(city="Utrecht")
    quality = TableQuality(frame.iloc[:100], frame.iloc[100:200], new, target="age")
    assert quality.names == ["city", "age"]
    assert quality.categories == (0,)
    share = np.mean(frame["city"].iloc[100:200] == "Utrecht")
    assert quality.shapes[0] == pytest.approx(share)
    assert quality.copies == np.mean([tuple(row) in set(map(tuple, frame[:100].values)) for row in new.values])


def test_rows_are_as_useful_as_what_they_say_of_the_target(table):
    real, other = table
    useful = usefulness(real, other, target=1, categories=[1])
    best = 2 * np.mean(stats.norm.cdf(np.abs(other[:, 0]))) - 1
    assert 0.8 * best < useful < 0.9
    shuffled = real.copy()
    shuffled[:, 1] = np.random.default_rng(1).permutation(real[:, 1])
    assert usefulness(shuffled, other, target=1, categories=[1]) == pytest.approx(0.5, abs=0.1)
    doubled = [np.column_stack([rows[:, 0], 2 * rows[:, 0]]) for rows in table]
    assert usefulness(*doubled, target=1) > 0.95
