"""isthmus: unsupervised and generative learning for arrays, images and tables, behind scikit-learn's interface.

>>> from isthmus import VAE
>>> VAE(latent_dim=16)
VAE(latent_dim=16)
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .estimators import (
        GAN,
        VAE,
        AdversarialAutoencoder,
        Autoencoder,
        ContractiveAutoencoder,
        DenoisingAutoencoder,
        Estimator,
    )
    from .spooling import spool
    from .training import Training

__version__ = version("isthmus")

__all__ = [
    "GAN",
    "VAE",
    "AdversarialAutoencoder",
    "Autoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "Estimator",
    "Training",
    "load",
    "spool",
]


def load(path: str | Path, *, device: str = "auto", **own: Any) -> Estimator:
    """Read a model's folder, of whatever class; see `Estimator.load`."""
    from . import persistence

    return persistence.load(Path(path), device=device, own=own)


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that ``isthmus --help`` answers at once."""
    if name == "spool":
        return import_module(".spooling", __name__).spool
    if name == "Training":
        return import_module(".training", __name__).Training
    if name in __all__:
        return getattr(import_module(".estimators", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
