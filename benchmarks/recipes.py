"""The default recipe of each system (rate, schedule, averaging) beside the candidates that lost to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from isthmus import GAN, VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Training
from isthmus.corruption import Masking
from isthmus.datasets import GRID, GRID_STD, grid, load
from isthmus.metrics import mean_squared_error, mode_coverage
from isthmus.networks import MLP
from isthmus.training import Adam

from .fashion import negative_elbo
from .report import spread, table

ROWS, GAN_EPOCHS = 30_000, 20
BUDGETS = {(ROWS, 5): (0, 1), (60_000, 10): (0,)}
"""Rows and epochs of a fit, and the seeds that it is repeated with."""

SYSTEMS: dict[str, tuple[Any, int]] = {
    "autoencoder": (Autoencoder(32, network=MLP((512,))), 5),
    "denoising": (DenoisingAutoencoder(32, network=MLP((512,)), corruption=Masking(0.5)), 5),
    "contractive": (ContractiveAutoencoder(200, network=MLP((), code_activation="sigmoid")), 5),
    "vae": (VAE(20, network=MLP((400,))), 2),
}


def _candidates(model: Any) -> dict[str, dict[str, Any]]:
    """The default, and one thing changed at a time."""
    default, rate = model._default_training().get_params(deep=False), model.learning_rate

    def training(**changed: Any) -> Training:
        return Training(**{**default, **changed})

    averaged = not default["averaging"]
    return {
        "default": {},
        "half the rate": {"learning_rate": rate / 2},
        "twice the rate": {"learning_rate": rate * 2},
        "decay along a line": {"training": training(decay="linear")},
        "constant rate, no warm-up": {"training": training(decay="constant", warmup=0.0)},
        "averaging 0.999" if averaged else "no averaging": {"training": training(averaging=0.999 if averaged else 0.0)},
        "β₁ = 0.5, β₂ = 0.999" if default["optimizer"] else "β₁ = 0.95": {
            "training": training(optimizer=Adam(beta1=0.5) if default["optimizer"] else Adam(beta1=0.95))
        },
    }


def _measure(name: str, data: Any) -> Callable[[Any], float]:
    test = data.test / 255
    if name == "vae":
        return lambda model: negative_elbo(model, data.test)
    if name == "denoising":
        keep = np.random.default_rng(0).random(data.test.shape) >= 0.5
        return lambda model: mean_squared_error(test, model.reconstruct(data.test * keep) / 255)
    return lambda model: mean_squared_error(test, model.reconstruct(data.test) / 255)


def run() -> str:
    data, lines = load("fashion-mnist"), []
    for name, (model, digits) in SYSTEMS.items():
        measure, what = _measure(name, data), "test −ELBO, nats" if name == "vae" else "test mean squared error"
        what = "error on images with half the pixels lost" if name == "denoising" else what
        for label, changed in _candidates(model).items():
            lines.append([name, label, what])
            for (rows, epochs), seeds in BUDGETS.items():
                values = []
                for seed in seeds:
                    fit = type(model)(**{**model.get_params(deep=False), **changed, "random_state": seed})
                    values.append(measure(fit.set_params(max_epochs=epochs).fit(data.train[:rows])))
                lines[-1].append(spread(values, digits) if len(values) > 1 else f"{values[0]:.{digits}f}")
            print(*lines[-1], flush=True)
    return (
        "Fashion-MNIST; the mean of two seeds ± standard deviation at the short budget, seed 0 at the long one. Each "
        "candidate changes one thing of the default.\n\n"
        + table(["system", "recipe", "measured", *(f"{n:,} rows, {e} epochs" for n, e in BUDGETS)], lines)
        + f"\n\nThe GAN on the 5 × 5 grid of Gaussians: {ROWS:,} points, {GAN_EPOCHS} epochs, batch 256, seed 0.\n\n"
        + table(["recipe", "modes of 25", "good", "reverse KL"], _gans())
    )


def _gans() -> list[list[object]]:
    X, model, lines = grid(ROWS, 0), GAN(2), []
    for label, changed in _candidates(model).items():
        gan = GAN(**{**model.get_params(deep=False), **changed, "random_state": 0}).set_params(
            batch_size=256, max_epochs=GAN_EPOCHS
        )
        found = mode_coverage(gan.fit(X).sample(2_500, random_state=100), GRID, GRID_STD)
        lines.append([label, found.found, f"{found.good:.1%}", f"{found.reverse_kl:.3f}"])
        print(*lines[-1], flush=True)
    return lines
