"""Denoising at a level of noise that the network is told: the level is drawn for every row in training.

Yang Song and Stefano Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution", 2019,
https://arxiv.org/abs/1907.05600.
"""

from isthmus import DenoisingAutoencoder
from isthmus.corruption import Corruption


class DrawnLevel(Corruption):
    """x̃ = x + σε with σ ~ U(0, most), of which the networks are told σ."""

    condition_width = 1
    most: float = 0.5

    def __call__(self, x, source):
        level = self.most * source.uniform((len(x), 1), x)
        return {"noisy": x + level.reshape(-1, *[1] * (x.ndim - 1)) * source.normal(x.shape, x), "condition": level}


def make(**arguments):
    return DenoisingAutoencoder(16, corruption=DrawnLevel(), **arguments)
