"""Bounds, annealing and Parzen windows against log-likelihoods that are known exactly."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.neighbors import KernelDensity
from torch.distributions import MultivariateNormal, Normal, TanhTransform, TransformedDistribution

from isthmus import GAN, VAE, Autoencoder, metrics
from isthmus.errors import CompositionError, DataError
from isthmus.likelihood import HomoscedasticGaussian
from isthmus.networks import MLP


@pytest.fixture(scope="module")
def linear():
    """Rows in units of very different size, and a VAE of them whose decoder is linear, not fitted to the end."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2)) @ rng.normal(size=(2, 6)) + 0.5 * rng.normal(size=(1000, 6))
    X = X * [1, 10, 100, 1, 1, 0.1] + 5
    network, likelihood = MLP(()), HomoscedasticGaussian()
    return X, VAE(2, network=network, likelihood=likelihood, max_epochs=5, learning_rate=0.02, random_state=0).fit(X)


@pytest.fixture(scope="module")
def binary(digits):
    X = (digits > 0.5).astype(np.float32)
    return X[1500:1530], VAE(4, max_epochs=4, random_state=0).fit(X[:1500])


def evidence(vae, X):
    """log p(x) of a linear decoder in the data's units: N(b, WWᵀ + Σ), stretched and moved."""
    model = vae.model_
    layer = model.networks["decoder"][0]
    W, b = layer.weight.detach().double(), layer.bias.detach().double()
    noise = torch.diag(model.likelihood.log_std.detach().double().exp() ** 2)
    scale = model.scaling.scale
    covariance = (W @ W.T + noise) * scale[:, None] * scale
    return MultivariateNormal(b * scale + model.scaling.shift, covariance).log_prob(torch.tensor(X)).numpy()


def test_annealing_finds_the_evidence_of_a_linear_gaussian_model(linear):
    X, vae = linear
    exact = evidence(vae, X[:40])
    coarse, fine = (metrics.annealed_importance_sampling(vae, X[:40], n_temperatures=t) for t in (10, 100))
    assert fine.value == pytest.approx(exact.mean(), abs=4 * fine.monte_carlo_error)
    assert fine.monte_carlo_error < 0.1
    assert np.abs((fine.rows - exact) / fine.row_errors).max() < 5, "row by row"
    assert coarse.value < fine.value, "a bound, looser with fewer temperatures"
    assert fine.acceptance == pytest.approx(0.65, abs=0.1)
    assert fine.rows.std(ddof=1) / 40**0.5 == pytest.approx(fine.standard_error)
    again = metrics.annealed_importance_sampling(vae, X[:40], n_temperatures=10)
    np.testing.assert_array_equal(again.rows, coarse.rows)


def test_annealed_weights_are_unbiased(linear):
    """Whatever the path and the steps: the mean of ŵ / p(x) is 1."""
    X, vae = linear
    typical = X[np.argsort(-evidence(vae, X[:200]))[:20]].repeat(12, axis=0)
    found = metrics.annealed_importance_sampling(vae, typical, n_temperatures=8, n_leapfrog=3)
    ratio = np.exp(found.rows - evidence(vae, typical)).reshape(20, 12).mean(1)
    assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std(ddof=1) / 20**0.5)


def test_annealing_of_a_bernoulli_decoder_is_not_below_the_importance_weighted_bound(binary):
    X, vae = binary
    annealed = metrics.annealed_importance_sampling(vae, X, n_temperatures=80, n_leapfrog=5)
    bound = metrics.importance_weighted_bound(vae, X, n_draws=300)
    assert annealed.value > bound.value - 3 * annealed.monte_carlo_error
    assert annealed.value == pytest.approx(bound.value, abs=0.5)
    assert bound.value > metrics.elbo(vae, X).value


def test_annealing_needs_no_encoder(rng):
    X = rng.normal(size=(100, 3))
    gan = GAN(2, likelihood="gaussian", max_epochs=1, random_state=0).fit(X)
    assert np.isfinite(metrics.annealed_importance_sampling(gan, X[:3], n_temperatures=5).rows).all()


def test_the_evidence_bound_is_what_it_says(linear):
    """For linear encoder and decoder 𝔼_q log p(x|z) is known: the quadratic form at the mean, less a trace."""
    X, vae = linear
    X = X[:50]
    means, stds = metrics.posterior_moments(vae, X)
    model = vae.model_
    layer = model.networks["decoder"][0]
    W, b = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    sigma = np.exp(model.likelihood.log_std.detach().double().numpy())
    scale = model.scaling.scale.numpy()
    x = (X - model.scaling.shift.numpy()) / scale
    at_mean = norm(means @ W.T + b, sigma).logpdf(x).sum(1)
    expected = at_mean - 0.5 * stds**2 @ ((W / sigma[:, None]) ** 2).sum(0)
    kl = 0.5 * (means**2 + stds**2 - 1) - np.log(stds)
    exact = expected - kl.sum(1) - np.log(scale).sum()
    found = metrics.elbo(vae, X, n_draws=400)
    assert found.value == pytest.approx(exact.mean(), abs=0.03)
    np.testing.assert_allclose(found.rows, exact, atol=0.6)
    assert found.standard_error == pytest.approx(exact.std(ddof=1) / 50**0.5, rel=0.05)
    assert metrics.kl_per_unit(means, stds).value.sum() == pytest.approx(kl.sum(1).mean())
    assert exact.mean() < evidence(vae, X).mean()


