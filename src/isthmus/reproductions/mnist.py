"""Bounds on log p(x) of MNIST: importance-weighted autoencoders, and priors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import recipes
from ..datasets import load
from ..estimators import VAE
from ..metrics import active_units
from ..networks import MLP, FromMean
from ..redrawn import Binarised
from ..stochastic_layers import FirstLayer
from ..training import Adam, Steps, Training
from .protocol import Attempt, Figures, Line, Measure, Protocol

__all__ = ["FIXED", "PRIORS", "RANDOM"]

BURDA = (
    'Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016, '
    "<https://arxiv.org/abs/1509.00519>, table 1 and appendix D."
)
EXEMPLAR = (
    'Sajad Norouzi, David J. Fleet and Mohammad Norouzi, "Exemplar VAE: Linking Generative Models, Nearest Neighbor '
    'Retrieval, and Data Augmentation", 2020, <https://arxiv.org/abs/2004.04795>.'
)
PYTHAE = (
    "pythae (Clément Chadebec, Louis J. Vincent and Stéphanie Allassonnière, 2022, <https://arxiv.org/abs/2206.08309>)"
)
DRAWS = 5_000
PART_ROWS, PART_DRAWS = 1_000, 1_000
FAST_EPOCHS, PART_EPOCHS, FULL_EPOCHS = 328, 60, 3_280
MEASURES = (Measure("nll", "−L₅₀₀₀"), Measure("active", "active units", 0))
SETTINGS = {
    "fast": f"{FAST_EPOCHS} epochs at batch 128, Adam at 10⁻³ falling along a cosine, averaged weights",
    "part": f"as `fast`, in {PART_EPOCHS} epochs, scored on every tenth of the test rows with {PART_DRAWS:,} draws "
    "instead of 5,000, which reads a little high",
    "full": f"{FULL_EPOCHS:,} epochs at batch 20, 3ⁱ of them at 10^(−3 − i/7), i = 0..7, Adam with ε = 10⁻⁴",
}


def _schedule(scale: str) -> dict[str, Any]:
    if scale == "full":
        training = Training(optimizer=Adam(eps=1e-4), warmup=0.0, decay=Steps.burda(), averaging=0.0)
        return {"max_epochs": FULL_EPOCHS, "batch_size": 20, "learning_rate": 1e-3, "training": training}
    epochs = FAST_EPOCHS if scale == "fast" else PART_EPOCHS
    own = Training(averaging=0.999)
    return {"max_epochs": epochs, "batch_size": 128, "learning_rate": 1e-3, "training": own}


def _scored(vae: VAE, rows: np.ndarray, scale: str) -> Figures:
    """Return the bound on −log p(x) of the test rows and the active units."""
    scored, draws = (rows[:: len(rows) // PART_ROWS], PART_DRAWS) if scale == "part" else (rows, DRAWS)
    nll = -float(np.mean(vae.score_samples(scored, n_draws=draws)))
    return {"nll": nll, "active": active_units(vae.transform(rows))}


def _fixed(make: Callable[..., VAE]) -> Callable[[Attempt], Figures]:
    def attempt(run: Attempt) -> Figures:
        data = load("mnist-binarized")
        vae = run.fit(make(likelihood="bernoulli", **_schedule(run.scale)), data.train)
        return _scored(vae, data.test, run.scale)

    return attempt


def _random(make: Callable[..., VAE]) -> Callable[[Attempt], Figures]:
    def attempt(run: Attempt) -> Figures:
        data = load("mnist")
        grey = np.random.default_rng(0).random(data.test.shape) < data.test / 255
        test = (255 * grey).astype(np.uint8)  # drawn once, the same for every model
        given = {"likelihood": "bernoulli", "corruption": Binarised(white=255.0)} | _schedule(run.scale)
        return _scored(run.fit(make(**given), data.train), test, run.scale)

    return attempt


def _one_layer(draws: int) -> Callable[..., VAE]:
    network = FromMean(MLP((200, 200), activation="tanh"))
    return lambda **given: recipes.iwae(draws, latent_dim=50, network=network, **given)


def _two_layers(draws: int) -> Callable[..., VAE]:
    network = FirstLayer(FromMean(MLP((200, 200), activation="tanh")), 100)
    return lambda **given: recipes.two_layers(draws, 100, 100, latent_dim=150, network=network, **given)


def _burda(kind: Callable[[Callable[..., VAE]], Callable[[Attempt], Figures]], table: dict[str, Any]) -> list[Line]:
    models = {
        "one layer, k = 1": _one_layer(1),
        "one layer, k = 5": _one_layer(5),
        "one layer, k = 50": _one_layer(50),
        "two layers, k = 1": _two_layers(1),
        "two layers, k = 5": _two_layers(5),
        "two layers, k = 50": _two_layers(50),
    }
    return [Line(label, table[label][0], kind(make), table[label][1]) for label, make in models.items()]


FIXED = Protocol(
    "mnist-fixed",
    "Importance-weighted autoencoders, MNIST in its fixed binarisation",
    BURDA,
    "784-200-200-50 and back, tanh, output biases from the training mean; with two layers 100 + 50 units, 100-100 "
    "between them. 60,000 training and 10,000 test rows. −L₅₀₀₀ is the bound on −log p(x) by 5,000 draws, in nats; a "
    "unit is active if the variance of its mean over the test rows exceeds 0.01.",
    MEASURES,
    _burda(
        _fixed,
        {
            "one layer, k = 1": ({"nll": 88.71}, f"89.78 with 784-400-40, 500 epochs: {PYTHAE}"),
            "one layer, k = 5": ({"nll": 87.63}, ""),
            "one layer, k = 50": ({"nll": 87.10}, "86.82: pythae"),
            "two layers, k = 1": ({"nll": 88.08}, ""),
            "two layers, k = 5": ({"nll": 86.17}, ""),
            "two layers, k = 50": ({"nll": 85.32}, ""),
        },
    ),
    SETTINGS,
)

RANDOM = Protocol(
    "mnist-random",
    "Importance-weighted autoencoders, MNIST binarised at every presentation",
    BURDA,
    "As above; training rows are binarised anew whenever they are presented, the test rows once. Of two layers, the "
    "paper's active units are those of both.",
    MEASURES,
    _burda(
        _random,
        {
            "one layer, k = 1": ({"nll": 86.76, "active": 19}, ""),
            "one layer, k = 5": ({"nll": 85.54, "active": 22}, ""),
            "one layer, k = 50": ({"nll": 84.78, "active": 25}, ""),
            "two layers, k = 1": ({"nll": 85.33, "active": 21}, ""),
            "two layers, k = 5": ({"nll": 83.89, "active": 26}, ""),
            "two layers, k = 50": ({"nll": 82.90, "active": 33}, ""),
        },
    ),
    SETTINGS,
)


def _prior(make: Callable[..., VAE]) -> Callable[[Attempt], Figures]:
    return _random(lambda **given: make(latent_dim=40, network=MLP((300, 300), activation="tanh"), **given))


PRIORS = Protocol(
    "mnist-priors",
    "Priors, MNIST binarised at every presentation",
    EXEMPLAR,
    "d = 40, two hidden layers of 300. The flow's published gain, 82.95 → 79.84 on the fixed binarisation, is that of "
    "a residual network (<https://arxiv.org/abs/1905.13452>).",
    MEASURES,
    (
        Line("standard normal", {"nll": 84.45}, _prior(VAE)),
        Line("VampPrior, K = 500", {"nll": 82.43}, _prior(recipes.vamp_prior)),
        Line("flow", {}, _prior(recipes.flow_prior)),
    ),
    {scale: SETTINGS[scale] for scale in ("fast", "part")},
)
