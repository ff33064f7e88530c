"""Rows completed: what fills a gap is what the model's own distribution says of it, given all that is seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import MultivariateNormal

from conftest import SYSTEMS
from isthmus import GAN, VAE, Autoencoder, DenoisingAutoencoder
from isthmus.distributions import event, expectation, guess_at
from isthmus.errors import CompositionError
from isthmus.joint_gaussian import JointGaussian, fit_gaussian
from isthmus.likelihood import HomoscedasticGaussian
from isthmus.likelihood.mixed import ColumnPlaces, MixedEntries
from isthmus.networks import MLP

N, FEATURES = 400, 5


@pytest.fixture(scope="module")
def holed():
    """Rows of rank two with noise in columns of several units, a fifth of them missing; and the whole rows."""
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(N, 2)) @ rng.normal(size=(2, FEATURES)) + 0.4 * rng.normal(size=(N, FEATURES))
    whole = whole * [1, 10, 100, 1, 0.1] + 5
    return np.where(rng.random(whole.shape) < 0.2, np.nan, whole), whole


@pytest.fixture(scope="module")
def linear(holed):
    """A VAE with a linear decoder, for which the conditional of what is missing has a closed form."""
    X, _ = holed
    parts = {"network": MLP(()), "likelihood": HomoscedasticGaussian(), "precision": "float64"}
    return VAE(2, max_epochs=60, batch_size=64, learning_rate=0.02, random_state=0, **parts).fit(X)


@pytest.fixture(scope="module")
def table():
    """A frame of numbers, whole numbers, categories and truth values with gaps, and an index of its own."""
    rng = np.random.default_rng(1)
    size = rng.normal(size=120)
    frame = pd.DataFrame(
        {
            "size": size.round(2),
            "count": pd.array(np.rint(10 + 3 * size).astype(int), dtype="Int64"),
            "kind": pd.Categorical(np.where(size > 0, "large", "small")),
            "heavy": pd.array(size > 0.5, dtype="boolean"),
        },
        index=[f"row {i}" for i in range(120)],
    )
    for place, name in enumerate(frame):
        frame.loc[rng.random(120) < 0.2, name] = [np.nan, pd.NA, None, pd.NA][place]
    return frame


def gaussian_of(vae):
    """Return N(b, WWᵀ + Σ) in the data's units, which a linear decoder under N(0, I) means."""
    model = vae.model_
    layer, scale = model.networks["decoder"][0], model.scaling.scale
    W = layer.weight.detach()
    covariance = W @ W.T + torch.diag(model.likelihood.log_std.detach().exp() ** 2)
    return JointGaussian(layer.bias.detach() * scale + model.scaling.shift, covariance * scale[:, None] * scale)


def test_a_linear_vae_completes_as_bayes_says(linear, holed):
    X, _ = holed
    exact = gaussian_of(linear).completed(torch.tensor(X)).mean.numpy()
    scale = np.nanstd(X, axis=0)
    guessed = linear.complete(X)
    np.testing.assert_array_equal(guessed[~np.isnan(X)], X[~np.isnan(X)])
    off, encoded = (((found - exact) / scale)[np.isnan(X)] for found in (guessed, linear.reconstruct(X)))
    assert np.sqrt(np.mean(off**2)) < 0.06
    assert abs(off.mean()) < 0.01
    assert np.sqrt(np.mean(encoded**2)) > 2 * np.sqrt(np.mean(off**2)), (
        "the code's mean alone, as the encoder learnt it"
    )


def test_its_draws_have_the_exact_conditionals_mean_and_covariance(linear, holed):
    X, _ = holed
    row = X[np.isnan(X).sum(axis=1) == 3][:1]
    gaps = np.isnan(row[0])
    known = gaussian_of(linear).completed(torch.tensor(row))
    exact = known.covariance()[0].numpy()
    draws = linear.complete(np.repeat(row, 32, axis=0), n_draws=128)[:, :, gaps].reshape(-1, 3)
    scale = np.sqrt(exact.diagonal())
    np.testing.assert_allclose(draws.mean(0), known.mean[0, gaps].numpy(), atol=0.15 * scale.max())
    np.testing.assert_allclose(np.corrcoef(draws.T), exact / np.outer(scale, scale), atol=0.1)
    np.testing.assert_allclose(draws.std(0), scale, rtol=0.1)


def test_intervals_of_draws_cover(linear, holed):
    X, whole = (rows[:200] for rows in holed)
    low, high = np.quantile(linear.complete(X, n_draws=64), [0.05, 0.95], axis=0)
    assert np.mean(((low <= whole) & (whole <= high))[np.isnan(X)]) == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize("cls", [cls for cls in SYSTEMS if cls is not GAN], ids=lambda cls: cls.__name__)
@pytest.mark.filterwarnings("ignore:σ of")
def test_every_estimator_that_reconstructs_completes_and_a_row_has_its_own_bits(cls, holed):
    X = holed[0][:60]
    model = cls(2, max_epochs=2, random_state=0).fit(X)
    guessed, draws = model.complete(X), model.complete(X, n_draws=3)
    assert draws.shape == (3, *X.shape)
    for filled in (guessed, *draws):
        np.testing.assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
        assert np.isfinite(filled).all()
    np.testing.assert_array_equal(model.complete(X[7:30]), guessed[7:30])
    np.testing.assert_array_equal(model.complete(X[:30], n_draws=2), draws[:2, :30])
    assert (model.complete(X, n_draws=1, random_state=5)[0] != draws[0]).any()
    np.testing.assert_array_equal(model.complete(guessed, n_draws=2), [guessed] * 2)


