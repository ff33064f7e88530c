"""Networks f, g, G, D: blueprints that build plain modules once the data's shape is known."""

from .base import ACTIVATIONS, Custom, Network
from .conv import Conv
from .mlp import MLP
from .tied import Tied

__all__ = ["ACTIVATIONS", "MLP", "Conv", "Custom", "Network", "Tied"]
