"""Networks f, g, G, D: blueprints that build plain modules once the data's shape is known."""

from .base import ACTIVATIONS, Conditioned, Custom, Factories, Network
from .conv import Conv
from .from_mean import FromMean
from .mlp import MLP
from .residual import Residual
from .spectral import SpectralNorm
from .tied import Tied
from .unet import UNet

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Conditioned",
    "Conv",
    "Custom",
    "Factories",
    "FromMean",
    "Network",
    "Residual",
    "SpectralNorm",
    "Tied",
    "UNet",
]
