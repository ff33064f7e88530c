"""Metrics of samples, memorisation and uncertainty against independent values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import sqrtm
from scipy.stats import binom, mannwhitneyu, norm
from sklearn.metrics import pairwise_distances
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import poly_mmd

from isthmus import metrics
from isthmus.datasets import GRID, GRID_STD, grid, load

from .checks import Check, add_to, pair, relative, rng

CHECKS: list[Check] = []
check = add_to(CHECKS)

# Samples.


@check(
    "`precision_recall`",
    "samples on the data's manifold, and back",
    "Kynkäänniemi et al. 2019",
    "all distances, sorted",
)
def _() -> str:
    x, s = pair()

    def covered(rows: np.ndarray, points: np.ndarray) -> float:
        radii = np.sort(pairwise_distances(rows), axis=1)[:, 3]
        return float((pairwise_distances(points, rows) <= radii).any(1).mean())

    return relative(metrics.precision_recall(x, s), (covered(x, s), covered(s, x)))


@check("`density_coverage`", "samples in the data's neighbourhoods", "Naeem et al. 2020", "all distances, sorted")
def _() -> str:
    x, s = pair()
    inside = pairwise_distances(x, s) <= np.sort(pairwise_distances(x), axis=1)[:, 5][:, None]
    return relative(metrics.density_coverage(x, s), (inside.sum() / (5 * len(s)), inside.any(1).mean()))


@check(
    "`frechet_distance`",
    "squared Fréchet distance of Gaussians",
    "Dowson & Landau 1982; Heusel et al. 2017",
    "scipy's matrix root",
)
def _() -> str:
    x, y = pair()
    a, b, gap = np.cov(x.T), np.cov(y.T), x.mean(0) - y.mean(0)
    return relative(metrics.frechet_distance(x, y), gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real))


@check("", "", "", "torchmetrics, on the same features")
def _() -> str:
    x, y = (rows.astype(np.float32) for rows in pair(1000, 12))
    fid = FrechetInceptionDistance(feature=torch.nn.Flatten(), input_img_size=(3, 2, 2))
    fid.set_dtype(torch.float64)
    for rows, real in zip((x, y), (True, False), strict=True):
        fid.update(torch.tensor(rows.reshape(-1, 3, 2, 2)), real=real)
    return relative(metrics.frechet_distance(x, y), fid.compute())


@check(
    "`kernel_distance`", "unbiased discrepancy, cubic kernel", "Bińkowski et al. 2018", "torchmetrics, block by block"
)
def _() -> str:
    x, y = pair()
    order = rng()
    blocks = [order.permutation(300).reshape(10, 30) for _ in range(2)]
    theirs = [float(poly_mmd(torch.tensor(x[a]), torch.tensor(y[b]))) for a, b in zip(*blocks, strict=True)]
    return relative(metrics.kernel_distance(x, y).value, np.mean(theirs))


@check("", "", "", "its own error, 400 pairs of equal distributions")
def _() -> str:
    r = rng()
    values, errors = np.transpose([metrics.kernel_distance(*r.normal(size=(2, 100, 5))) for _ in range(400)])
    return f"spread {values.std():.4f}, error {np.sqrt((errors**2).mean()):.4f}, mean {values.mean():.4f}"


@check("`mmd`", "unbiased discrepancy, Gaussian kernel", "Gretton et al. 2012", "the double sums, over all distances")
def _() -> str:
    x, y = pair()
    k = [np.exp(-(pairwise_distances(a, b) ** 2) / 2) for a, b in ((x, x), (y, y), (x, y))]
    within = sum((m.sum() - 300) / (300 * 299) for m in k[:2])
    return relative(metrics.mmd(x, y, bandwidth=1.0), within - 2 * k[2].mean())


@check(
    "`two_sample_accuracy`",
    "a classifier tells samples from data",
    "Lopez-Paz & Oquab 2017",
    "its level, 50 pairs of equal distributions",
)
def _() -> str:
    r = rng()
    p = [metrics.two_sample_accuracy(*r.normal(size=(2, 60, 3)), seed).p_value for seed in range(50)]
    steps = 1 - binom.cdf(np.arange(-1, 60), 60, 0.5)
    return f"p ≤ 0.1 in {np.mean(np.array(p) <= 0.1):.3f} of them; {steps[steps <= 0.1].max():.3f} is exact"


@check(
    "`mode_coverage`",
    "modes of a mixture that samples reach",
    "Lin et al. 2018",
    "the 5 × 5 grid itself, 1 − e^(−9/2) good",
)
def _() -> str:
    found = metrics.mode_coverage(grid(20_000, 0), GRID, GRID_STD)
    return f"{found.found} of {found.total}; {found.good:.4f} against {1 - math.exp(-4.5):.4f}"


@check(
    "`class_coverage`",
    "classes that samples reach, reverse KL",
    "Srivastava et al. 2017; Lin et al. 2018",
    "mean under equality, (K − 1) / 2N",
)
def _() -> str:
    r = rng()
    kl = [
        metrics.class_coverage(np.zeros((500, 1)), lambda _: r.integers(0, 10, 500), range(10))[2] for _ in range(2000)
    ]
    return f"{np.mean(kl):.5f} ± {np.std(kl) / 2000**0.5:.5f} against {9 / 1000:.5f} nats"


@check(
    "`features`, `small_classifier`",
    "features to compare samples in",
    "—",
    "Fashion-MNIST: its classes, learnt from 10,000 rows",
)
def _() -> str:
    data = load("fashion-mnist")
    small = metrics.small_classifier(data.train[:10_000], data.train_labels[:10_000])
    low, high = metrics.accuracy_interval(small.accuracy, small.tested)
    test = (small.labels(data.test) == data.test_labels).mean()
    return f"accuracy {small.accuracy:.3f}, 95 % interval {low:.3f} to {high:.3f}; {test:.3f} on the test set"


# Memorisation.


@check("`nearest_distance`", "distance to the nearest row", "Meehan et al. 2020", "all distances")
def _() -> str:
    x, s = pair()
    return relative(metrics.nearest_distance(s, x), pairwise_distances(s, x).min(1))


@check(
    "`memorisation`",
    "samples nearer to training rows than held-out rows are",
    "Meehan et al. 2020",
    "scipy's `mannwhitneyu`",
)
def _() -> str:
    r = rng()
    train, held_out, s = r.normal(size=(3, 200, 5))
    d = [pairwise_distances(rows, train).min(1) for rows in (s, held_out)]
    theirs = mannwhitneyu(*d, alternative="less", method="asymptotic", use_continuity=False)
    return "p-value: " + relative(metrics.memorisation(train, held_out, s).p_value, theirs.pvalue)


@check("", "", "", "its level, 1,000 fresh sets; its power, a tenth of the samples copied")
def _() -> str:
    r = rng()
    fresh = [metrics.memorisation(*r.normal(size=(3, 100, 3))).p_value for _ in range(1000)]
    copied = []
    for _ in range(200):
        train, held_out, s = r.normal(size=(3, 500, 10))
        copied.append(metrics.memorisation(train, held_out, np.concatenate([train[:50], s[50:]])).p_value)
    return f"p ≤ 0.05 in {np.mean(np.array(fresh) <= 0.05):.3f}; in {np.mean(np.array(copied) <= 0.05):.3f}"


# Uncertainty.


def covers(metric: Callable[..., float], truth: float, sizes: tuple[int, ...], share: float, shift: float) -> str:
    r, hits, n = rng(), 0, 200
    for _ in range(n):
        rows = [r.normal(size=(size, 3)) + shift * i for i, size in enumerate(sizes)]
        interval = metrics.bootstrap_interval(metric, *rows, n_resamples=50, share=share)
        hits += interval.low <= truth <= interval.high
    return f"{hits / n:.3f}"


@check(
    "`bootstrap_interval`",
    "95 % interval of any metric of rows",
    "Politis & Romano 1994",
    "how often it holds the truth, 200 repeats of 50 parts",
)
def _() -> str:
    def mean(x: np.ndarray) -> float:
        return float(x.mean())

    x, y = np.random.default_rng(7).normal(size=(2, 4000, 3))
    truth = metrics.mmd(x, y + 0.5, bandwidth=1.0)

    def discrepancy(a: np.ndarray, b: np.ndarray) -> float:
        return metrics.mmd(a, b, bandwidth=1.0)

    return (
        f"mean {covers(mean, 0.0, (100,), 0.5, 0):s}, with a share of 0.1 {covers(mean, 0.0, (100,), 0.1, 0):s}; "
        f"discrepancy {covers(discrepancy, truth, (150, 150), 0.5, 0.5):s}"
    )


@check("`accuracy_interval`", "interval of a share of rows", "Wilson 1927", "how often it holds 0.9, of 100 rows")
def _() -> str:
    inside = [low <= 0.9 <= high for low, high in (metrics.accuracy_interval(k / 100, 100) for k in range(101))]
    return f"{(binom.pmf(np.arange(101), 100, 0.9) * inside).sum():.3f}, exactly"


@check("`real_against_real`", "a metric's floor", "—", "density of halves of one set: 1")
def _() -> str:
    return f"{metrics.real_against_real(metrics.density_coverage, rng().normal(size=(4000, 3))).density:.3f}"


# Tables.


def _mixed(n: int, seed: int) -> np.ndarray:
    """Return rows of a number, a category and a whole number."""
    r = np.random.default_rng(seed)
    x = r.normal(size=n)
    return np.stack([x, r.integers(0, 4, n), r.poisson(2 + x**2)], 1)


@check("`area_under_curve`", "area under the ROC curve, with its interval", "DeLong et al. 1988",
       "how often it holds Φ(1/√2), 80 and 120 Gaussian scores, 2,000 repeats")  # fmt: skip
def _() -> str:
    r, truth = rng(), norm.cdf(0.5**0.5)
    areas = [metrics.area_under_curve(r.normal(1, 1, 80), r.normal(0, 1, 120)) for _ in range(2000)]
    return f"{np.mean([area.low <= truth <= area.high for area in areas]):.3f}"


@check("`told_apart`", "boosting tells rows from real ones", "Lopez-Paz & Oquab 2017",
       "its interval holds ½ for two sets of one distribution, 100 pairs")  # fmt: skip
def _() -> str:
    told = [metrics.told_apart(_mixed(300, 2 * i), _mixed(300, 2 * i + 1), [1]) for i in range(100)]
    return f"{np.mean([t.low <= 0.5 <= t.high for t in told]):.2f}"


@check("`nearer_to_training`, `membership_attack`", "training rows recognised by means of samples",
       "Platzer & Reutterer 2021; Chen et al. 2020; van Breugel et al. 2023",
       "95 % intervals hold ½ for independent rows (nearer, distance, density), 300 draws")  # fmt: skip
def _() -> str:
    held = np.zeros(3)
    for i in range(300):
        rows = _mixed(100, 3 * i), _mixed(100, 3 * i + 1), _mixed(400, 3 * i + 2)
        found = metrics.nearer_to_training(*rows, [1]), *metrics.membership_attack(*rows, [1])
        held += [one.low <= 0.5 <= one.high for one in found]
    return ", ".join(f"{share:.3f}" for share in held / 300)


@check("", "", "", "the same, samples a tenth of which are copies: the mean of each")
def _() -> str:
    found = []
    for i in range(20):
        train, held_out, new = _mixed(1000, 3 * i), _mixed(1000, 3 * i + 1), _mixed(1000, 3 * i + 2)
        new[:100] = train[:100]
        attack = metrics.membership_attack(train, held_out, new, [1])
        near = metrics.nearer_to_training(train, held_out, new, [1])
        found.append([near.share, attack.distance.auc, attack.density.auc])
    return ", ".join(f"{mean:.3f}" for mean in np.mean(found, 0))
