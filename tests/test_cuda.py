"""What holds on a GPU; skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone

from isthmus import GAN, VAE, Autoencoder, Training
from isthmus.networks import MLP
from isthmus.training import data

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    pytest.mark.filterwarnings("default"),
]

SMALL = {"network": MLP((32,)), "max_epochs": 3, "batch_size": 32, "random_state": 0, "device": "cuda"}


@pytest.mark.parametrize("system", [Autoencoder(4), VAE(4), GAN(4, discriminator_steps=2)], ids=lambda s: repr(s)[:3])
def test_captured_steps_give_the_numbers_of_eager_ones(system, rng):
    """Steps compiled and captured in CUDA graphs, the last batch of another shape among them."""
    X = rng.normal(size=(330, 12)).astype(np.float32)
    fits = [
        clone(system).set_params(**SMALL, precision="float32", training=Training(compile=wanted)).fit(X)
        for wanted in (False, True)
    ]
    for name in ("loss", "generator_loss"):
        if name in fits[0].history_.columns:
            np.testing.assert_allclose(fits[1].history_[name], fits[0].history_[name], rtol=1e-3)


def test_data_that_would_fill_the_device_stay_at_home(rng, monkeypatch):
    X = rng.normal(size=(330, 12)).astype(np.float32)
    there = VAE(4, **SMALL).fit(X)
    monkeypatch.setattr(data.torch.cuda, "mem_get_info", lambda device: (X.nbytes, X.nbytes))
    home = VAE(4, **SMALL).fit(X)
    np.testing.assert_allclose(home.transform(X), there.transform(X), rtol=1e-4, atol=1e-5)


def test_a_fit_on_a_gpu_is_resumed(rng, tmp_path):
    X = rng.normal(size=(330, 12)).astype(np.float32)
    training = Training(checkpoint=str(tmp_path), resume=True)
    first = VAE(4, **SMALL, training=training).fit(X)
    again = VAE(4, **SMALL, training=training).fit(X)
    np.testing.assert_array_equal(first.transform(X), again.transform(X))


def test_a_model_fitted_on_a_gpu_is_used_on_a_cpu(rng, tmp_path):
    X = rng.normal(size=(330, 12)).astype(np.float32)
    vae = VAE(4, **SMALL).fit(X)
    vae.save(tmp_path / "m")
    there = VAE.load(tmp_path / "m", device="cpu")
    np.testing.assert_allclose(there.transform(X), vae.transform(X), rtol=1e-3, atol=1e-4)
