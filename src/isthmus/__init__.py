"""isthmus: unsupervised and generative learning for arrays, images and tables, behind scikit-learn's interface.

>>> from isthmus import VAE
>>> VAE(latent_dim=16)
VAE(latent_dim=16)
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .verbs import offer
from .version import VERSION

if TYPE_CHECKING:
    import torch

    from .completing import Imputer
    from .detection import Detector
    from .estimators import (
        GAN,
        VAE,
        AdversarialAutoencoder,
        Autoencoder,
        ContractiveAutoencoder,
        DenoisingAutoencoder,
        Estimator,
        MaskedAutoencoder,
    )
    from .spooling import spool
    from .training import Training

__version__ = VERSION

__all__ = [
    "GAN",
    "VAE",
    "AdversarialAutoencoder",
    "Autoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "Detector",
    "Estimator",
    "Imputer",
    "MaskedAutoencoder",
    "Training",
    "load",
    "spool",
]


def load(path: str | Path, *, device: str | torch.device = "auto", **own: Any) -> Any:
    """Read a model's folder, of whatever class, or a detector's; see `Estimator.load`."""
    kept_by = "detection.keeping" if (Path(path) / "detector.json").is_file() else "persistence"
    return _lazily(kept_by, "load")(Path(path), device=device, own=own)


def _lazily(module: str, name: str) -> Callable[..., Any]:
    """Return a function that is imported when it is first called."""

    def call(*arguments: Any, **named: Any) -> Any:
        for systems in (".recipes", ".supervised"):  # these register every system
            import_module(systems, __name__)
        with import_module(".device", __name__).plain_modes():
            return getattr(import_module(f".{module}", __name__), name)(*arguments, **named)

    return call


PLOTS = ("learning_curves", "reconstructions", "latent_map", "scores", "samples", "traversal", "filters")
"""The pictures that `isthmus.report.plots` draws of a fitted model."""

offer(
    save=_lazily("persistence", "save"),
    load=_lazily("persistence", "load"),
    save_detector=_lazily("detection.keeping", "save"),
    load_detector=_lazily("detection.keeping", "load"),
    report=_lazily("report", "report"),
    history_html=_lazily("report.page", "history_html"),
    **{f"plot_{name}": _lazily("report.plots", name) for name in PLOTS},
)
"""What the estimators' verbs stand for: this module alone knows the estimators and what is built on them."""


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that ``isthmus --help`` answers at once."""
    if name == "spool":
        return import_module(".spooling", __name__).spool
    if name == "Training":
        return import_module(".training", __name__).Training
    if name == "Imputer":
        return import_module(".completing", __name__).Imputer
    if name == "Detector":
        return import_module(".detection", __name__).Detector
    if name in __all__:
        return getattr(import_module(".estimators", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