def test_the_importance_weighted_bound_is_the_scores_mean_and_reaches_the_evidence(linear):
    X, vae = linear
    found = metrics.importance_weighted_bound(vae, X[:100], n_draws=2000)
    np.testing.assert_array_equal(found.rows, vae.score_samples(X[:100], n_draws=2000).astype(np.float64))
    assert found.value == pytest.approx(evidence(vae, X[:100]).mean(), abs=0.02)
    assert metrics.elbo(vae, X[:100]).value < found.value
    scores = vae.score_samples(X, n_draws=5)
    assert metrics.importance_weighted_bound(vae, X, n_draws=5).standard_error == pytest.approx(
        scores.std(ddof=1) / 1000**0.5
    )


def test_bits_per_dimension():
    assert metrics.bits_per_dimension([0.0, 0.0], 784, levels=256).value == 8, "a uniform density on [0, 1] of bytes"
    uniform_bytes = np.full(5, -784 * np.log(256))
    assert metrics.bits_per_dimension(uniform_bytes, 784).value == pytest.approx(8)
    measured = metrics.bits_per_dimension([-10.0, -30.0], 10)
    assert measured.value == pytest.approx(2 / np.log(2))
    assert measured.standard_error == pytest.approx(1 / np.log(2))


def test_parzen_windows_are_scikit_learns_and_choose_their_width(rng):
    samples, X, validation = (rng.normal(size=(n, 3)) for n in (300, 200, 200))
    sigmas = [0.1, 0.3, 0.5, 0.9, 2.0]
    found = metrics.parzen_log_likelihood(samples, X, validation, sigmas)
    scores = {s: KernelDensity(bandwidth=s).fit(samples).score_samples(validation).mean() for s in sigmas}
    assert found.sigma == max(scores, key=scores.__getitem__)
    np.testing.assert_allclose(found.rows, KernelDensity(bandwidth=found.sigma).fit(samples).score_samples(X))
    assert found.standard_error == pytest.approx(found.rows.std(ddof=1) / 200**0.5)


@pytest.mark.parametrize(("width", "unit"), [(1, 1000.0), (2, 1.0), (20, 0.01)])
def test_the_default_widths_have_the_best_one_among_them(width, unit, rng):
    samples, X, validation = (unit * rng.normal(size=(n, width)) for n in (800, 300, 300))
    found = metrics.parzen_log_likelihood(samples, X, validation)
    best = max(
        KernelDensity(bandwidth=s * unit).fit(samples).score_samples(X).mean() for s in np.geomspace(0.02, 2, 15)
    )
    assert found.value > best - 0.02 * width
    true = norm(0, unit).logpdf(X).sum(1).mean()
    assert found.value < true + 0.05
    if width == 20:
        assert found.value < true - 1, "far below the log-likelihood in many dimensions (Theis et al. 2016)"


def test_more_samples_than_a_block_add_up(rng, monkeypatch):
    rows = [rng.normal(size=(n, 3)) for n in (200, 150, 100)]
    whole = metrics.parzen_log_likelihood(*rows)
    monkeypatch.setattr("isthmus.metrics.rows.BLOCK_MIB", 0.05)
    np.testing.assert_allclose(metrics.parzen_log_likelihood(*rows).rows, whole.rows)


def test_models_that_have_no_bound_are_refused_in_one_line(rng):
    X = rng.normal(size=(50, 3))
    ae = Autoencoder(1, max_epochs=1, random_state=0).fit(X)
    gan = GAN(2, max_epochs=1, random_state=0).fit(X)
    for bound in (metrics.elbo, metrics.importance_weighted_bound, metrics.posterior_moments):
        for model in (ae, gan):
            with pytest.raises(CompositionError, match=f"density; {type(model).__name__} has not"):
                bound(model, X)
    with pytest.raises(CompositionError, match="no prior"):
        metrics.annealed_importance_sampling(ae, X)


def test_a_posterior_without_moments_is_refused_in_one_line(linear):
    class Squashed(torch.nn.Module):
        def forward(self, context):
            mu, log_variance = context.chunk(2, -1)
            return TransformedDistribution(Normal(mu, log_variance.exp()), [TanhTransform()])

    X, vae = linear[0], copy.deepcopy(linear[1])
    vae.model_.posterior = Squashed()
    with pytest.raises(CompositionError, match="no closed mean or variance") as refusal:
        metrics.posterior_moments(vae, X[:4])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda vae, X: metrics.elbo(vae, X, n_draws=0), "n_draws must be at least 1, got 0"),
        (lambda vae, X: metrics.annealed_importance_sampling(vae, X, n_chains=1), "n_chains must be at least 2, got 1"),
        (lambda vae, X: metrics.bits_per_dimension([1.0], 0), "n_dimensions must be at least 1"),
        (lambda vae, X: metrics.parzen_log_likelihood(X, X, X), "every validation row is among the samples"),
        (lambda vae, X: metrics.parzen_log_likelihood(X, X, X, [0.0]), "sigmas must be positive"),
        (lambda vae, X: metrics.parzen_log_likelihood(X, X, X[:, :2]), "the same number of features"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure, message, linear):
    with pytest.raises(DataError, match=message):
        measure(linear[1], linear[0][:10])
