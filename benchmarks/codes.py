"""Codes of plain, denoising and contractive autoencoders at one width: probes, and Jacobians near and far."""

from __future__ import annotations

import warnings

import numpy as np

from isthmus import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder
from isthmus.corruption import Masking
from isthmus.datasets import load
from isthmus.metrics import linear_probe, mean_squared_error
from isthmus.networks import MLP

from .report import spread, table

SEEDS = (0, 1, 2)
PROBE_ROWS = 10_000
AWAY = 8
RATE = 1.6e-2
"""Four times the default: a sigmoid unit's slope is at most ¼, so that its weights have further to go."""


def run() -> str:
    warnings.filterwarnings("ignore", message="the code is over-complete")
    data = load("fashion-mnist")
    X, Y = data.train[:PROBE_ROWS] / np.float32(255), data.train_labels[:PROBE_ROWS]
    test, labels = data.test / np.float32(255), data.test_labels
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(test.shape) < 0.5, 0, test).astype(np.float32)
    direction = rng.normal(size=test[:1000].shape).astype(np.float32)
    direction /= np.linalg.norm(direction.reshape(1000, -1), axis=1)[:, None, None]
    shared = {
        "latent_dim": 1000,
        "network": MLP((), code_activation="sigmoid"),
        "tied": True,
        "likelihood": "bernoulli",
        "max_epochs": 10,
        "learning_rate": RATE,
    }
    systems = {
        "plain": lambda seed: Autoencoder(**shared, random_state=seed),
        "denoising, masking ½": lambda seed: DenoisingAutoencoder(**shared, corruption=Masking(0.5), random_state=seed),
        "contractive, λ = 1": lambda seed: ContractiveAutoencoder(**shared, penalty=1.0, random_state=seed),
    }
    rows = []
    for name, make in systems.items():
        figures: dict[str, list[float]] = {}
        for seed in SEEDS:
            model = make(seed).fit(data.train / np.float32(255))
            codes = model.transform(X)
            near, far = test[:1000], test[:1000] + AWAY * direction
            moved = np.linalg.norm(model.transform(far) - model.transform(near), axis=1)
            measured = {
                "noisy": 100 * (1 - linear_probe(codes, Y, model.transform(noisy), labels, C=0.01)),
                "clean": 100 * (1 - linear_probe(codes, Y, model.transform(test), labels, C=0.01)),
                "error": mean_squared_error(test, model.reconstruct(test)),
                "gain": mean_squared_error(test, model.reconstruct(noisy)),
                "near": float(model.jacobian_norm(near).mean()),
                "far": float(model.jacobian_norm(far).mean()),
                "moved": float(moved.mean()),
            }
            for key, value in measured.items():
                figures.setdefault(key, []).append(value)
            print(name, seed, {k: round(v, 4) for k, v in measured.items()}, flush=True)
        digits = {"noisy": 2, "clean": 2, "error": 5, "gain": 5}
        rows.append([name, *(spread(values, digits.get(key, 3)) for key, values in figures.items())])
    head = ["autoencoder", "probe error %, noisy test", "probe error %, clean test", "error, clean", "error, noisy"]
    head += ["‖J‖ at test images", f"‖J‖ at distance {AWAY}", f"code moves over distance {AWAY}"]
    return (
        "Fashion-MNIST, 784-1000 sigmoid units, tied weights, cross-entropy, ten epochs at four times the default "
        "learning rate, three seeds (mean ± standard deviation). The probe is a logistic regression (C = 0.01) on the "
        f"codes of {PROBE_ROWS:,} clean training images; "
        "the noisy test images have half their pixels set to zero. ‖J‖ is the mean Frobenius norm of the encoder's "
        "Jacobian at 1,000 test images, and at a distance of 8 from each in a random direction; the last column is "
        "‖h(x + 8u) − h(x)‖, how far the code goes on the way.\n\n" + table(head, rows)
    )
