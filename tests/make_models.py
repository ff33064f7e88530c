"""Write the folders below data/models that later versions must read: ``python tests/make_models.py`` at a release."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import isthmus
from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    Training,
)
from isthmus.corruption import Residuals
from isthmus.networks import MLP, Conv

ROOT = Path(__file__).parent / "data" / "models" / isthmus.__version__


def models() -> dict[str, tuple[isthmus.Estimator, np.ndarray]]:
    """Return small unfitted estimators of every class, and what each is fitted to."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(24, 5)) * [1, 10, 100, 1, 1] + [0, 5, -7, 0, 0]
    grey = rng.integers(0, 256, size=(24, 8, 8), dtype=np.uint8)
    small = {"max_epochs": 2, "random_state": 0, "network": MLP((6,))}
    return {
        "Autoencoder": (Autoencoder(2, **small), rows),
        "DenoisingAutoencoder": (DenoisingAutoencoder(2, corruption=Residuals(rows[:3] / 9), **small), rows),
        "ContractiveAutoencoder": (ContractiveAutoencoder(2, **small), rows),
        "VAE": (VAE(2, prior="vampprior:3", **small), rows),
        "VAE of images": (VAE(2, **small | {"network": Conv((4,), norm="batch")}), grey),
        "GAN": (GAN(2, training=Training(averaging=0.9), **small | {"discriminator": MLP((6,))}), rows),
        "AdversarialAutoencoder": (AdversarialAutoencoder(2, **small | {"discriminator": MLP((6,))}), rows),
    }


def outputs(model: isthmus.Estimator, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a fitted model makes of rows."""
    calls = {"transform": X, "reconstruct": X, "score_samples": X, "discriminate": X}
    found = {name: getattr(model, name)(given) for name, given in calls.items() if hasattr(model, name)}
    return found | ({"generate": model.generate(np.eye(2))} if hasattr(model, "generate") else {})


if __name__ == "__main__":
    for name, (model, X) in models().items():
        folder = ROOT / name.replace(" ", "-")
        model.fit(X).save(folder)
        np.savez(ROOT / f"{folder.name}.npz", X=X, **outputs(model, X))
