"""Metrics of reconstruction, likelihood and codes against independent values."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances, r2_score
from sklearn.neighbors import KernelDensity
from torch.distributions import MultivariateNormal
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from isthmus import VAE, metrics
from isthmus.datasets import load
from isthmus.likelihood import HomoscedasticGaussian
from isthmus.networks import MLP

from .checks import Check, add_to, pair, relative, rng

CHECKS: list[Check] = []
check = add_to(CHECKS)


def pictures() -> tuple[np.ndarray, np.ndarray]:
    X = load("fashion-mnist").test[:100] / 255
    return X, np.clip(X + 0.1 * rng().normal(size=X.shape), 0, 1)


# Reconstruction.


@check("`mean_squared_error`", "mean of (x − x̂)²", "—", "scikit-learn")
def _() -> str:
    from sklearn.metrics import mean_squared_error

    return relative(metrics.mean_squared_error(*pair()), mean_squared_error(*pair()))


@check("`psnr`", "10 log₁₀(peak² / error), dB", "Huynh-Thu & Ghanbari 2008", "torchmetrics")
def _() -> str:
    X, X_hat = pictures()
    theirs = peak_signal_noise_ratio(torch.tensor(X_hat), torch.tensor(X), data_range=1.0)
    return relative(metrics.psnr(X, X_hat), theirs)


@check("`ssim`", "structural similarity of images", "Wang et al. 2004", "torchmetrics' map, where windows lie inside")
def _() -> str:
    X, X_hat = pictures()
    images = (torch.tensor(a)[:, None] for a in (X, X_hat))
    _, whole = structural_similarity_index_measure(*images, data_range=1.0, reduction="none", return_full_image=True)
    return relative(metrics.ssim(X, X_hat).rows, whole[..., 5:-5, 5:-5].mean((1, 2, 3)))


@check("`r2`, `r2_per_feature`", "share of the variance that comes back", "Wright 1921", "scikit-learn")
def _() -> str:
    ours = [metrics.r2(*pair()), *metrics.r2_per_feature(*pair())]
    theirs = [r2_score(*pair(), multioutput="variance_weighted"), *r2_score(*pair(), multioutput="raw_values")]
    return relative(ours, theirs)


@check("`pca_error`", "held-out error of PCA with as many numbers", "Pearson 1901", "singular value decomposition")
def _() -> str:
    X, test = pair()
    axes = np.linalg.svd(X - X.mean(0), full_matrices=False)[2][:2]
    return relative(metrics.pca_error(X, test, 2), ((test - X.mean(0)) @ (np.eye(5) - axes.T @ axes)).__pow__(2).mean())


@check("`denoising_gain`", "10 log₁₀(error before / error after), dB", "—", "errors of 0.5 and 0.05: 20 dB")
def _() -> str:
    X = pair()[0]
    return relative(metrics.denoising_gain(X, X + 0.5, X + 0.05), 20)


# Likelihood.


def linear_vae() -> tuple[VAE, np.ndarray, np.ndarray]:
    """A VAE with a linear decoder, 40 held-out rows and their exact log-evidence."""
    r = rng()
    X = r.normal(size=(2040, 2)) @ r.normal(size=(2, 6)) + 0.5 * r.normal(size=(2040, 6))
    X = X * [1, 10, 100, 1, 1, 0.1] + 5
    vae = VAE(2, network=MLP(()), likelihood=HomoscedasticGaussian(), max_epochs=10, learning_rate=0.02, random_state=0)
    model = vae.fit(X[:2000]).model_
    W, b = model.networks["decoder"][0].weight.detach().double(), model.networks["decoder"][0].bias.detach().double()
    noise = torch.diag(model.likelihood.log_std.detach().double().exp() ** 2)
    scale = model.scaling.scale
    exact = MultivariateNormal(b * scale + model.scaling.shift, (W @ W.T + noise) * scale[:, None] * scale)
    return vae, X[2000:], exact.log_prob(torch.tensor(X[2000:])).numpy()


def binary_vae() -> tuple[VAE, np.ndarray]:
    X = (load_digits().images > 8).astype(np.float32)
    return VAE(8, max_epochs=20, random_state=0).fit(X[:1500]), X[1500:1520]


@check(
    "`elbo`",
    "evidence lower bound, nats",
    "Kingma & Welling 2014",
    "evidence of a linear-Gaussian model, − KL(q ‖ p(z\\|x))",
)
def _() -> str:
    vae, X, exact = linear_vae()
    model = vae.model_
    W = model.networks["decoder"][0].weight.detach().double()
    sigma = model.likelihood.log_std.detach().double().exp()
    x = (torch.tensor(X) - model.scaling.shift) / model.scaling.scale
    precision = torch.eye(2) + (W / sigma[:, None] ** 2).T @ W
    mean = torch.linalg.solve(
        precision, (W / sigma[:, None] ** 2).T @ (x - model.networks["decoder"][0].bias.detach()).T
    ).T
    moments = (torch.tensor(a) for a in metrics.posterior_moments(vae, X))
    q = MultivariateNormal((m := next(moments)), torch.diag_embed(next(moments) ** 2))
    gap = torch.distributions.kl_divergence(
        q, MultivariateNormal(mean, precision_matrix=precision.expand(len(m), 2, 2))
    )
    found = metrics.elbo(vae, X, n_draws=1000)
    return f"{found.value:.3f} against {(exact - gap.numpy()).mean():.3f} nats"


@check("`importance_weighted_bound`", "bound of k draws, nats", "Burda et al. 2016", "the same model's evidence")
def _() -> str:
    vae, X, exact = linear_vae()
    found = [metrics.importance_weighted_bound(vae, X, k).value for k in (1, 10, 1000)]
    return f"k = 1, 10, 1000: {', '.join(f'{v:.3f}' for v in found)}; exact {exact.mean():.3f} nats"


@check(
    "`annealed_importance_sampling`",
    "log-evidence along p(z) p(x\\|z)^β",
    "Neal 2001; Wu et al. 2017",
    "the same model's evidence",
)
def _() -> str:
    vae, X, exact = linear_vae()
    found = metrics.annealed_importance_sampling(vae, X)
    z = (found.rows - exact) / found.row_errors
    return (
        f"{found.value:.3f} ± {found.monte_carlo_error:.3f} against {exact.mean():.3f} nats; rows miss by "
        f"{z.std():.2f} of their own errors"
    )


@check("", "", "", "importance-weighted bound of 5,000 draws, Bernoulli decoder")
def _() -> str:
    vae, X = binary_vae()
    found, bound = metrics.annealed_importance_sampling(vae, X), metrics.importance_weighted_bound(vae, X, 5000)
    return f"{found.value:.3f} ± {found.monte_carlo_error:.3f}, bound {bound.value:.3f} nats"


@check("`bits_per_dimension`", "−log₂ p(x) a dimension", "Theis et al. 2016", "uniform bytes: 8 bits")
def _() -> str:
    return relative(metrics.bits_per_dimension([0.0], 784, levels=256).value, 8)


@check(
    "`parzen_log_likelihood`",
    "Parzen window on samples, nats (not to judge by: Theis et al. 2016)",
    "Goodfellow et al. 2014",
    "scikit-learn's `KernelDensity` of the σ that was chosen",
)
def _() -> str:
    samples, X = pair()
    found = metrics.parzen_log_likelihood(samples, X[:150], X[150:])
    return relative(found.rows, KernelDensity(bandwidth=found.sigma).fit(samples).score_samples(X[:150]))


# Codes.


@check("`active_units`", "units whose mean moves", "Burda et al. 2016", "8 of 16 units of known variance above 0.01")
def _() -> str:
    return f"{metrics.active_units(rng().normal(size=(10_000, 16)) * np.repeat([0.12, 0.08], 8))} of 16"


@check("`kl_per_unit`", "KL(q(zᵤ\\|x) ‖ N(0, 1)), nats", "Kingma & Welling 2014", "torch's `kl_divergence`")
def _() -> str:
    mu, sigma = pair()[0], np.exp(pair()[1])
    q = torch.distributions.Normal(torch.tensor(mu), torch.tensor(sigma))
    theirs = torch.distributions.kl_divergence(q, torch.distributions.Normal(0, 1)).mean(0)
    return relative(metrics.kl_per_unit(mu, sigma).value, theirs)


def two_classes(n: int) -> tuple[np.ndarray, np.ndarray]:
    r = rng()
    y = r.integers(0, 2, n)
    return r.normal(size=(n, 3)) + 1.5 * y[:, None] * np.array([1, 0, 0]), y


@check(
    "`linear_probe`",
    "held-out accuracy of logistic regression",
    "Alain & Bengio 2017",
    "best accuracy of two Gaussians, Φ(δ/2)",
)
def _() -> str:
    H, y = two_classes(40_000)
    accuracy = metrics.linear_probe(H[::2], y[::2], H[1::2], y[1::2])
    return f"{accuracy:.4f} ± {(accuracy * (1 - accuracy) / 20_000) ** 0.5:.4f} against {norm.cdf(0.75):.4f}"


@check("`knn_accuracy`", "held-out accuracy of k neighbours' vote", "Cover & Hart 1967", "all distances, sorted")
def _() -> str:
    H, y = two_classes(1000)
    nearest = np.argsort(pairwise_distances(H[500:], H[:500]), axis=1)[:, :5]
    theirs = ((y[:500][nearest].mean(1) > 0.5) == y[500:]).mean()
    return relative(metrics.knn_accuracy(H[:500], y[:500], H[500:], y[500:]), theirs)


@check(
    "`mutual_information_gap`",
    "information on a factor, best unit less the next",
    "Chen et al. 2018",
    "a binary channel, 1 − H₂(¼)",
)
def _() -> str:
    r = rng()
    v = r.integers(0, 2, 50_000)
    flipped = np.where(r.random(50_000) < 0.25, 1 - v, v)
    H = np.stack([flipped, r.normal(size=50_000)], 1)
    known = 1 + 0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)
    return f"{metrics.mutual_information_gap(H, v).value:.4f} against {known:.4f}"
