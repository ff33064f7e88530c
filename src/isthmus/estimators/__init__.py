"""The estimators: compositions of parts behind scikit-learn's interface."""

from .. import (
    aggregated,
    bounds,
    flows,
    hyperspherical,
    implicit,
    late_priors,
    poincare,
    quantised,
    redrawn,
    sparsity,
    stacked,
    stochastic_layers,
)
from .abilities import Encodes, Games, Reconstructs, Samples
from .adversarial import AdversarialAutoencoder
from .autoencoder import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Reconstructing
from .base import Estimator
from .gan import GAN
from .masked import MaskedAutoencoder
from .vae import VAE

__all__ = [
    "GAN",
    "VAE",
    "AdversarialAutoencoder",
    "Autoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "Encodes",
    "Estimator",
    "Games",
    "MaskedAutoencoder",
    "Reconstructing",
    "Reconstructs",
    "Samples",
]

PARTS = (
    aggregated,
    bounds,
    flows,
    hyperspherical,
    implicit,
    late_priors,
    poincare,
    quantised,
    redrawn,
    sparsity,
    stacked,
    stochastic_layers,
)
"""Modules of parts that no estimator uses of itself: imported here, so that these too are known by name."""
