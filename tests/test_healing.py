"""A fit that blows up goes back, takes smaller steps and goes on; or stops, the cause named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from isthmus import GAN, VAE, Autoencoder, DenoisingAutoencoder, Training
from isthmus.errors import CompositionError, DataError, FitError
from isthmus.networks import MLP
from isthmus.training import step
from isthmus.training.optimizer import SGD

SMALL = {"network": MLP((8,)), "batch_size": 16, "random_state": 0}


def poisoned(at, value):
    """Noise that is `value` in the calls `at`, and nothing otherwise."""
    calls = []

    def noise(x, source):
        calls.append(1)
        return x + (value if len(calls) in at else 0.0)

    return noise


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_a_blow_up_that_passes_is_healed_and_counted(value, rng):
    """One bad batch in epoch 3 of 5: the fit goes back to the end of epoch 2, halves its step and is done."""
    X = rng.normal(size=(64, 5))
    dae = DenoisingAutoencoder(2, corruption=poisoned({10}, value), max_epochs=5, **SMALL).fit(X)
    assert dae.history_["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert np.nansum(dae.history_["healed"]) == 1
    assert dae.history_[2]["healed"] == 1
    assert np.isfinite(dae.reconstruct(X)).all()
    assert dae.history_["loss"][-1] < dae.history_["loss"][0]


def test_healing_goes_back_to_the_very_state_it_was_in(rng):
    """The epochs before the blow-up are those of a fit that had none, bit for bit, and the rate after it is half."""
    X = rng.normal(size=(64, 5))
    arguments = {"training": Training(warmup=0, decay="constant", optimizer=SGD(0.0)), "learning_rate": 1e-3, **SMALL}
    clean = DenoisingAutoencoder(2, corruption=poisoned((), 0.0), max_epochs=2, **arguments).fit(X)
    healed = DenoisingAutoencoder(2, corruption=poisoned({7}, np.nan), max_epochs=2, **arguments).fit(X)
    assert clean.history_["loss"][0] == healed.history_["loss"][0]
    half = DenoisingAutoencoder(2, corruption=poisoned((), 0.0), max_epochs=1, **arguments).fit(X)
    start = half.model_.state_dict()["networks.encoder.1.weight"]
    moves = [m.model_.state_dict()["networks.encoder.1.weight"] - start for m in (clean, healed)]
    assert float(moves[1].norm() / moves[0].norm()) == pytest.approx(0.5, abs=0.02)


def test_a_rate_that_is_too_high_is_brought_down_until_it_is_not(rng):
    """Plain gradient descent on a quadratic diverges above a rate; healing finds one below it."""
    X = rng.normal(size=(64, 5)) * 3
    arguments = {"scaling": "none", "likelihood": "gaussian", "max_epochs": 40, **SMALL}
    training = Training(optimizer=SGD(0.0), decay="constant", warmup=0, retries=12)
    ae = Autoencoder(2, learning_rate=30.0, training=training, **arguments | {"network": MLP(())}).fit(X)
    assert np.nansum(ae.history_["healed"]) >= 2
    assert np.mean((ae.reconstruct(X) - X) ** 2) < np.mean(X**2)


def test_a_player_of_a_game_is_healed(rng):
    """NaN in D's logits, once."""
    calls = []

    class Sick(nn.Linear):
        def forward(self, x):
            calls.append(1)
            return super().forward(x) * (float("nan") if len(calls) == 25 else 1.0)

    network = (lambda shape, outputs: Sick(5, outputs), lambda inputs, shape, outputs: nn.Linear(inputs, 5))
    gan = GAN(2, discriminator=network, penalties=(), max_epochs=6, **SMALL).fit(rng.normal(size=(64, 5)))
    assert np.nansum(gan.history_["healed"]) == 1
    assert np.isfinite(gan.sample(10)).all()


def test_what_cannot_be_healed_stops_with_what_was_learnt_and_the_cause(rng):
    X = rng.normal(size=(64, 5))
    dae = DenoisingAutoencoder(2, corruption=poisoned(range(9, 999), np.nan), max_epochs=5, **SMALL)
    with pytest.warns(
        UserWarning,
        match=r"blew up in epoch 3 and 3 smaller steps did not heal it: the term 'reconstruction' is not finite for 16 "
        r"of 16 rows of a batch, the first of them \[\d+, \d+, \d+\]; the model's input itself is not finite; look "
        r"at those rows.*The state after 2 epochs is kept",
    ):
        dae.fit(X)
    assert len(dae.history_) == 2
    assert np.isfinite(dae.reconstruct(X)).all()


