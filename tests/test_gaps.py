"""Gaps: what is not observed counts for nothing, in units, codes, losses and scores."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import MultivariateNormal

from isthmus import GAN, VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, load
from isthmus.errors import DataError
from isthmus.likelihood import HomoscedasticGaussian
from isthmus.networks import MLP, Conv
from isthmus.scaling import moments

N, FEATURES = 300, 6


@pytest.fixture(scope="module")
def holed():
    """Rows of rank two with noise, a fifth of whose entries are not observed, and the whole rows."""
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(N, 2)) @ rng.normal(size=(2, FEATURES)) + 0.2 * rng.normal(size=(N, FEATURES))
    whole = whole * [1, 10, 100, 1, 1, 0.1] + 5
    return np.where(rng.random(whole.shape) < 0.2, np.nan, whole), whole


def quick(cls, **arguments):
    return cls(2, **{"max_epochs": 3, "random_state": 0, **arguments})


def test_units_are_those_of_what_is_observed(holed, rng):
    X, _ = holed
    scaling = quick(Autoencoder).fit(X).model_.scaling
    np.testing.assert_allclose(scaling.shift, np.nanmean(X, axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.scale, np.nanstd(X, axis=0), rtol=1e-12)
    weight = rng.integers(0, 3, N).astype(float)
    mean, variance = moments(X, np.arange(N), weight)
    repeated = np.repeat(X, weight.astype(int), axis=0)
    np.testing.assert_allclose(mean, np.nanmean(repeated, axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, np.nanvar(repeated, axis=0), rtol=1e-10)


def test_the_encoder_looks_at_the_mask_beside_the_values(holed):
    X, whole = holed
    model = quick(Autoencoder).fit(X).model_
    first = next(model.networks["encoder"].parameters())
    assert first.shape[1] == 2 * FEATURES
    seen = model.scaling.inputs(torch.ones(1, FEATURES), torch.tensor([[True, False, True, False, True, True]]))
    assert seen.tolist() == [[1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1]]
    assert next(quick(Autoencoder).fit(whole).model_.networks["encoder"].parameters()).shape[1] == FEATURES


def test_a_score_is_the_density_of_what_is_observed(holed):
    """In the data's units, against the normal densities of the observed entries, each about its reconstruction.

    The σ of an autoencoder is that of the residuals of what is observed.
    """
    X, _ = holed
    model = quick(Autoencoder, precision="float64", max_epochs=20).fit(X)
    scale, std = model.model_.scaling.scale.numpy(), model.model_.likelihood.std.numpy()
    error = (X - model.reconstruct(X)) / scale
    np.testing.assert_allclose(std, np.sqrt(np.nanmean(error**2, axis=0)), rtol=1e-9)
    entries = -0.5 * (error / std) ** 2 - np.log(scale * std) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(model.score_samples(X), np.nansum(entries, axis=1), rtol=1e-9)


def test_the_bound_of_a_linear_model_reaches_the_marginal_of_what_is_observed(holed):
    """For a linear decoder p(x_observed) is a Gaussian, the marginal of N(b, WWᵀ + Σ)."""
    X, _ = holed
    vae = VAE(
        2, network=MLP(()), likelihood=HomoscedasticGaussian(), max_epochs=60, precision="float64", random_state=0
    )
    model = vae.fit(X).model_
    layer, scale, shift = model.networks["decoder"][0], model.scaling.scale, model.scaling.shift
    noise = torch.diag(model.likelihood.log_std.detach().exp() ** 2)
    W = layer.weight.detach()
    covariance = (W @ W.T + noise) * scale[:, None] * scale
    mean = layer.bias.detach() * scale + shift
    exact = []
    for row in torch.tensor(X[:40]):
        seen = ~row.isnan()
        exact.append(MultivariateNormal(mean[seen], covariance[seen][:, seen]).log_prob(row[seen]).item())
    bound = vae.score_samples(X[:40], n_draws=2_000)
    assert np.abs(bound - exact).mean() < 0.06, "a gap taken for a value would cost nats"
    assert np.mean(bound - exact) < 0.01, "a lower bound, in the mean over rows"


def test_a_row_does_not_depend_on_the_gaps_of_others(holed):
    X, _ = holed
    complete = ~np.isnan(X).any(axis=1)
    for cls in (Autoencoder, VAE):
        model = quick(cls).fit(X)
        for method in (model.transform, model.reconstruct, model.score_samples):
            np.testing.assert_array_equal(method(X)[complete], method(X[complete]))
            np.testing.assert_array_equal(method(X)[7:8], method(X[7:8]))


def test_what_a_gap_holds_in_training_makes_no_difference(holed):
    """Columns of another size put other numbers in the gaps, and the fit in units of the columns is the same."""
    X, _ = holed
    stretch, move = np.array([1, 2, 4, 8, 0.5, 0.25]), np.array([0, 8, -16, 32, 64, 0])
    codes = quick(Autoencoder, precision="float64").fit(X).transform(X)
    moved = quick(Autoencoder, precision="float64").fit(X * stretch + move).transform(X * stretch + move)
    np.testing.assert_allclose(moved, codes, rtol=1e-6, atol=1e-8)


def test_reconstructions_fill_gaps_better_than_the_mean(holed):
    X, whole = holed
    gaps = np.isnan(X)
    model = quick(Autoencoder, max_epochs=150).fit(X)
    scale = np.nanstd(X, axis=0)
    filled = ((model.reconstruct(X) - whole) / scale)[gaps]
    assert np.sqrt(np.mean(filled**2)) < 0.6 * np.sqrt(np.mean((((np.nanmean(X, axis=0) - whole) / scale)[gaps]) ** 2))


@pytest.mark.parametrize("cls", [VAE, DenoisingAutoencoder, ContractiveAutoencoder], ids=lambda cls: cls.__name__)
def test_every_estimator_that_reconstructs_takes_gaps(cls, holed, tmp_path):
    X, _ = holed
    model = quick(cls, validation_fraction=0.2).fit(X)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    for name in ("transform", "reconstruct", "score_samples", "jacobian_norm"):
        values = getattr(model, name)(X)
        assert np.isfinite(values).all(), name
        np.testing.assert_array_equal(getattr(again, name)(X), values)


@pytest.mark.parametrize("shape", [(16, 16), (2, 16, 16)], ids=str)
@pytest.mark.parametrize("network", [MLP((8,)), Conv(4)], ids=["mlp", "conv"])
def test_pictures_have_gaps_too(shape, network, rng):
    X = rng.normal(size=(20, *shape))
    X[3, ..., 4:9, 2] = np.nan
    model = quick(Autoencoder, network=network, max_epochs=1).fit(X)
    assert model.reconstruct(X).shape == X.shape
    assert np.isfinite(model.score_samples(X)).all()


def test_binary_rows_with_gaps_stay_binary(rng):
    X = (rng.random((50, 4)) < 0.5).astype(float)
    X[::3, 1] = np.nan
    model = quick(Autoencoder).fit(X)
    assert type(model.likelihood_).__name__ == "Bernoulli"
    assert (model.score_samples(X) <= 0).all()


def test_gaps_that_no_fit_has_met_are_said_once(holed):
    X, whole = holed
    model = quick(Autoencoder).fit(whole)
    with pytest.warns(
        UserWarning, match=r"\d+ of 300 rows have gaps and Autoencoder was fitted on rows without"
    ) as said:
        scores = model.score_samples(X)
    assert len(said) == 1
    assert np.isfinite(scores).all()
    filled = np.where(np.isnan(X), whole.mean(axis=0), X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(model.transform(X), model.transform(filled), atol=1e-5)


def test_what_takes_no_gaps_says_so_in_a_line(holed):
    X, whole = holed
    with pytest.raises(DataError, match=r"X contains NaN in \d+ of 300 rows: rows .*; drop the rows or fill"):
        quick(GAN).fit(X)
    with pytest.raises(DataError, match="y contains NaN"):
        quick(DenoisingAutoencoder).fit(whole, X)
    with pytest.raises(DataError, match="no value at all in column '4'"):
        quick(Autoencoder).fit(np.where(np.arange(FEATURES) == 4, np.nan, X))
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(c=None)
    with pytest.raises(DataError, match="no value at all in column 'c'"):
        quick(Autoencoder).fit(frame)
