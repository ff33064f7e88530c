"""A prior that is fitted to codes for sampling, and codes resampled by what is given: known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import isthmus
from contracts.common import source_of
from isthmus import GAN, VAE, Training
from isthmus.errors import CompositionError, DataError
from isthmus.estimators.resampling import codes_given
from isthmus.late_priors import FittedMixture
from isthmus.likelihood import Gaussian
from isthmus.networks import MLP

MIXTURE = FittedMixture(None, drawn=True)


@pytest.fixture(scope="module")
def clusters():
    """Two clusters of rows, and a VAE whose codes are its one fitted unit, far from N(0, 1)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3)) * 0.1 + np.where(rng.random((600, 1)) < 0.3, -2.0, 2.0)
    return VAE(1, network=MLP((16,)), sampling_prior=MIXTURE, max_epochs=20, random_state=0).fit(X), X


def test_the_mixture_is_fitted_to_the_codes_and_scores_are_the_priors(clusters):
    vae, X = clusters
    module = vae.model_.sampling_prior
    shares = module.shares.numpy()
    assert shares.sum() == pytest.approx(1.0, abs=1e-6)
    assert (shares > 0).sum() in (2, 4, 8)
    drawn = vae.sample(4000, 0)
    assert np.mean(drawn[:, 0] < 0) == pytest.approx(np.mean(X[:, 0] < 0), abs=0.04)
    assert np.abs(np.abs(drawn).mean() - 2.0) < 0.1
    plain = VAE(1, network=MLP((16,)), sampling_prior=None, max_epochs=20, random_state=0).fit(X)
    assert plain.model_.sampling_prior is None
    np.testing.assert_array_equal(plain.score_samples(X[:20]), vae.score_samples(X[:20]))


def test_it_is_saved_with_the_model(clusters, tmp_path):
    vae, _ = clusters
    vae.save(tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    assert again.sampling_prior_ == MIXTURE
    np.testing.assert_array_equal(again.sample(20, 1), vae.sample(20, 1))


def test_an_interrupted_fit_that_is_resumed_ends_with_the_same_mixture(clusters, tmp_path):
    vae, X = clusters
    arguments = vae.get_params(deep=False) | {"max_epochs": 4}
    whole = VAE(**arguments).fit(X)
    first, then = (Training(checkpoint=str(tmp_path / "kept"), resume=resume) for resume in (False, True))
    VAE(**arguments | {"training": first}).fit(X)
    resumed = VAE(**arguments | {"training": then}).fit(X)
    for a, b in zip(whole.model_.sampling_prior.buffers(), resumed.model_.sampling_prior.buffers(), strict=True):
        assert torch.equal(a, b)


def test_tables_with_categories_have_one_unless_there_is_a_condition():
    import pandas as pd

    frame = pd.DataFrame({"age": np.arange(60) % 21, "sex": ["f", "m"] * 30})
    assert VAE(1, max_epochs=1, random_state=0).fit(frame).sampling_prior_ == MIXTURE
    C = np.eye(2)[np.arange(60) % 2]
    assert VAE(1, max_epochs=1, random_state=0).fit(frame, condition=C).sampling_prior_ is None
    assert VAE(1, max_epochs=1, random_state=0).fit(frame[["age"]].to_numpy() * [1, 2]).sampling_prior_ is None
    with pytest.raises(CompositionError, match="sampling_prior must be None with a condition"):
        VAE(1, sampling_prior=MIXTURE, max_epochs=1).fit(frame, condition=C)


@pytest.fixture(scope="module")
def linear():
    """A linear-Gaussian VAE in float64, whose p(z | some entries) is known."""
    vae = VAE(1, network=MLP(()), likelihood=Gaussian(0.5), scaling="none", precision="float64", max_epochs=1)
    vae.fit(np.random.default_rng(0).normal(size=(100, 3)))
    layer = vae.model_.networks["decoder"][0]
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [-0.5], [2.0]]))
        layer.bias.copy_(torch.tensor([0.0, 1.0, -1.0]))
    return vae


def test_codes_given_some_entries_have_their_posterior(linear):
    """z | x₀, x₁ ~ N(σ²_z Σ w (x − b)/σ², σ²_z), σ²_z = 1/(1 + Σ w²/σ²)."""
    variance = 1 / (1 + (1.0 + 0.25) / 0.25)
    mean = variance * (1.0 * 0.8 - 0.5 * (0.7 - 1.0)) / 0.25
    x = torch.tensor([[0.8, 0.7, torch.nan]], dtype=torch.float64)
    z = codes_given(linear.model_, x, 2000, source_of())[:, 0]
    assert stats.kstest((z - mean) / variance**0.5, "norm").pvalue > 1e-3


def test_given_values_come_back_and_the_rest_has_its_conditional(linear):
    drawn = linear.sample(2000, 0, given={0: 0.8, 1: 0.7})
    assert set(drawn[:, 0]) == {0.8}
    assert set(drawn[:, 1]) == {0.7}
    variance = 1 / (1 + (1.0 + 0.25) / 0.25)
    mean = variance * (1.0 * 0.8 - 0.5 * (0.7 - 1.0)) / 0.25
    standard = (drawn[:, 2] - (2 * mean - 1)) / (4 * variance + 0.25) ** 0.5
    assert stats.kstest(standard, "norm").pvalue > 1e-3


def test_what_hardly_any_code_fits_is_told_or_refused(linear):
    with pytest.warns(UserWarning, match=r"given: 262,144 codes .* are worth [\d,]+ independent ones; some of the"):
        linear.sample(50_000, 0, given={0: 2.5, 2: 4.0})
    with pytest.raises(DataError, match="too few to draw from; give fewer entries"):
        linear.sample(10, 0, given={0: 40.0, 2: -80.0})


def test_given_needs_values_that_are_learnt(rng):
    X = rng.normal(size=(50, 3))
    with pytest.raises(CompositionError, match="given needs a model that learns"):
        GAN(2, max_epochs=1).fit(X).sample(3, given={0: 1.0})
    with pytest.raises(DataError, match="there is no column 7; columns are 0 to 2"):
        VAE(1, max_epochs=1).fit(X).sample(3, given={7: 1.0})
