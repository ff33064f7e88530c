"""A row's result is a function of the row: whatever comes with it, in whatever order, however many at once."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MaskedAutoencoder,
)
from isthmus.networks import MLP, Conv

SYSTEMS = {
    "Autoencoder": Autoencoder(3),
    "DenoisingAutoencoder": DenoisingAutoencoder(3, network=MLP((33,), norm="batch")),
    "ContractiveAutoencoder": ContractiveAutoencoder(3, network=MLP((17, 9), activation="softplus")),
    "VAE": VAE(3),
    "VAE, float64": VAE(3, precision="float64", network=MLP((35,), activation="gelu")),
    "VAE with a VampPrior": VAE(3, prior="vampprior:7"),
    "AdversarialAutoencoder": AdversarialAutoencoder(3),
    "MaskedAutoencoder": MaskedAutoencoder(8),
    "GAN": GAN(3),
    "images": VAE(3, network=Conv((5, 7))),
}


def fitted(name):
    shape = (300, 11, 9) if name == "images" else (300, 7)
    X = np.random.default_rng(0).uniform(size=shape)
    return SYSTEMS[name].set_params(max_epochs=1, random_state=0).fit(X), X


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_row_has_the_same_bits_alone_in_a_crowd_and_in_any_order(name):
    model, X = fitted(name)
    order = np.random.default_rng(1).permutation(len(X))
    for method in ("transform", "reconstruct", "score_samples", "discriminate"):
        f = getattr(model, method, None)
        if f is None:
            continue
        whole = f(X)
        np.testing.assert_array_equal(f(X[order]), whole[order], err_msg=method)
        np.testing.assert_array_equal(f(np.asfortranarray(X)), whole, err_msg=method)
        for some in (slice(0, 1), slice(7, 8), slice(255, 258), slice(3, 299, 5)):
            np.testing.assert_array_equal(f(X[some]), whole[some], err_msg=method)
    if hasattr(model, "sample"):
        many = model.sample(600, random_state=1)
        for n in (1, 2, 17, 256, 257):
            np.testing.assert_array_equal(model.sample(n, random_state=1), many[:n])


FIT = """
import sys, hashlib, numpy as np
from isthmus import VAE, GAN
X = np.random.default_rng(0).normal(size=(60, 7))
for model in (VAE(2, max_epochs=2, random_state=0), GAN(2, max_epochs=2, random_state=0)):
    made = model.fit(X).sample(20, random_state=1)
    print(hashlib.sha256(made.tobytes()).hexdigest())
"""


def test_a_fit_repeats_itself_in_another_process():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "random"}
    runs = [subprocess.run([sys.executable, "-c", FIT], env=environment, capture_output=True, text=True) for _ in "ab"]
    assert runs[0].returncode == 0, runs[0].stderr[-2000:]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.split()) == 2
