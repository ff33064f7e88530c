"""Turns captured and replayed, with a recorder in place of the GPU's that does the work again when it is played."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from sklearn.base import clone

from isthmus import GAN, VAE, Autoencoder, DenoisingAutoencoder, Training
from isthmus.divergence import KL
from isthmus.objective import ELBO
from isthmus.training import captured, loop
from isthmus.training.optimizer import SGD

SMALL = {"network": "mlp:16", "max_epochs": 3, "batch_size": 16, "random_state": 0, "device": "cpu"}


@pytest.fixture
def recorder(monkeypatch):
    """Capture on the CPU; what is handed out counts recordings and replays."""
    counts = {"recorded": 0, "replayed": 0}

    def record(work, generator, pool, due):
        counts["recorded"] += 1

        def replay():
            counts["replayed"] += 1
            work()

        return replay

    monkeypatch.setattr(loop, "can_capture", lambda model, players, settings, device: settings.capture is not False)
    monkeypatch.setattr(captured, "_record", record)
    monkeypatch.setattr(captured, "_warning_of_waits", nullcontext)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    return counts


def _pair(system, X, **training):
    wanted = {"compile": False, **training}
    return [
        clone(system).set_params(**SMALL, training=Training(**wanted, capture=capture)).fit(X)
        for capture in (False, True)
    ]


@pytest.mark.parametrize(
    "system",
    [
        Autoencoder(3),
        DenoisingAutoencoder(3, corruption="masking:0.2"),
        VAE(3),
        GAN(3, discriminator_steps=2),
    ],
    ids=lambda s: type(s).__name__,
)
def test_the_numbers_are_those_of_turns_that_are_not_captured(system, rng, recorder):
    X = rng.normal(size=(170, 8)).astype(np.float32)  # ten batches an epoch, the last of another shape
    plain, replayed = _pair(system, X)
    kinds = 2 if isinstance(system, GAN) else 1
    assert recorder["recorded"] == kinds, "the batches of one shape; the last ones are three in all"
    assert recorder["replayed"] > 3
    for name in plain.history_.columns:
        if name != "seconds":
            np.testing.assert_allclose(replayed.history_[name], plain.history_[name], rtol=1e-4, err_msg=name)


def test_rate_and_weights_of_terms_reach_a_replay(rng, recorder):
    """Plain gradient descent and a divergence whose weight grows: nothing hides a rate that stands still."""
    X = rng.normal(size=(160, 8)).astype(np.float32)
    plain, replayed = _pair(VAE(3, objective=ELBO(KL(warmup=0.9))), X, optimizer=SGD(), decay="linear", warmup=0.3)
    np.testing.assert_allclose(replayed.history_["loss"], plain.history_["loss"], rtol=1e-5)


def test_a_fit_that_is_healed_records_anew(rng, recorder, monkeypatch):
    X = rng.normal(size=(160, 8)).astype(np.float32)
    tells = iter([True, False])
    monkeypatch.setattr(loop._Game, "_sound", lambda game: next(tells, True))
    plain = Autoencoder(3, **SMALL, training=Training(compile=False, capture=True)).fit(X)
    assert "healed" in plain.history_.columns
    assert recorder["recorded"] == 2


def test_a_part_that_waits_is_not_captured(rng, recorder, monkeypatch):
    monkeypatch.setattr(captured.Captured, "_waits", lambda self, due, batch: self.take(due, batch) or True)
    X = rng.normal(size=(160, 8)).astype(np.float32)
    with pytest.warns(UserWarning, match="cannot be captured and runs uncaptured: a part waits for the device"):
        Autoencoder(3, **SMALL, training=Training(compile=False, capture=True)).fit(X)
    assert recorder["recorded"] == 0


def test_a_recording_that_fails_is_told_and_the_fit_goes_on(rng, recorder, monkeypatch):
    def fails(*args):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(captured, "_record", fails)
    monkeypatch.setattr(captured, "_recover", lambda generator, before: None)
    X = rng.normal(size=(160, 8)).astype(np.float32)
    with pytest.warns(UserWarning, match="runs uncaptured: operation not permitted when stream is capturing$"):
        fitted = Autoencoder(3, **SMALL, training=Training(compile=False, capture=True)).fit(X)
    plain = Autoencoder(3, **SMALL, training=Training(compile=False)).fit(X)
    np.testing.assert_allclose(fitted.history_["loss"], plain.history_["loss"], rtol=1e-4)