def test_rows_that_are_alike_are_drawn_apart(linear, holed):
    X, _ = holed
    twice = np.repeat(X[np.isnan(X).any(axis=1)][:1], 2, axis=0)
    draws = linear.complete(twice, n_draws=1)[0]
    assert (draws[0] != draws[1]).any()


def test_without_noise_in_the_code_the_guess_is_the_reconstruction(holed):
    X, _ = holed
    model = Autoencoder(2, max_epochs=5, precision="float64", random_state=0).fit(X)
    np.testing.assert_array_equal(model.complete(X), np.where(np.isnan(X), model.reconstruct(X), X))
    draws = model.complete(X, n_draws=100)
    std = model.model_.likelihood.std.numpy() * model.model_.scaling.scale.numpy()
    spread = np.sqrt(np.nanmean(np.where(np.isnan(X), (draws - model.reconstruct(X)) ** 2, np.nan), axis=(0, 1)))
    np.testing.assert_allclose(spread, std, rtol=0.05)


def test_a_sigma_that_nobody_learnt_is_said(holed):
    X, _ = holed
    model = DenoisingAutoencoder(2, max_epochs=1, random_state=0).fit(X)
    with pytest.warns(UserWarning, match=r"σ of Gaussian\(\) is fixed and not learnt"):
        model.complete(X[:2], n_draws=1)
    with pytest.raises(CompositionError, match="n_draws must be None or at least 1, got 0"):
        model.complete(X[:2], n_draws=0)


@pytest.mark.parametrize("cls", [VAE, Autoencoder], ids=lambda cls: cls.__name__)
def test_of_a_frame_frames_come_back(cls, table):
    model = cls(2, max_epochs=3, random_state=0).fit(table)
    guessed, draws = model.complete(table), model.complete(table, n_draws=2)
    for filled in (guessed, *draws):
        pd.testing.assert_index_equal(filled.index, table.index)
        assert dict(filled.dtypes) == dict(table.dtypes)
        assert not filled.isna().any(axis=None)
        pd.testing.assert_frame_equal(filled.where(table.notna()), table.where(table.notna()))
    sizes = draws[0]["size"][table["size"].isna()]
    assert np.allclose(sizes * 100, np.rint(sizes * 100)), "rounded as the data are"


def test_the_likeliest_level_is_that_of_the_average_over_codes():
    """Three codes that each find another level likeliest, and agree on the second best."""
    probabilities = torch.tensor([[0.6, 0.0, 0.0, 0.4], [0.0, 0.6, 0.0, 0.4], [0.0, 0.0, 0.6, 0.4]])
    p = event(
        MixedEntries(ColumnPlaces([0, 4]), torch.tensor([[1.0], [2.0], [6.0]]), torch.ones(1), [probabilities.log()]), 1
    )
    assert p.mean[:, 1].tolist() == [0, 1, 2]
    assert guess_at(p, expectation(p).mean(0)).tolist() == [3, 3]


def test_a_gaussian_fitted_to_whole_rows_is_their_mean_and_covariance(holed):
    _, whole = holed
    gaussian, objectives = fit_gaussian(torch.tensor(whole), prior_rows=0.0)
    np.testing.assert_allclose(gaussian.mean, whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(gaussian.covariance, np.cov(whole.T, bias=True), rtol=1e-9)
    exact = MultivariateNormal(gaussian.mean, gaussian.covariance).log_prob(torch.tensor(whole)).sum()
    assert objectives[-1] == pytest.approx(float(exact), rel=1e-12)


def test_expectation_maximisation_never_falls_and_finds_a_stationary_point(holed):
    X, _ = holed
    x = torch.tensor((X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0))
    gaussian, objectives = fit_gaussian(x, prior_rows=2.0, max_rounds=300, tolerance=1e-9)
    assert (np.diff(objectives) > -1e-9).all()
    root = torch.linalg.cholesky(gaussian.covariance).requires_grad_()
    mean = gaussian.mean.clone().requires_grad_()
    covariance = root @ root.T
    seen = [MultivariateNormal(mean[o], covariance[o][:, o]).log_prob(r[o]) for r in x if (o := ~r.isnan()).any()]
    variances = torch.tensor(np.nanvar(x.numpy(), axis=0))
    believed = torch.logdet(covariance) + (variances * covariance.inverse().diagonal()).sum()
    objective = torch.stack(seen).sum() - believed
    assert objectives[-1] == pytest.approx(objective.item(), rel=1e-9)
    objective.backward()
    assert max(mean.grad.abs().max(), root.grad.tril().abs().max()) < 0.01 * N


def test_a_gaussian_completes_as_its_conditional_does(rng):
    """Against the closed form with Σₛₛ, and its draws against its own covariance."""
    A = rng.normal(size=(5, 5))
    covariance, mean = torch.tensor(A @ A.T + np.eye(5)), torch.tensor(rng.normal(size=5))
    x = torch.tensor(rng.normal(size=(6, 5)))
    x[torch.tensor(rng.random((6, 5)) < 0.4)] = torch.nan
    found = JointGaussian(mean, covariance).completed(x)
    for row, filled, log_prob in zip(x, found.mean, found.log_prob, strict=True):
        m, s = row.isnan(), ~row.isnan()
        exact = mean[m] + covariance[m][:, s] @ torch.linalg.solve(covariance[s][:, s], row[s] - mean[s])
        torch.testing.assert_close(filled[m], exact)
        torch.testing.assert_close(log_prob, MultivariateNormal(mean[s], covariance[s][:, s]).log_prob(row[s]))
    several = JointGaussian(mean, covariance).completed(x[:1].expand(40_000, -1))
    draws = several.drawn(torch.randn(40_000, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    m = x[0].isnan()
    inside = several.covariance()[0][: m.sum(), : m.sum()]
    torch.testing.assert_close(draws[:, m].T.cov(), inside, rtol=0.05, atol=0.05)