def test_the_row_and_column_that_are_far_out_are_named(rng):
    """A value of 10³⁰ in a table that is not standardised: its square is infinite in float32."""
    X = rng.normal(size=(64, 5))
    X[37, 3] = 1e30
    ae = Autoencoder(2, scaling="none", likelihood="gaussian", max_epochs=2, **SMALL)
    with pytest.raises(
        FitError, match=r"the term 'reconstruction' is not finite for 1 of 16 rows .* \[37\].*row 37, column 3"
    ):
        ae.fit(X)
    assert not hasattr(ae, "model_")


def test_a_layer_that_breaks_is_named(rng):
    class Breaks(nn.Module):
        def forward(self, x):
            return x / (x - x)

    network = (
        lambda shape, outputs: nn.Sequential(nn.Linear(5, 8), Breaks(), nn.Linear(8, outputs)),
        lambda inputs, shape, outputs: nn.Linear(inputs, 5 * outputs),
    )
    with pytest.raises(FitError, match=r"the first layer whose output is not finite: networks.encoder.1 \(Breaks\)"):
        VAE(2, max_epochs=2, **SMALL | {"network": network}).fit(rng.normal(size=(64, 5)))


def test_a_gradient_that_breaks_names_its_weights(rng):
    """√h at h = 0: the loss is finite, its slope is not."""

    class Root(nn.Module):
        def forward(self, x):
            return torch.sqrt(x * 0)

    network = (
        lambda shape, outputs: nn.Sequential(nn.Linear(5, outputs), Root()),
        lambda inputs, shape, outputs: nn.Linear(inputs, 5 * outputs),
    )
    with pytest.raises(FitError, match=r"the gradient of the weights 'networks.encoder.0.weight' is not finite"):
        Autoencoder(2, max_epochs=2, **SMALL | {"network": network}).fit(rng.normal(size=(64, 5)))


def test_early_stopping_of_a_game_watches_its_samples(rng):
    X = rng.normal(size=(200, 2)) + 3
    training = Training(patience=3, averaging=0.9)
    gan = GAN(2, max_epochs=60, validation_fraction=0.25, training=training, **SMALL | {"learning_rate": 5e-3}).fit(X)
    values = gan.history_["validation_mmd"]
    assert len(values) < 60
    assert values.argmin() == len(values) - 4
    with pytest.raises(CompositionError, match="patience needs held-out rows: set validation_fraction"):
        GAN(2, training=Training(patience=3)).fit(X)


def test_a_budget_of_time_ends_the_fit_with_its_schedule(rng):
    X = rng.normal(size=(64, 5))
    vae = VAE(2, max_epochs=100_000, training=Training(max_time=0.5), **SMALL).fit(X)
    assert 1 <= len(vae.history_) < 100_000
    assert 0.4 < vae.history_["seconds"].sum() < 20
    never = VAE(2, max_epochs=2, training=Training(max_time=1e6), **SMALL).fit(X)
    np.testing.assert_array_equal(never.transform(X), VAE(2, max_epochs=2, **SMALL).fit(X).transform(X))


def test_a_full_device_takes_a_batch_in_pieces_to_the_same_gradient(rng, monkeypatch):
    """Memory for seven rows at once: a batch of 16 goes in four pieces, said at each cut, and the fit is the same."""
    X = rng.normal(size=(64, 5))
    arguments = {"max_epochs": 3, "precision": "float64", **SMALL}
    whole = Autoencoder(2, **arguments).fit(X)
    gradients = step.gradients

    def tight(model, sides, batch, source, weights):
        if len(batch.x) > 7:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return gradients(model, sides, batch, source, weights)

    monkeypatch.setattr(step, "gradients", tight)
    with pytest.warns(UserWarning, match="from now on each batch is split into . pieces") as met:
        pieces = Autoencoder(2, **arguments).fit(X)
    assert [str(w.message).split(" into ")[1][0] for w in met] == ["2", "4"]
    np.testing.assert_allclose(pieces.transform(X), whole.transform(X), rtol=1e-9)
    assert pieces.history_["loss"] == pytest.approx(whole.history_["loss"], rel=1e-9)


def test_infinity_that_an_earlier_step_of_a_pipeline_makes_is_explained_and_what_was_fitted_survives(rng):
    X = rng.uniform(1, 2, size=(64, 5))
    pipeline = make_pipeline(FunctionTransformer(np.log), VAE(2, max_epochs=2, **SMALL))
    codes = pipeline.fit_transform(X)
    bad = X.copy()
    bad[11, 4] = 0.0
    with np.errstate(divide="ignore"), pytest.raises(DataError, match="infinity in 1 of 64 rows: rows 11, columns 4"):
        pipeline.fit_transform(bad)
    np.testing.assert_array_equal(pipeline.transform(X), codes)
