"""Samples are drawn: x ~ p(x|z) for rows of a table, its mean for pictures, and either where it is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from command import run
from isthmus import GAN, VAE, AdversarialAutoencoder, Autoencoder, files
from isthmus.errors import CompositionError
from isthmus.estimators import Samples
from isthmus.likelihood import Gaussian, HomoscedasticGaussian
from isthmus.networks import MLP

N = 20_000


def test_drawn_values_are_the_mean_and_noise_of_the_likelihoods_size(rng):
    """x − x̂ ~ N(0, σ²), in the data's units: mean 0, standard deviation σ, kurtosis 3, independent of x̂."""
    scale = np.array([0.01, 1.0, 100.0])
    vae = VAE(1, likelihood=Gaussian(0.5), precision="float64", max_epochs=1, random_state=0)
    vae.fit(rng.normal(size=(200, 3)) * scale)
    mean, drawn = (vae.sample(N, 1, draw=draw) for draw in ("mean", "values"))
    assert drawn.dtype == np.float64
    noise = (drawn - mean) / (0.5 * vae.model_.scaling.scale.numpy())
    error = N**-0.5
    np.testing.assert_allclose(noise.mean(0), 0, atol=5 * error)
    np.testing.assert_allclose(noise.std(0), 1, atol=5 * error / 2**0.5)
    np.testing.assert_allclose((noise**4).mean(0), 3, atol=5 * error * 96**0.5)
    together = np.corrcoef(np.concatenate([noise, mean], 1), rowvar=False)
    assert np.abs(together[:3] - np.eye(3, 6)).max() < 5 * error


def test_columns_of_zeros_and_ones_are_zeros_and_ones(rng):
    X = (rng.uniform(size=(300, 4)) < [0.1, 0.5, 0.58, 0.9]).astype(float)
    vae = VAE(2, likelihood="bernoulli", max_epochs=3, random_state=0).fit(X)
    drawn, mean = vae.sample(N, 0), vae.sample(N, 0, draw="mean")
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert ((mean > 0) & (mean < 1)).all()
    np.testing.assert_allclose(drawn.mean(0), mean.mean(0), atol=5 * 0.5 * N**-0.5)


def test_pictures_show_the_mean_unless_values_are_asked_for(digits):
    vae = VAE(2, network=MLP((8,)), likelihood=HomoscedasticGaussian(), max_epochs=1, random_state=0).fit(digits[:200])
    by_default, mean, values = vae.sample(300, 0), vae.sample(300, 0, draw="mean"), vae.sample(300, 0, draw="values")
    np.testing.assert_array_equal(by_default, mean)
    assert (values.std(0) > mean.std(0)).mean() > 0.9
    np.testing.assert_array_equal(vae.sample(7, 0, draw="values"), values[:7])


def test_the_first_of_many_are_the_same_under_a_condition_too(rng):
    C = np.eye(2)[rng.integers(2, size=300)]
    X = C @ rng.normal(size=(2, 5)) * 5 + 0.1 * rng.normal(size=(300, 5))
    vae = VAE(2, max_epochs=3, random_state=0).fit(X, condition=C)
    many = vae.sample(300, 1, condition=C)
    for n in (1, 255, 257):
        np.testing.assert_array_equal(vae.sample(n, 1, condition=C[:n]), many[:n])


def test_what_a_generator_makes_has_no_noise(rng):
    gan = GAN(2, max_epochs=1, random_state=0).fit(rng.normal(size=(100, 4)))
    by_default, mean, values = (gan.sample(50, 0, draw=draw) for draw in ("auto", "mean", "values"))
    np.testing.assert_array_equal(by_default, mean)
    np.testing.assert_array_equal(values, mean)


def test_a_squared_error_says_nothing_of_the_noise_and_a_learned_variance_does(rng):
    X = rng.normal(size=(100, 4))
    squared, learned = (
        AdversarialAutoencoder(2, likelihood=likelihood, max_epochs=1, random_state=0).fit(X)
        for likelihood in (Gaussian(), HomoscedasticGaussian())
    )
    np.testing.assert_array_equal(squared.sample(50, 0), squared.sample(50, 0, draw="mean"))
    assert not np.array_equal(squared.sample(50, 0), squared.sample(50, 0, draw="values"))
    np.testing.assert_array_equal(learned.sample(50, 0), learned.sample(50, 0, draw="values"))


def test_another_word_is_refused(rng):
    vae = VAE(1, max_epochs=1).fit(rng.normal(size=(50, 3)))
    with pytest.raises(CompositionError, match="draw must be 'auto', 'values' or 'mean', got 'noise'"):
        vae.sample(3, draw="noise")
    assert not isinstance(Autoencoder(), Samples)


def test_the_command_line_draws_as_it_is_told(here):
    run("fit", "vae", "x.csv", "-o", "m", "--latent-dim", 1, "--epochs", 1, "-q")
    for draw in ("auto", "values", "mean"):
        run("sample", "m", "-n", 40, "--draw", draw, "-o", f"{draw}.npy")
    auto, values, mean = (files.read(f"{draw}.npy").values for draw in ("auto", "values", "mean"))
    np.testing.assert_array_equal(auto, values)
    assert (values.std(0) > mean.std(0)).all()
    run("sample", "m", "--draw", "noise", "-o", "n.npy", expect=2)
