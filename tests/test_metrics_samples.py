"""Images, codes, samples and memorisation: against torchmetrics, scikit-learn, closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2, norm, rankdata
from sklearn.decomposition import PCA
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image.kid import poly_mmd

from isthmus import metrics
from isthmus.errors import DataError


@pytest.mark.parametrize(("shape", "peak"), [((6, 28, 28), 1.0), ((3, 2, 17, 23), 255.0), ((4, 1, 11, 11), 1.0)])
def test_structural_similarity_is_torchmetrics_where_windows_lie_within_the_image(shape, peak, rng):
    """torchmetrics averages over mirrored borders too; Wang et al. and scikit-image leave them out, as we do."""
    X = rng.random(shape).cumsum(-1) % 1 * peak
    X_hat = np.clip(X + 0.1 * peak * rng.normal(size=shape), 0, peak)
    pair = (torch.tensor(a).reshape(shape[0], -1, *shape[-2:]) for a in (X, X_hat))
    _, whole = structural_similarity_index_measure(*pair, data_range=peak, reduction="none", return_full_image=True)
    each = whole[..., 5:-5, 5:-5].mean((1, 2, 3)).numpy()
    found = metrics.ssim(X, X_hat, peak)
    np.testing.assert_allclose(found.rows, each, rtol=1e-9)
    assert found.value == pytest.approx(each.mean())
    assert found.standard_error == pytest.approx(each.std(ddof=1) / shape[0] ** 0.5)
    assert metrics.ssim(X, X, peak).value == pytest.approx(1)


def test_structural_similarity_of_small_images_by_its_equation(rng):
    """On 8 × 8 the window is 7 × 7, at four places."""
    X, X_hat = rng.random((2, 8, 8)), rng.random((2, 8, 8))
    g = np.exp(-0.5 * (np.arange(-3, 4) / 1.5) ** 2)
    w = np.outer(g, g) / np.outer(g, g).sum()
    values = []
    for i in range(2):
        for j in range(2):
            x, y = X[1, i : i + 7, j : j + 7], X_hat[1, i : i + 7, j : j + 7]
            mx, my = (w * x).sum(), (w * y).sum()
            vx, vy, c = (w * (x - mx) ** 2).sum(), (w * (y - my) ** 2).sum(), (w * (x - mx) * (y - my)).sum()
            values.append((2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))
    assert metrics.ssim(X, X_hat).rows[1] == pytest.approx(np.mean(values))


def test_structural_similarity_in_blocks_and_of_bytes(rng, monkeypatch):
    X, X_hat = rng.integers(0, 256, size=(2, 20, 12, 12), dtype=np.uint8)
    whole = metrics.ssim(X, X_hat, peak=255)
    assert whole.value == pytest.approx(metrics.ssim(X / 255, X_hat / 255).value)
    monkeypatch.setattr("isthmus.metrics.images.BLOCK_PIXELS", 500)
    np.testing.assert_array_equal(metrics.ssim(X, X_hat, peak=255).rows, whole.rows)


def test_divergence_per_unit_is_torchs(rng):
    means, stds = rng.normal(size=(50, 3)) * [1, 0.1, 0], rng.random((50, 3)) + np.array([0.1, 0.5, 1])
    q = torch.distributions.Normal(torch.tensor(means), torch.tensor(stds))
    each = torch.distributions.kl_divergence(q, torch.distributions.Normal(0, 1)).numpy()
    found = metrics.kl_per_unit(means, stds)
    np.testing.assert_allclose(found.value, each.mean(0))
    np.testing.assert_allclose(found.standard_error, each.std(0, ddof=1) / 50**0.5)
    assert metrics.kl_per_unit(np.zeros((5, 2)), np.ones((5, 2))).value.tolist() == [0, 0]


def test_the_mutual_information_gap_of_codes_with_known_information(rng):
    v = rng.integers(0, 4, size=(20_000, 2))
    alone = np.stack([v[:, 1] * 3.0, rng.normal(size=20_000), v[:, 0] * -1.0], 1)
    assert metrics.mutual_information_gap(alone, v).value == pytest.approx(1, abs=0.01)
    twice = np.stack([v[:, 0], v[:, 0], v[:, 1], v[:, 1]], 1)
    assert metrics.mutual_information_gap(twice, v).value == pytest.approx(0, abs=1e-12)
    flipped = np.where(rng.random(20_000) < 0.25, 1 - v[:, 0] % 2, v[:, 0] % 2)  # a channel: log 2 − H(¼) nats
    channel = math.log(2) + 0.25 * math.log(0.25) + 0.75 * math.log(0.75)
    found = metrics.mutual_information_gap(np.stack([flipped, rng.normal(size=20_000)], 1), v[:, 0] % 2)
    assert found.information[0, 0] == pytest.approx(channel, abs=0.01)
    assert found.value == pytest.approx(channel / math.log(2), abs=0.01)
    assert found.per_factor.shape == (1,)


def test_the_gap_cuts_real_valued_factors_and_has_an_interval(rng):
    v = rng.random((2000, 2))
    gap = metrics.mutual_information_gap(v + 0.02 * rng.normal(size=v.shape), v)
    assert 0.6 < gap.value < 0.9
    interval = metrics.bootstrap_interval(metrics.mutual_information_gap, v, v, paired=True, n_resamples=20)
    assert interval.value.information.shape == interval.low.information.shape == (2, 2)
    assert interval.low.value < interval.value.value < interval.high.value


def test_the_kernel_distance_is_torchmetrics_averaged_over_blocks(rng):
    x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 5)) + 0.5
    order = np.random.default_rng(3)
    i, j = (order.permutation(60).reshape(3, 20) for _ in range(2))
    blocks = [float(poly_mmd(torch.tensor(x[a]), torch.tensor(y[b]))) for a, b in zip(i, j, strict=True)]
    found = metrics.kernel_distance(x, y, n_blocks=3, random_state=3)
    assert found.value == pytest.approx(np.mean(blocks))
    assert found.standard_error == pytest.approx(np.std(blocks, ddof=1) / 3**0.5)


def test_the_kernel_distance_is_unbiased_and_its_error_is_right(rng):
    null = [metrics.kernel_distance(*rng.normal(size=(2, 60, 3)), n_blocks=6) for _ in range(400)]
    values, errors = np.transpose(null)
    assert abs(values.mean()) < 4 * values.std() / 20
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.15)
    apart = metrics.kernel_distance(rng.normal(size=(500, 3)), rng.normal(size=(500, 3)) + 1)
    assert apart.value > 5 * apart.standard_error


def test_features_are_raw_rows_codes_or_anyones(rng):
    images = rng.normal(size=(40, 3, 3))
    np.testing.assert_array_equal(metrics.features()(images), images.reshape(40, 9))
    pca = PCA(2).fit(images.reshape(40, 9))
    np.testing.assert_allclose(metrics.features(pca)(images.reshape(40, 9)), pca.transform(images.reshape(40, 9)))
    halves = images[:20], images[20:]
    on_means = metrics.on_features(metrics.frechet_distance, lambda rows: rows.mean((1, 2)))
    assert on_means(*halves) == metrics.frechet_distance(halves[0].mean((1, 2)), halves[1].mean((1, 2)))
    assert metrics.on_features(metrics.mmd, None)(*halves, bandwidth=2.0) == metrics.mmd(*halves, bandwidth=2.0)
    with pytest.raises(DataError, match=r"40 rows must have 40 rows of features, got shape \(9, 40\)"):
        metrics.features(lambda rows: rows.reshape(40, 9).T)(images)
    with pytest.raises(DataError, match="None, an estimator with transform or a function"):
        metrics.features("raw")


@pytest.fixture(scope="module")
def classifier(digits):
    from sklearn.datasets import load_digits

    labels = load_digits().target
    return digits, labels, metrics.small_classifier(digits[:1500], labels[:1500])


def test_a_small_classifier_reads_digits(classifier):
    digits, labels, small = classifier
    held_out = float((small.labels(digits[1500:]) == labels[1500:]).mean())
    assert held_out > 0.85
    assert small.tested == 150
    low, high = metrics.accuracy_interval(small.accuracy, small.tested, level=0.999)
    assert low - 0.06 < held_out < high
    again = metrics.small_classifier(digits[:1500], labels[:1500])
    np.testing.assert_array_equal(again.features(digits[:9]), small.features(digits[:9]))
    features = small.features(digits)
    same = metrics.real_against_real(metrics.frechet_distance, features)
    ones = metrics.frechet_distance(features, features[labels == 1])
    assert ones > 10 * same


def test_classes_that_samples_drop_are_counted(classifier):
    digits, labels, small = classifier
    real, found = digits[1500:], small.labels(digits[1500:])
    whole = metrics.class_coverage(real, small.labels, labels[:1500])
    assert (whole.found, whole.total) == (10, 10)
    assert whole.reverse_kl < 0.05
    dropped = metrics.class_coverage(real[np.isin(found, [0, 1])], small.labels, np.arange(10))
    assert dropped.found == 2
    assert dropped.reverse_kl == pytest.approx(math.log(5), abs=0.01)
    with pytest.raises(DataError, match="class 7, which no real row has"):
        metrics.class_coverage([[1.0]], lambda rows: [7], [0, 1])


def test_reverse_kl_of_classes_has_its_known_mean_and_error(rng):
    """2N·KL is χ² of K − 1 degrees of freedom under equality; elsewhere the delta method gives its error."""
    y = np.arange(10)
    null = [metrics.class_coverage(np.zeros((500, 1)), lambda r: rng.integers(0, 10, 500), y)[2] for _ in range(400)]
    assert 1000 * np.mean(null) == pytest.approx(9, abs=4 * chi2(9).std() / 20)
    p = np.array([0.3, 0.2, *[0.0625] * 8])
    drawn = [metrics.class_coverage(np.zeros((500, 1)), lambda r: rng.choice(10, 500, p=p), y)[2:] for _ in range(400)]
    values, errors = np.transpose(drawn)
    assert errors.mean() == pytest.approx(values.std(), rel=0.12)
    assert values.mean() == pytest.approx((p * np.log(10 * p)).sum() + 9 / 1000, abs=4 * values.std() / 20)


def test_memorised_samples_are_found_and_fresh_ones_are_not(rng):
    train, held_out, fresh = (rng.normal(size=(400, 5)) for _ in range(3))
    clean = metrics.memorisation(train, held_out, fresh)
    assert 0.01 < clean.p_value < 0.99
    assert clean.copies == 0
    assert clean.closer == pytest.approx(0.5, abs=0.06)
    half = np.concatenate([train[:200] + 0.01 * rng.normal(size=(200, 5)), fresh[:200]])
    copied = metrics.memorisation(train, held_out, half)
    assert copied.p_value < 1e-6
    assert copied.closer > 0.7
    exact = metrics.memorisation(train, held_out, train)
    assert exact.copies == 1
    assert exact.closer == 1
    assert metrics.memorisation(train, held_out, fresh * 10).statistic > 10, "nor are samples far from the data"


def test_the_memorisation_test_counts_pairs_and_is_exact_under_equality(rng):
    rows = [np.round(rng.normal(size=(n, 1)), 2) for n in (100, 80, 60)]  # rounded: there are ties
    found = metrics.memorisation(*rows)
    d = [metrics.nearest_distance(a, rows[0]) for a in (rows[2], rows[1])]
    closer = (d[0][:, None] < d[1]).mean() + 0.5 * (d[0][:, None] == d[1]).mean()
    assert found.closer == pytest.approx(closer)
    assert found.p_value == pytest.approx(norm.cdf(found.statistic))
    shuffled = [rng.permutation(np.concatenate(d)) for _ in range(4000)]
    u = np.array([rankdata(values)[:60].sum() for values in shuffled]) - 60 * 61 / 2
    assert found.statistic == pytest.approx((60 * 80 * (1 - closer) - u.mean()) / u.std(), abs=0.1)
    p_values = [metrics.memorisation(*rng.normal(size=(3, 40, 2))).p_value for _ in range(300)]
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=4 * (0.09 / 300) ** 0.5)
    assert metrics.memorisation(*np.zeros((3, 5, 1))).p_value == 0.5, "all alike"


def test_the_interval_of_a_mean_is_students_and_covers(rng):
    x = rng.normal(size=(200, 1))
    interval = metrics.bootstrap_interval(lambda a: float(a.mean()), x, n_resamples=1000)
    error = x.std(ddof=1) / 200**0.5
    assert interval.value == x.mean()
    assert interval.standard_error == pytest.approx(error, rel=0.1)
    assert (interval.low, interval.high) == pytest.approx((x.mean() - 1.96 * error, x.mean() + 1.96 * error), abs=0.02)
    tenths = metrics.bootstrap_interval(lambda a: float(a.mean()), x, n_resamples=1000, share=0.1)
    assert tenths.standard_error == pytest.approx(error, rel=0.1)
    covered = 0
    for _ in range(200):
        i = metrics.bootstrap_interval(lambda a: float(a.mean()), rng.exponential(size=80), n_resamples=100, level=0.9)
        covered += i.low <= 1 <= i.high
    assert covered / 200 == pytest.approx(0.9, abs=0.07)


def test_the_interval_of_neighbourhoods_covers_their_value(rng):
    """Drawing rows twice would bias recall; halves do not. The spread is that of new data."""
    anew = [metrics.precision_recall(*rng.normal(size=(2, 150, 4)) * [[[1]], [[0.7]]]) for _ in range(60)]
    spread = np.std(anew, axis=0, ddof=1)
    pair = rng.normal(size=(2, 150, 4)) * [[[1]], [[0.7]]]
    found = metrics.bootstrap_interval(metrics.precision_recall, *pair, n_resamples=60)
    assert found.value == metrics.precision_recall(*pair)
    assert isinstance(found.low, metrics.PrecisionRecall)
    assert found.low.recall < found.value.recall < found.high.recall
    np.testing.assert_allclose(found.standard_error, spread, rtol=0.5)


def test_paired_rows_stay_together_and_seeds_repeat(rng):
    X = rng.normal(size=(50, 4)) * 100
    X_hat = X + 1
    paired = metrics.bootstrap_interval(metrics.mean_squared_error, X, X_hat, paired=True, n_resamples=10)
    assert (paired.low, paired.high) == pytest.approx((1, 1))
    apart = metrics.bootstrap_interval(metrics.mmd, X, X_hat, n_resamples=10, random_state=1)
    assert apart == metrics.bootstrap_interval(metrics.mmd, X, X_hat, n_resamples=10, random_state=1)
    assert apart != metrics.bootstrap_interval(metrics.mmd, X, X_hat, n_resamples=10, random_state=2)
    moments = metrics.bootstrap_interval(lambda a: (a.mean(0), float(a.std())), X, n_resamples=10)
    assert moments.low[0].shape == (4,)
    assert isinstance(moments.standard_error[1], float)


def test_the_frechet_distance_of_gaussians_is_the_closed_form_within_its_error(rng):
    """N(0, I) against N(m, I): ‖m‖², to which rows add a bias that shrinks with their number."""
    x, y = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 3)) + np.array([1, 0, 0])
    found = metrics.bootstrap_interval(metrics.frechet_distance, x, y, n_resamples=50)
    assert found.value == pytest.approx(1, abs=3 * found.standard_error)
    assert found.standard_error == pytest.approx(2 * (2 / 2000) ** 0.5, rel=0.3)
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.standard_error, rel=0.3)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda X: metrics.ssim(X, X), r"images must be \(N, H, W\)"),
        (lambda X: metrics.kl_per_unit(X, X), "stds must be positive"),
        (lambda X: metrics.mutual_information_gap(X[:, :1], X), r"codes \(N, 2 or more\)"),
        (lambda X: metrics.mutual_information_gap(X, X * 0), "factor 0 has the same value in all rows"),
        (lambda X: metrics.kernel_distance(X, X), "two rows or more each, got 10 of 6 and 6"),
        (lambda X: metrics.small_classifier(X, [0] * 6), "two classes or more"),
        (lambda X: metrics.bootstrap_interval(metrics.mmd, X, X[:3]), "a share of 0.5 of 6, 3"),
        (lambda X: metrics.bootstrap_interval(metrics.mmd, X, X[:5], paired=True), "the same number of rows, got 6, 5"),
        (lambda X: metrics.bootstrap_interval(metrics.mmd, X, X, n_resamples=1), "must be 10 or more"),
        (lambda X: metrics.bootstrap_interval(metrics.mmd), "of no rows"),
        (lambda X: metrics.accuracy_interval(0.123, 10), "a share of n rows, got 0.123 of 10"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(measure, message, rng):
    with pytest.raises(DataError, match=message) as refusal:
        measure(rng.normal(size=(6, 2)))
    assert "\n" not in str(refusal.value)
