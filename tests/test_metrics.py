"""Metrics against closed forms, brute force and cases with a known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances

from isthmus import metrics
from isthmus.datasets import GRID, GRID_STD, RING, RING_STD, grid, ring
from isthmus.errors import DataError


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


@pytest.mark.parametrize("n", [30, 400])
def test_pcas_error_is_the_singular_values(n, rng):
    X, test = rng.normal(size=(n, 6)) * np.arange(1, 7), rng.normal(size=(20, 6))
    mean = X.mean(0)
    axes = np.linalg.svd(X - mean, full_matrices=False)[2][:2]
    projected = (test - mean) @ axes.T @ axes + mean
    assert metrics.pca_error(X, test, 2) == pytest.approx(np.mean((test - projected) ** 2))


def test_a_linear_probe_reads_what_is_linear_and_no_more(rng):
    H = rng.normal(size=(600, 5)) * [1, 100, 1, 1, 0]
    y = np.digitize(H[:, 0] + H[:, 1] / 100, [-1, 1])
    assert metrics.linear_probe(H[:400], y[:400], H[400:], y[400:]) > 0.9
    noise = rng.integers(0, 2, size=600)
    assert 0.35 < metrics.linear_probe(H[:400], noise[:400], H[400:], noise[400:]) < 0.65
    assert metrics.linear_probe(H[:400], H[:400, 0], H[400:], H[400:, 0]) > 0.5, "real-valued labels in ten classes"


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
    assert coverage == pytest.approx(1 - 0.5**k, abs=0.02)
    assert metrics.density_coverage(real, far) == (0, 0)
    assert metrics.precision_recall(real, far) == (0, 0)
    assert metrics.two_sample_accuracy(real, same).accuracy == pytest.approx(0.5, abs=0.05)
    assert metrics.two_sample_accuracy(real, same).p_value > 0.001
    told = metrics.two_sample_accuracy(real, far)
    assert told.accuracy == pytest.approx(1, abs=0.01)
    assert told.p_value < 1e-6
    halves = metrics.real_against_real(metrics.density_coverage, real)
    assert halves.coverage == pytest.approx(1 - 0.5**k, abs=0.03)


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


def test_nearest_distance_finds_copies(rng):
    rows = rng.normal(size=(50, 4))
    distance = metrics.nearest_distance(np.concatenate([rows[3:4], rows[:1] + 10]), rows)
    assert distance[0] == pytest.approx(0, abs=1e-6)
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


def test_shapes_that_do_not_fit_are_refused_in_one_line(two):
    with pytest.raises(DataError, match=r"one shape, got \(300, 4\), \(300, 3\)"):
        metrics.mean_squared_error(two[0], two[1][:, :3])
    with pytest.raises(DataError, match="as many features each, got 4, 3"):
        metrics.frechet_distance(two[0], two[1][:, :3])
