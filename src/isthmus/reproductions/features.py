"""Features that classify: contractive and denoising autoencoders after supervised fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..corruption import Gaussian, Masking
from ..datasets import load
from ..estimators import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Reconstructs
from ..networks import MLP
from ..penalty import Contractive
from ..supervised import FineTuned, Pretrained
from ..training import Adam, Training
from .protocol import Attempt, Figures, Line, Measure, Protocol

__all__ = ["RIFAI"]

UNITS = 1_000
JACOBIAN_ROWS = 1_000
"""Test rows that the norm of the Jacobian is averaged over."""


class Budget(NamedTuple):
    """Training rows, and epochs of both fits."""

    rows: int
    epochs: int
    tuning: int


BUDGETS = {"full": Budget(60_000, 300, 100), "fast": Budget(60_000, 30, 20), "part": Budget(6_000, 30, 20)}


def _attempt(make: Callable[..., Reconstructs]) -> Callable[[Attempt], Figures]:
    def attempt(run: Attempt) -> Figures:
        data, budget = load("mnist"), BUDGETS[run.scale]
        assert data.train_labels is not None
        assert data.test_labels is not None
        rows = np.random.default_rng(run.seed).permutation(len(data.train))[: budget.rows]
        X, X_test = ((a.reshape(len(a), -1) / 255).astype(np.float32) for a in (data.train[rows], data.test))
        common: dict[str, Any] = {
            "network": MLP((), code_activation="sigmoid"),
            "tied": True,
            "likelihood": "bernoulli",
            "batch_size": 100,
            "max_epochs": budget.epochs,
        }
        encoder = run.fit(make(latent_dim=UNITS, **common), X)
        norm = encoder.jacobian_norm(X_test[:: len(X_test) // JACOBIAN_ROWS])
        classifier = FineTuned(
            pretrained=Pretrained(encoder), max_epochs=budget.tuning, batch_size=100, learning_rate=1e-3
        )
        tuned = run.fit(classifier, X, data.train_labels[rows])
        error = 100 * (1 - tuned.score(X_test, data.test_labels))
        return {"error": error, "jacobian": float(norm.mean())}

    return attempt


def _decayed(**given: Any) -> Autoencoder:
    return Autoencoder(training=Training(optimizer=Adam(beta2=0.95, weight_decay=0.1)), **given)


def _contractive(**given: Any) -> ContractiveAutoencoder:
    return ContractiveAutoencoder(penalty=Contractive(0.1), **given)


def _gaussian(**given: Any) -> DenoisingAutoencoder:
    return DenoisingAutoencoder(corruption=Gaussian(0.3), **given)


def _masking(**given: Any) -> DenoisingAutoencoder:
    return DenoisingAutoencoder(corruption=Masking(0.3), **given)


def _published(error: float, jacobian: float) -> Figures:
    return {"error": error, "jacobian": jacobian}


RIFAI = Protocol(
    "rifai",
    "Contractive and denoising autoencoders, MNIST after fine-tuning",
    'Salah Rifai, Pascal Vincent, Xavier Muller, Xavier Glorot and Yoshua Bengio, "Contractive Auto-Encoders: Explicit '
    'Invariance During Feature Extraction", 2011, <https://icml.cc/2011/papers/455_icmlpaper.pdf>, table 1.',
    "One layer of 1,000 sigmoid units, tied weights, cross-entropy; then a softmax on the code, all weights "
    "fine-tuned. Test error in percent, and the mean of ‖∇ₓh‖_F before fine-tuning. The paper's norms are in units of "
    "10⁻⁴ and of a scale that it does not state, so that their order is what compares.",
    (Measure("error", "error %"), Measure("jacobian", "‖J‖_F")),
    (
        Line("contractive", _published(1.14, 0.73), _attempt(_contractive)),
        Line("denoising, Gaussian", _published(1.18, 0.86), _attempt(_gaussian)),
        Line("denoising, masking", _published(1.57, 7.87), _attempt(_masking)),
        Line("autoencoder, weight decay", _published(1.68, 5.00), _attempt(_decayed)),
        Line("autoencoder", _published(1.78, 17.5), _attempt(Autoencoder)),
        Line("restricted Boltzmann machine", _published(1.30, 2.50)),
    ),
    {
        "part": "6,000 of the 60,000 training rows, 30 epochs and 20 of fine-tuning at batch 100",
        "fast": "all training rows, 30 epochs and 20 of fine-tuning at batch 100",
        "full": "all training rows, 300 epochs and 100 of fine-tuning at batch 100; the paper does not state its own",
    },
)
