"""Facts of the one training loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    DenoisingAutoencoder,
    Training,
    fitting,
)
from isthmus.device import pick_device
from isthmus.errors import FitError
from isthmus.given import split
from isthmus.networks import MLP
from isthmus.training import Adam


def test_what_a_training_leaves_open_is_the_systems_own(rng, tmp_path):
    """Telling a tracker of a fit, or keeping it, must not change what is fitted."""
    X = rng.normal(size=(64, 3))
    kept = Training(checkpoint=str(tmp_path / "c"), trackers=f"jsonlines:{tmp_path / 'log.jsonl'}")
    own = Training(optimizer=Adam(beta1=0.0, beta2=0.99), averaging=0.999)
    unlike = Training(optimizer=Adam(), averaging=0.0)
    fits = [GAN(2, max_epochs=2, training=t, random_state=0).fit(X) for t in (None, kept, own, unlike)]
    weights = [list(fit.model_.parameters()) for fit in fits]
    for other in weights[1:3]:
        assert all(torch.equal(a, b) for a, b in zip(weights[0], other, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[0], weights[3], strict=True))
    assert kept.completed(own) == Training(
        **kept.get_params(deep=False) | {"optimizer": own.optimizer, "averaging": 0.999}
    )
    assert unlike.completed(own) == unlike


def test_a_keyboard_interrupt_that_a_function_raises_loses_nothing(rng):
    X = rng.normal(size=(64, 5))
    dae = DenoisingAutoencoder(2, batch_size=16, max_epochs=2, random_state=0).fit(X)
    before, codes = dae.model_, dae.transform(X)

    def interrupt(x, source):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dae.set_params(corruption=interrupt).fit(X)
    assert dae.model_ is before
    np.testing.assert_array_equal(dae.transform(X), codes)


def test_a_blow_up_names_the_term_and_loses_nothing(rng):
    X = rng.normal(size=(64, 5))
    dae = DenoisingAutoencoder(2, corruption="gaussian:0.1", max_epochs=2, random_state=0).fit(X)
    before, codes = dae.model_, dae.transform(X)
    dae.set_params(corruption=lambda x, source: x * float("nan"))
    with pytest.raises(
        FitError, match=r"blew up in epoch 1.*the term 'reconstruction' is not finite for 16 of 16 rows"
    ):
        dae.fit(X)
    assert dae.model_ is before
    np.testing.assert_array_equal(dae.transform(X), codes)


def test_weights_that_broke_in_the_last_step_are_not_handed_out(rng):
    """The loss of the only step is finite, what it leaves behind is not."""
    X = rng.normal(size=(64, 5))
    ae = Autoencoder(2, max_epochs=1, batch_size=64, random_state=0).fit(X)
    before = ae.model_
    with pytest.raises(FitError, match=r"epoch 1.*weights 'networks\.encoder\.1\.weight' became nan or infinite"):
        ae.set_params(learning_rate=float("inf")).fit(X)
    assert ae.model_ is before


def test_a_rivals_blow_up_names_the_player(rng):
    aae = AdversarialAutoencoder(2, max_epochs=1, random_state=0, likelihood="gaussian", scaling="none")
    with pytest.raises(FitError, match=r"autoencoder: the term 'reconstruction' is not finite"):
        aae.fit(1e30 * rng.normal(size=(64, 5)))


def test_nothing_global_moves(rng):
    """Neither torch's nor numpy's state, nor any device's, nor defaults, by fit, sample, transform or score."""
    X = rng.normal(size=(40, 5))
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    dtype, threads, grad = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    vae = VAE(2, prior="vampprior:3", max_epochs=1, precision="float64", random_state=0).fit(X)
    vae.sample(5), vae.transform(X), vae.score_samples(X, n_draws=5), vae.reconstruct(X), vae.jacobian_norm(X)
    gan = GAN(2, max_epochs=1, random_state=0).fit(X)
    gan.sample(5), gan.discriminate(X)
    assert torch.equal(before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()  # noqa: NPY002
    assert (dtype, threads, grad) == (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled())


def test_generators_of_other_devices_are_not_seeded(rng, monkeypatch):
    """`torch.manual_seed` would seed every GPU too, and nothing would put them back."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU's generator was seeded"))
    VAE(2, prior="vampprior:3", max_epochs=1, random_state=0).fit(rng.normal(size=(40, 5))).sample(3)


def test_the_same_seed_gives_the_same_bits_whatever_happened_in_between(rng):
    X = rng.normal(size=(60, 5)).astype(np.float32)

    def fit(seed):
        model = DenoisingAutoencoder(2, corruption="gaussian:0.3", validation_fraction=0.2, max_epochs=3)
        return model.set_params(random_state=seed).fit(X)

    first = fit(7)
    torch.rand(11), np.random.rand(11)  # noqa: NPY002
    second, other = fit(7), fit(8)
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    drop = [{k: v for k, v in row.items() if k != "seconds"} for row in first.history_]
    assert drop == [{k: v for k, v in row.items() if k != "seconds"} for row in second.history_]
    assert not np.array_equal(first.transform(X), other.transform(X))


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_early_stopping_hands_out_the_weights_of_the_best_epoch(averaging, rng, monkeypatch):
    """What the fitted model scores on the held-out rows is the lowest loss in the history, not the last."""
    X = rng.normal(size=(60, 6))
    held_out = []
    ae = Autoencoder(
        5,
        network=MLP((64, 64)),
        likelihood="gaussian",
        max_epochs=300,
        learning_rate=0.02,
        validation_fraction=0.3,
        precision="float64",
        scaling="none",
        training=Training(patience=5, decay="constant", averaging=averaging),
        random_state=0,
    )
    monkeypatch.setattr(fitting, "split", lambda *given: held_out.append(split(*given)) or held_out[-1])
    losses = ae.fit(X).history_["validation_loss"]
    assert 5 < len(losses) < 300
    assert losses.argmin() == len(losses) - 6
    kept = -ae.score_samples(X[held_out[0][1].numpy()]).mean()
    assert kept == pytest.approx(losses.min(), rel=1e-9)
    assert kept < losses[-1]


def test_auto_picks_a_device_that_is_there():
    assert pick_device("auto").type in ("cpu", "cuda")
    assert pick_device("cpu") == torch.device("cpu")
