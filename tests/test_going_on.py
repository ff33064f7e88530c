"""A fit goes on: `partial_fit` by an epoch, `warm_start` by a fit; the laws that both keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    Training,
    load,
)
from isthmus.divergence import KL
from isthmus.errors import CompositionError, DataError
from isthmus.networks import MLP
from isthmus.objective import ELBO

SMALL = {"network": MLP((8,)), "batch_size": 16, "random_state": 3}
DROPOUT = (
    lambda shape, outputs: nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.Linear(8, outputs)),
    lambda inputs, shape, outputs: nn.Linear(inputs, 5 * outputs),
)
SYSTEMS = {
    "autoencoder": Autoencoder(2, **SMALL),
    "denoising": DenoisingAutoencoder(2, corruption="gaussian:0.1", validation_fraction=0.25, **SMALL),
    "contractive": ContractiveAutoencoder(2, **SMALL),
    "vae": VAE(2, validation_fraction=0.25, **SMALL),
    "vae of your own network": VAE(2, **SMALL | {"network": DROPOUT}),
    "gan": GAN(2, discriminator_steps=2, **SMALL),
    "adversarial": AdversarialAutoencoder(2, **SMALL),
}
SETTINGS = {"gan": {"averaging": 0.9}, "vae": {"averaging": 0.5}}


@pytest.fixture
def X(rng):
    return rng.normal(size=(70, 5)).astype(np.float32)


def rows(model) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in model.history_]


def weights(model) -> dict[str, torch.Tensor]:
    return model.model_.state_dict()


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.mark.parametrize("name", SYSTEMS)
def test_k_calls_of_partial_fit_are_a_fit_of_k_epochs_without_a_schedule(name, X):
    settings = SETTINGS.get(name, {})
    whole = clone(SYSTEMS[name]).set_params(max_epochs=3, training=Training(warmup=0, decay="constant", **settings))
    whole.fit(X)
    parts = clone(SYSTEMS[name]).set_params(training=Training(**settings))
    for k in (1, 2, 3):
        assert parts.partial_fit(X) is parts
        assert parts.n_epochs_ == len(parts.history_) == k
    assert rows(parts) == rows(whole)
    assert_same(weights(parts), weights(whole))


def test_partial_fit_keeps_units_and_choices_of_the_first_call(rng):
    X = (rng.random((200, 6)) < 0.5).astype(float)
    vae = VAE(2, **SMALL).partial_fit(X)
    first = (vae.likelihood_, vae.network_, vae.latent_dim_, vae.dtype_)
    shift = vae.model_.scaling.shift.clone()
    vae.partial_fit(np.clip(X[:50] * 0.9, 0, 1))
    assert (vae.likelihood_, vae.network_, vae.latent_dim_, vae.dtype_) == first
    ae = Autoencoder(2, **SMALL).partial_fit(X * 10)
    shift = ae.model_.scaling.shift.clone()
    assert torch.equal(ae.partial_fit(X * 10 + 3).model_.scaling.shift, shift)


def test_chunks_of_other_sizes_teach_what_all_rows_teach(rng):
    """A linear autoencoder on chunks comes to the subspace of all rows: what it loses is what PCA loses."""
    basis = np.linalg.qr(rng.normal(size=(6, 2)))[0]
    X = 3 * rng.normal(size=(600, 2)) @ basis.T + 0.05 * rng.normal(size=(600, 6))
    ae = Autoencoder(2, network=MLP(()), random_state=0, scaling="none")
    for _ in range(15):
        for chunk in np.split(X, [100, 130, 400]):
            ae.partial_fit(chunk)
    centred = X - X.mean(0)
    lost = (np.linalg.svd(centred, compute_uv=False)[2:] ** 2).sum() / X.size
    assert ((ae.reconstruct(X) - X) ** 2).mean() < 1.5 * lost
    assert ae.n_epochs_ == 60


def test_what_does_not_fit_the_first_rows_is_refused_and_loses_nothing(X):
    ae = Autoencoder(2, **SMALL).partial_fit(X)
    before, codes = rows(ae), ae.transform(X)
    with pytest.raises(ValueError, match="X has 4 features, but Autoencoder is expecting 5 features"):
        ae.partial_fit(X[:, :4])
    with pytest.raises(DataError, match="there is no value at all in X"):
        ae.partial_fit(X * np.nan)
    with pytest.raises(DataError, match="contains infinity"):
        ae.partial_fit(X * np.inf)
    with pytest.raises(DataError, match="fitted without a condition"):
        ae.partial_fit(X, condition=np.eye(5)[np.arange(70) % 5])
    with pytest.raises(CompositionError, match="its weights do not fit latent_dim as set now; set warm_start=False"):
        ae.set_params(latent_dim=3).partial_fit(X)
    with pytest.raises(CompositionError, match="keeps no checkpoints; save the model between fits"):
        ae.set_params(latent_dim=2, training=Training(checkpoint="c")).partial_fit(X)
    assert rows(ae) == before
    np.testing.assert_array_equal(ae.transform(X), codes)
    ae.set_params(training=None).partial_fit(X)
    again = Autoencoder(2, **SMALL).partial_fit(X).partial_fit(X)
    assert_same(weights(ae), weights(again))


def test_a_column_that_further_rows_do_not_observe_is_not_taken_for_exact(X):
    """Its σ is the one it was trained with, 1, and not the floor; a fit from scratch refuses such a column."""
    ae = Autoencoder(2, **SMALL).partial_fit(X)
    with pytest.warns(UserWarning, match="70 of 70 rows have gaps"):
        ae.partial_fit(np.where(np.arange(5) == 2, np.float32(np.nan), X))
    np.testing.assert_array_equal(ae.model_.likelihood.std == 1, np.arange(5) == 2)


def test_partial_fit_takes_conditions_weights_and_pairs(rng):
    X = rng.normal(size=(64, 5))
    C = np.eye(2)[np.arange(64) % 2]
    vae = VAE(2, **SMALL).partial_fit(X, condition=C, sample_weight=np.arange(64)).partial_fit(X, condition=C)
    assert vae.sample(3, condition=[0, 1]).shape == (3, 5)
    with pytest.raises(DataError, match="fitted with a condition of width 2"):
        vae.partial_fit(X)
    whole = DenoisingAutoencoder(2, max_epochs=2, training=Training(warmup=0, decay="constant"), **SMALL)
    parts = clone(whole).partial_fit(X + 0.1, X).partial_fit(X + 0.1, X)
    assert_same(weights(parts), weights(whole.fit(X + 0.1, X)))


def test_a_clone_forgets_and_a_fit_begins_anew(X):
    ae = Autoencoder(2, max_epochs=2, **SMALL).partial_fit(X)
    fresh = clone(ae)
    assert not hasattr(fresh, "model_")
    assert_same(weights(fresh.partial_fit(X)), weights(ae))
    assert_same(weights(ae.fit(X)), weights(clone(ae).fit(X)))
    assert len(ae.history_) == 2


def test_a_model_that_was_fitted_or_loaded_goes_on_from_its_weights(X, tmp_path):
    ae = Autoencoder(2, max_epochs=20, **SMALL).fit(X)
    ae.save(tmp_path / "m")
    reached = ae.history_["loss"][-1]
    for model in (ae, load(tmp_path / "m")):
        model.set_params(learning_rate=0.0).partial_fit(X)
        assert model.n_epochs_ == 21
        assert model.history_["epoch"].tolist() == list(range(1, 22))
        assert model.history_["loss"][-1] <= reached * 1.05


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_warm_start_begins_with_the_weights_that_were_handed_out(name, X):
    """With a learning rate of zero they stay; D's too, and the averages that a GAN samples from.

    The noise that an autoencoder leaves is no weight: it is that of the rows of the last fit.
    """

    def learnt():
        return {name: value.clone() for name, value in weights(model).items() if name != "likelihood.std"}

    model = clone(SYSTEMS[name]).set_params(max_epochs=2, training=Training(**SETTINGS.get(name, {}))).fit(X)
    before = learnt()
    model.set_params(warm_start=True, learning_rate=0.0, max_epochs=1).fit(X + 1)
    assert_same(learnt(), before)
    assert model.history_["epoch"].tolist() == [1, 2, 3]
    model.set_params(learning_rate=0.01).fit(X)
    assert any(not torch.equal(value, before[name]) for name, value in learnt().items())


def test_a_warm_start_takes_another_objective_and_refuses_another_width(X):
    vae = VAE(2, max_epochs=2, warm_start=True, **SMALL).fit(X)
    vae.set_params(objective=ELBO(KL(4.0))).fit(X)
    assert vae.objective_ == ELBO(KL(4.0))
    before = vae.transform(X)
    with pytest.raises(CompositionError, match="its weights do not fit network as set now"):
        vae.set_params(network=MLP((9,))).fit(X)
    np.testing.assert_array_equal(vae.transform(X), before)
    with pytest.raises(ValueError, match="X has 4 features, but VAE is expecting 5 features"):
        vae.set_params(network=MLP((8,))).fit(X[:, :4])
    assert vae.set_params(warm_start=False).fit(X[:, :4]).shape_ == (4,)


def test_pseudo_inputs_are_not_begun_again(X):
    vae = VAE(2, prior="vampprior:3", max_epochs=1, **SMALL).fit(X)
    learnt = {name: value.clone() for name, value in weights(vae).items() if name.startswith("prior")}
    assert learnt
    vae.set_params(warm_start=True, learning_rate=0.0).fit(X + 5)
    assert all(torch.equal(weights(vae)[name], value) for name, value in learnt.items())
