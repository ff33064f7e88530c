"""Scores that can be believed: what "auto" takes data for, rows unlike those of the fit, and digits that are kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from isthmus import GAN, VAE, Autoencoder, DenoisingAutoencoder
from isthmus.corruption import Gaussian
from isthmus.errors import CompositionError
from isthmus.likelihood import Bernoulli, ContinuousBernoulli

scorers = pytest.mark.parametrize("cls", [Autoencoder, VAE])


def _factors(rng, rows, columns=8):
    """Rows of two factors and a little noise."""
    return rng.normal(size=(rows, 2)) @ np.random.default_rng(1).normal(size=(2, columns)) + 0.1 * rng.normal(
        size=(rows, columns)
    )


def _auc(model, usual, unusual):
    scores = np.concatenate([model.score_samples(usual), model.score_samples(unusual)])
    return roc_auc_score(np.repeat([0, 1], [len(usual), len(unusual)]), -scores)


@pytest.mark.parametrize(
    ("X", "binary"),
    [
        (np.eye(6), True),
        (np.eye(6, dtype=bool), True),
        (np.eye(6, dtype=np.uint8), True),
        (np.kron(np.eye(6), np.full((4, 4), 255)).astype(np.uint8).reshape(6, 4, 24), True),
        (np.linspace(0, 1, 36).reshape(6, 6), False),
        (np.arange(36, dtype=np.uint8).reshape(6, 6), False),
        (255 * np.eye(6, dtype=np.uint8), False),
        (np.linspace(0, 1, 216).reshape(6, 6, 6), False),
        (np.eye(6) - 1, False),
    ],
    ids=[
        "zeros and ones",
        "booleans",
        "whole zeros and ones",
        "black and white pictures",
        "a table in [0, 1]",
        "a table of small whole numbers",
        "a table of 0 and 255",
        "grey pictures",
        "minus one and zero",
    ],
)
@scorers
def test_only_binary_values_get_a_bernoulli(cls, X, binary):
    model = cls(2, max_epochs=1, random_state=0).fit(X)
    assert isinstance(model.likelihood_, Bernoulli) == binary


@scorers
def test_a_table_is_the_same_in_every_dtype(cls, rng):
    """Answers from 0 to 9 in uint8 are a table like any other, not grey values."""
    X = np.clip(np.round(4.5 + 2 * _factors(rng, 300)), 0, 9)
    wide = cls(2, max_epochs=3, random_state=0).fit(X.astype(np.int64))
    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        model = cls(2, max_epochs=3, random_state=0).fit(X.astype(dtype))
        difference = model.score_samples(X.astype(dtype)) - wide.score_samples(X.astype(np.int64))
        assert abs(difference.mean()) < 0.02  # a row's draws are seeded by its bits, which rounding may change


@scorers
def test_rows_beyond_the_range_of_the_fit_are_scored_and_are_unusual(cls, rng):
    X = _factors(rng, 600)
    pipeline = make_pipeline(MinMaxScaler(), cls(2, max_epochs=3, random_state=0)).fit(X[:300])
    inside, far = X[300:], X[300:] + 10 * X.std(0)
    assert np.isfinite(pipeline.score_samples(far)).all()
    assert _auc(pipeline, inside, far) > 0.99
    scores = cross_val_score(make_pipeline(MinMaxScaler(), cls(2, max_epochs=1, random_state=0)), X, cv=3)
    assert np.isfinite(scores).all()


def test_scores_of_rescaled_tables_differ_by_the_change_of_units_alone(rng):
    """A density is one: min-max scaling adds Σ log range to it, and moves no row past another."""
    X = _factors(rng, 300)
    plain = VAE(2, max_epochs=5, random_state=0).fit(X)
    scaled = VAE(2, max_epochs=5, random_state=0).fit(MinMaxScaler().fit_transform(X))
    shift = scaled.score_samples(MinMaxScaler().fit_transform(X)) - plain.score_samples(X)
    np.testing.assert_allclose(shift, np.log(np.ptp(X, axis=0)).sum(), rtol=1e-2)


@pytest.mark.parametrize("likelihood", [Bernoulli(), ContinuousBernoulli()], ids=repr)
@scorers
def test_what_a_likelihood_has_no_density_for_has_probability_zero(cls, likelihood, rng):
    X = rng.uniform(size=(50, 6))
    model = cls(2, likelihood=likelihood, max_epochs=1, random_state=0).fit(X)
    odd = X.copy()
    odd[0, 0], odd[1, 1], odd[2, 2] = 1 + 1e-9, 1.5, -0.2
    scores = model.score_samples(odd)
    assert np.isfinite(np.delete(scores, [1, 2])).all()
    assert np.isneginf(scores[[1, 2]]).all()


def test_a_value_that_rounds_past_one_can_be_fitted(rng):
    X = rng.uniform(size=(50, 6))
    over = X.copy()
    X[0, 0], over[0, 0] = 1, np.nextafter(1, 2)
    a, b = (VAE(2, likelihood="bernoulli", max_epochs=1, random_state=0).fit(rows) for rows in (X, over))
    np.testing.assert_array_equal(a.score_samples(X), b.score_samples(over))


def test_sigma_is_that_of_the_residuals(rng):
    """Trained as squared error, scored with the σ of each feature's errors: to scipy's density, and columns alike."""
    X = _factors(rng, 400) * np.logspace(-2, 3, 8)
    squared = Autoencoder(2, likelihood="gaussian", max_epochs=5, random_state=0).fit(X)
    model = Autoencoder(2, max_epochs=5, random_state=0).fit(X)
    np.testing.assert_array_equal(model.transform(X), squared.transform(X))
    error = X - model.reconstruct(X)
    std = np.sqrt((error**2).mean(0))
    expected = stats.norm(0, std).logpdf(error).sum(1)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-4, atol=1e-3)
    assert model.score(X) > squared.score(X)
    weight = rng.integers(0, 3, size=400)
    weighted = Autoencoder(2, max_epochs=2, random_state=0).fit(X, sample_weight=weight)
    errors = (X - weighted.reconstruct(X)) / weighted.model_.scaling.scale.numpy()
    std = np.sqrt(np.average(errors**2, axis=0, weights=weight))
    np.testing.assert_allclose(weighted.model_.likelihood.std.numpy(), std, rtol=1e-4)


TIMES = 1_700_000_000 + np.arange(60).repeat(10)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64", "float64", ">i4"])
def test_whole_numbers_keep_their_digits(dtype):
    """Seconds of a minute in 2023: told apart, brought back and corrupted without float32 between."""
    X = np.column_stack([TIMES, TIMES % 7]).astype(dtype)
    wide = Autoencoder(1, max_epochs=1, random_state=0).fit(X.astype(np.float64))
    model = Autoencoder(1, max_epochs=1, random_state=0).fit(X)
    assert len(np.unique(model.transform(X).round(9))) >= 60
    np.testing.assert_allclose(model.score_samples(X), wide.score_samples(X.astype(np.float64)), rtol=1e-4)
    assert model.reconstruct(X).dtype == np.float64
    assert np.abs(model.reconstruct(X)[:, 0] - TIMES).max() < 60
    dae = DenoisingAutoencoder(1, corruption=Gaussian(1.0), max_epochs=1, random_state=0).fit(X)
    assert 0.8 < (dae.corrupt(X)[:, 0] - TIMES).std() < 1.2


def test_with_clean_rows_the_score_is_that_of_cleaning(rng):
    """The mean of log p(y | x̂(X)): what takes a hum off wins against what leaves it in."""
    clean = _factors(rng, 900, 12)
    noisy = clean + 1.5 * rng.normal(size=(900, 3)) @ rng.normal(size=(3, 12))
    score = {}
    for what, target in (("cleans", clean), ("copies", noisy)):
        model = DenoisingAutoencoder(6, max_epochs=20, random_state=0).fit(noisy[:600], target[:600])
        score[what] = model.score(noisy[600:], clean[600:])
        x, x_hat = clean[600:], model.reconstruct(noisy[600:])
        std = model.model_.scaling.scale.numpy()
        expected = -0.5 * ((x - x_hat) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)
        assert score[what] == pytest.approx(expected.sum(1).mean(), rel=1e-4)
        assert model.score(noisy[600:], np.zeros(300)) == pytest.approx(model.score_samples(noisy[600:]).mean())
    assert score["cleans"] > score["copies"]
    grey = rng.random((100, 6))
    pairs = cross_val_score(DenoisingAutoencoder(2, max_epochs=1), grey + 0.3 * rng.normal(size=grey.shape), grey, cv=2)
    assert np.isfinite(pairs).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -40.0, 1e6])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@scorers
def test_a_constant_column_that_moves_is_found_and_changes_nothing_else(cls, dtype, value, rng):
    X = _factors(rng, 600)
    X[:, 3] = value
    X = X.astype(dtype)
    model = cls(2, max_epochs=5, random_state=0).fit(X[:400])
    usual, moved = X[400:], X[400:].copy()
    moved[:, 3] += max(1e-3, 1e-4 * abs(value))
    assert _auc(model, usual, moved) == 1
    far = usual.copy()
    far[:, 3] += 1e6
    assert np.isfinite(model.score_samples(far)).all()
    np.testing.assert_array_equal(model.transform(moved), model.transform(usual))
    np.testing.assert_allclose(model.reconstruct(moved)[:, 3], value, atol=1e-3 * max(1, abs(value)))


@scorers
def test_one_row_costs_little_and_has_its_own_bits(cls, rng):
    """Few rows go through in a smaller block where it gives them the same bits, and in a full one elsewhere."""
    X = rng.normal(size=(400, 20))
    model = cls(max_epochs=1, random_state=0).fit(X)
    for method in (model.score_samples, model.transform, model.reconstruct):
        whole = method(X)
        for n in (1, 2, 5, 17, 65, 300):
            np.testing.assert_array_equal(method(X[:n]), whole[:n])


def test_fits_to_tables_are_short():
    """Of an autoencoder 20 to 5 passes, of a VAE 150 to 15, as rows are few or many; 50 over pictures and elsewhere."""
    model, vae = Autoencoder(), VAE()
    model.shape_ = vae.shape_ = (4,)
    assert [model.epochs_for(rows) for rows in (100, 500, 2_000, 10**6)] == [20, 10, 5, 5]
    assert [vae.epochs_for(rows) for rows in (100, 500, 2_000, 10**6)] == [150, 39, 20, 15]
    model.shape_ = vae.shape_ = (28, 28)
    assert model.epochs_for(10**6) == vae.epochs_for(10**6) == GAN().epochs_for(10**6) == 50
    assert Autoencoder(max_epochs=7).epochs_for(10**6) == 7
    with pytest.raises(CompositionError, match="max_epochs must be a number of at least 1, got 'car'"):
        Autoencoder(max_epochs="car").fit(np.eye(4))
