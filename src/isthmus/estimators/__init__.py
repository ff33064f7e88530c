"""The estimators: compositions of parts behind scikit-learn's interface."""

from .adversarial import AdversarialAutoencoder
from .autoencoder import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder
from .base import Estimator
from .gan import GAN
from .vae import VAE

__all__ = [
    "GAN",
    "VAE",
    "AdversarialAutoencoder",
    "Autoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "Estimator",
]
