"""Metrics against closed forms, brute force and cases with a known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances

from isthmus import metrics
from isthmus.datasets import GRID, GRID_STD, RING, RING_STD, grid, ring
from isthmus.errors import DataError
from isthmus.metrics import discrepancy, rows


@pytest.fixture
def two(rng):
    return rng.normal(size=(300, 4)), rng.normal(size=(300, 4))


def test_reconstruction(rng):
    X = rng.normal(size=(50, 3, 4))
    noisy = X + 0.5
    assert metrics.mean_squared_error(X, noisy) == pytest.approx(0.25)
    assert metrics.psnr(X, noisy, peak=5) == pytest.approx(20)
    assert metrics.psnr(X, X) == math.inf
    assert metrics.denoising_gain(X, noisy, X + 0.05) == pytest.approx(20)
    assert metrics.denoising_gain(X, noisy, X + 5) == pytest.approx(-20)
    assert metrics.denoising_gain(X, noisy, X) == math.inf
    assert (metrics.denoising_gain(X, X, X), metrics.denoising_gain(X, X, noisy)) == (0, -math.inf)


def test_r2_is_the_share_of_the_squared_deviations_that_comes_back(rng):
    X = rng.normal(size=(50, 3, 4)) * np.arange(1, 5) + 7
    X_hat = X + rng.normal(size=X.shape)
    errors, deviations = ((X - X_hat) ** 2).sum(0), ((X - X.mean(0)) ** 2).sum(0)
    assert metrics.r2(X, X_hat) == pytest.approx(1 - errors.sum() / deviations.sum())
    each = metrics.r2_per_feature(X, X_hat)
    assert each.shape == (3, 4)
    np.testing.assert_allclose(each, 1 - errors / deviations)
    assert metrics.r2(X, X) == 1
    assert metrics.r2(X, np.broadcast_to(X.mean(0), X.shape)) == pytest.approx(0)


def test_r2_of_what_does_not_vary():
    still = np.full((7, 2), 0.1)
    assert metrics.r2(still, still) == 1
    assert metrics.r2(still, still + 1) == 0
    assert metrics.r2_per_feature(still, still + np.array([0, 1])).tolist() == [1, 0]
    varies = still + np.array([[1.0, 0.0]]) * np.arange(7)[:, None]
    assert metrics.r2(varies, varies + np.array([0, 2])) == pytest.approx(0), "errors of a still feature count"
    assert [metrics.r2(still[:1], still[:1] + error) for error in (0, 1)] == [1, 0], "a single row does not vary"
    assert metrics.r2_per_feature(still[:1], still[:1] + np.array([0, 1])).tolist() == [1, 0]


@pytest.mark.parametrize("n", [30, 400])
def test_pcas_error_is_the_singular_values(n, rng):
    X, test = rng.normal(size=(n, 6)) * np.arange(1, 7), rng.normal(size=(20, 6))
    mean = X.mean(0)
    axes = np.linalg.svd(X - mean, full_matrices=False)[2][:2]
    projected = (test - mean) @ axes.T @ axes + mean
    assert metrics.pca_error(X, test, 2) == pytest.approx(np.mean((test - projected) ** 2))
    assert metrics.pca_error(X + 1e9, test + 1e9, 2) == pytest.approx(np.mean((test - projected) ** 2), rel=1e-4)


def test_pcas_error_of_wide_rows(rng):
    X = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 2_100))
    assert metrics.pca_error(X[:30], X[30:], 3) == pytest.approx(0, abs=1e-20)
    assert metrics.pca_error(X[:30], X[30:], 2) == metrics.pca_error(X[:30], X[30:], 2) > 0.01


def test_a_linear_probe_reads_what_is_linear_and_no_more(rng):
    H = rng.normal(size=(600, 5)) * [1, 100, 1, 1, 0]
    y = np.digitize(H[:, 0] + H[:, 1] / 100, [-1, 1])
    assert metrics.linear_probe(H[:400], y[:400], H[400:], y[400:]) > 0.9
    noise = rng.integers(0, 2, size=600)
    assert 0.35 < metrics.linear_probe(H[:400], noise[:400], H[400:], noise[400:]) < 0.65
    assert metrics.linear_probe(H[:400], H[:400, 0], H[400:], H[400:, 0]) > 0.5, "real-valued labels in ten classes"


def test_a_probe_of_fewer_rows(rng):
    H = rng.normal(size=(600, 5))
    y = np.repeat([0, 1], 300)
    H[y == 1, 0] += 8
    few = metrics.linear_probe(H, y, H, y, max_rows=50)
    assert few == metrics.linear_probe(H, y, H, y, max_rows=50) > 0.99, "drawn at random: rows sorted by label do"
    assert metrics.linear_probe(H, y, H, y, max_rows=10_000) == metrics.linear_probe(H, y, H, y)


def test_neighbours_vote_by_brute_force(rng):
    H, y = rng.normal(size=(200, 3)), rng.integers(0, 2, size=200)
    nearest = np.argsort(euclidean_distances(H[150:], H[:150]), axis=1)[:, :5]
    votes = y[:150][nearest].mean(1) > 0.5
    assert metrics.knn_accuracy(H[:150], y[:150], H[150:], y[150:]) == pytest.approx((votes == y[150:]).mean())


@pytest.mark.parametrize("accuracy", [metrics.linear_probe, metrics.knn_accuracy])
def test_classes_stored_as_real_numbers_stay_classes(accuracy, rng):
    H = rng.normal(size=(400, 2))
    y = (np.arange(400) % 20 == 0).astype(np.float64)
    H[y == 1] += 20
    assert accuracy(H[:300], y[:300], H[300:], y[300:]) == 1
    H[y == 1] -= 20
    assert accuracy(H[:300], y[:300], H[300:], y[300:]) < 1, "a rare class is not merged with the other"


def test_active_units_are_those_whose_means_move(rng):
    means = rng.normal(size=(1000, 4)) * np.sqrt([1.0, 0.02, 0.005, 0.0])
    assert metrics.active_units(means) == 2
    assert metrics.active_units(means, threshold=0.5) == 1


def test_frechet_distance_is_the_closed_form(rng):
    x = rng.normal(size=(500, 3))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T  # mean 0, covariance I, exactly
    stretched = x * [2.0, 3.0, 1.0] + [1.0, 0.0, 0.0]
    assert metrics.frechet_distance(x, stretched) == pytest.approx(1 + (2 - 1) ** 2 + (3 - 1) ** 2)
    assert metrics.frechet_distance(x, x) == pytest.approx(0, abs=1e-8)
    turned = stretched @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    whole = metrics.frechet_distance(stretched, turned)
    assert whole == pytest.approx(metrics.frechet_distance(turned, stretched))
    from scipy.linalg import sqrtm

    a, b = np.cov(stretched.T), np.cov(turned.T)
    gap = stretched.mean(0) - turned.mean(0)
    assert whole == pytest.approx(gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real))


def test_frechet_distance_of_fewer_rows_than_features(rng):
    x, y = rng.normal(size=(5, 20)), rng.normal(size=(8, 20)) * 2 + 1
    a, b = np.cov(x.T), np.cov(y.T)
    gap = x.mean(0) - y.mean(0)
    roots = np.sqrt(np.clip(np.linalg.eigvals(a @ b).real, 0, None))
    expected = gap @ gap + np.trace(a) + np.trace(b) - 2 * roots.sum()
    assert metrics.frechet_distance(x, y) == pytest.approx(expected, rel=1e-5)
    assert metrics.frechet_distance(x, x) == pytest.approx(0, abs=1e-12)


def test_precision_and_recall_by_brute_force(two):
    real, samples = two[0], two[1] * 0.5 + 0.5
    k = 3

    def covered(rows, points):
        radii = np.sort(euclidean_distances(rows), axis=1)[:, k]
        return (euclidean_distances(points, rows) <= radii).any(1).mean()

    found = metrics.precision_recall(real, samples, k)
    assert found == pytest.approx((covered(real, samples), covered(samples, real)))
    assert found.precision > found.recall, "narrow samples are precise and miss much"


def test_density_and_coverage_by_brute_force(two):
    real, samples = two[0], two[1] * 0.7
    k = 5
    radii = np.sort(euclidean_distances(real), axis=1)[:, k]
    inside = euclidean_distances(real, samples) <= radii[:, None]
    expected = (inside.sum() / (k * len(samples)), inside.any(1).mean())
    assert metrics.density_coverage(real, samples, k) == pytest.approx(expected)


def test_sample_quality_under_equality_and_far_away(rng):
    real, same, far = rng.normal(size=(1500, 3)), rng.normal(size=(1500, 3)), rng.normal(size=(1500, 3)) + 100
    k = 5
    density, coverage = metrics.density_coverage(real, same, k)
    assert density == pytest.approx(1, abs=0.05)
    assert min(metrics.precision_recall(real, same)) > 0.9
    assert coverage == pytest.approx(1 - 0.5**k, abs=0.02)
    assert metrics.density_coverage(real, far) == (0, 0)
    assert metrics.precision_recall(real, far) == (0, 0)
    assert metrics.two_sample_accuracy(real, same).accuracy == pytest.approx(0.5, abs=0.05)
    assert metrics.two_sample_accuracy(real, same).p_value > 0.001
    told = metrics.two_sample_accuracy(real, far)
    assert told.accuracy == pytest.approx(1, abs=0.01)
    assert told.p_value < 1e-6
    halves = metrics.real_against_real(metrics.density_coverage, real)
    assert metrics.real_against_real(lambda a, b: (a.shape, b.shape), np.zeros((9, 2, 2))) == ((4, 2, 2), (4, 2, 2))
    assert halves.coverage == pytest.approx(1 - 0.5**k, abs=0.03)


def test_coverage_under_equality_is_its_expected_value(rng):
    n, m, k = 60, 20, 3
    expected = 1 - np.prod([(n - j) / (m + n - j) for j in range(1, k + 1)])
    drawn = [metrics.density_coverage(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), k) for _ in range(300)]
    for values, value in zip(np.transpose(drawn), (1, expected), strict=True):
        assert values.mean() == pytest.approx(value, abs=4 * values.std() / 300**0.5)


def test_neighbourhoods_do_not_depend_on_where_the_origin_is(two):
    far = [np.round(rows, 3) + 2.0**30 for rows in two]
    near = [rows - 2.0**30 for rows in far]
    assert metrics.precision_recall(*far) == metrics.precision_recall(*near)
    assert metrics.density_coverage(*far) == metrics.density_coverage(*near)
    assert metrics.mmd(*far) == pytest.approx(metrics.mmd(*near))
    np.testing.assert_allclose(metrics.nearest_distance(*far), metrics.nearest_distance(*near))


@pytest.mark.parametrize("width", [3, 784])
def test_rows_that_occur_many_times_are_within_their_own_neighbourhood(width, rng):
    rows = rng.random((30, width)).repeat(10, axis=0)
    assert metrics.precision_recall(rows, rows) == (1, 1)
    assert metrics.density_coverage(rows, rows) == (10 / 5, 1)
    half = rows.reshape(30, 10, width)[:15].reshape(-1, width)
    assert metrics.precision_recall(rows, half) == (1, 0.5)
    assert metrics.density_coverage(rows, half).coverage == 0.5


def test_blocks_of_distances_add_up(two, monkeypatch):
    whole = [metric(*two) for metric in (metrics.precision_recall, metrics.density_coverage, metrics.mmd)]
    monkeypatch.setattr(rows, "BLOCK_MIB", 0.05)
    assert len(list(rows.distance_blocks(*two))) > 10
    blocks = [metric(*two) for metric in (metrics.precision_recall, metrics.density_coverage, metrics.mmd)]
    assert blocks[:2] == whole[:2]
    assert blocks[2] == pytest.approx(whole[2])


def test_the_bandwidth_is_the_median_distance(two, monkeypatch):
    pooled = np.concatenate(two)
    median = np.median(euclidean_distances(pooled)[np.triu_indices(len(pooled), 1)])
    assert metrics.mmd(*two) == pytest.approx(metrics.mmd(*two, bandwidth=median))
    monkeypatch.setattr(discrepancy, "MEDIAN_ROWS", 100)
    assert metrics.mmd(*two) == pytest.approx(metrics.mmd(*two, bandwidth=median), abs=1e-4), "of fewer rows"


def test_maximum_mean_discrepancy_is_unbiased_and_by_brute_force(rng):
    x, y = rng.normal(size=(7, 2)), rng.normal(size=(9, 2)) + 1
    h = 1.3

    def kernel(a, b):
        return math.exp(-((a - b) ** 2).sum() / (2 * h * h))

    xx = sum(kernel(x[i], x[j]) for i in range(7) for j in range(7) if i != j) / 42
    yy = sum(kernel(y[i], y[j]) for i in range(9) for j in range(9) if i != j) / 72
    xy = sum(kernel(a, b) for a in x for b in y) / 63
    assert metrics.mmd(x, y, h) == pytest.approx(xx + yy - 2 * xy)
    null = [metrics.mmd(rng.normal(size=(20, 2)), rng.normal(size=(20, 2))) for _ in range(300)]
    assert abs(np.mean(null)) < 4 * np.std(null) / 300**0.5
    assert metrics.mmd(rng.normal(size=(50, 2)), rng.normal(size=(50, 2)) + 1) > 4 * np.std(null)


def test_the_two_sample_test_is_exact_under_equality_and_sees_dependence(rng):
    p_values = [metrics.two_sample_accuracy(*rng.normal(size=(2, 40, 2)), seed).p_value for seed in range(40)]
    assert np.mean(np.array(p_values) <= 0.1) < 0.25
    x, y = rng.normal(size=(2, 1000, 2))
    together = y @ np.linalg.cholesky([[1, 0.9], [0.9, 1]]).T
    assert metrics.two_sample_accuracy(x, together).p_value < 1e-6, "one-dimensional margins are equal"
    few = metrics.two_sample_accuracy(x, together[:300])
    assert round(few.accuracy * 300, 6).is_integer(), "as many rows of either kind, a half of them tested"
    assert few == metrics.two_sample_accuracy(x, together[:300])


def test_nearest_distance_finds_copies(rng):
    rows = rng.normal(size=(50, 4))
    distance = metrics.nearest_distance(np.concatenate([rows[3:4], rows[:1] + 10]), rows)
    assert distance[0] == 0
    assert distance[1] == pytest.approx(euclidean_distances(rows[:1] + 10, rows).min())


def test_modes_of_the_mixtures_themselves():
    for draw, centres, std in ((grid, GRID, GRID_STD), (ring, RING, RING_STD)):
        whole = metrics.mode_coverage(draw(20_000, 0), centres, std)
        assert whole.found == whole.total == len(centres)
        assert whole.good == pytest.approx(1 - math.exp(-4.5), abs=0.003), "3σ in two dimensions"
        assert whole.reverse_kl == pytest.approx(0, abs=0.005)


def test_dropped_modes_and_bad_samples_are_counted():
    kept = GRID[:5].repeat(100, axis=0)
    coverage = metrics.mode_coverage(np.concatenate([kept, kept + 0.5]), GRID, GRID_STD)
    assert coverage[:3] == (5, 25, 0.5)
    assert coverage.reverse_kl == pytest.approx(math.log(5))


def test_a_collapse_onto_one_mode():
    assert metrics.mode_coverage(GRID[:1].repeat(10, axis=0), GRID, GRID_STD)[:3] == (1, 25, 1)
    nowhere = metrics.mode_coverage(GRID + 0.5, GRID, GRID_STD)
    assert nowhere[:3] == (0, 25, 0)


def test_shapes_that_do_not_fit_are_refused_in_one_line(two):
    with pytest.raises(DataError, match=r"the same shape, got \(300, 4\), \(300, 3\)"):
        metrics.mean_squared_error(two[0], two[1][:, :3])
    with pytest.raises(DataError, match="the same number of features, got 4, 3"):
        metrics.frechet_distance(two[0], two[1][:, :3])
    with pytest.raises(DataError, match=r"4 rows need labels of shape \(4,\), got \(3,\)"):
        metrics.linear_probe(two[0][:4], [0, 1, 0], two[1], np.zeros(300))


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda X: metrics.mean_squared_error([], []), r"at least one number, got shape \(0,\)"),
        (lambda X: metrics.mean_squared_error(1.0, 2.0), r"got shape \(\)"),
        (lambda X: metrics.pca_error(X, X, 5), "6 rows of 2 features has no 5 components"),
        (lambda X: metrics.linear_probe(X, [0] * 6, X, [0] * 6), "all 6 training rows have one"),
        (lambda X: metrics.knn_accuracy(X, [0] * 6, X, [0] * 6, k=7), "between 1 and the 6 training rows, got 7"),
        (lambda X: metrics.precision_recall(X, X, k=6), "fewer than the 6 rows, got 6"),
        (lambda X: metrics.density_coverage(X[:3], X), "fewer than the 3 rows, got 5"),
        (lambda X: metrics.frechet_distance(X, X[:1]), "two rows or more, got 6 and 1"),
        (lambda X: metrics.mmd(X, X[:1]), "two rows or more, got 6 and 1"),
        (lambda X: metrics.mmd(X * 0, X * 0), "bandwidth must be positive"),
        (lambda X: metrics.two_sample_accuracy(X, X[:1]), "two rows or more, got 6 and 1"),
        (lambda X: metrics.real_against_real(metrics.mmd, X[:1]), "two rows or more, got 1"),
        (lambda X: metrics.mode_coverage(X, X, 0), "std must be positive, got 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(measure, message, rng):
    with pytest.raises(DataError, match=message) as refusal:
        measure(rng.normal(size=(6, 2)))
    assert "\n" not in str(refusal.value)
