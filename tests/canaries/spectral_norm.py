"""Spectral normalisation: every layer of D is divided by its largest singular value.

Takeru Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018,
https://arxiv.org/abs/1802.05957.
"""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from isthmus import GAN
from isthmus.networks import MLP, Network


class SpectralNorm(Network):
    """Another network, each of its layers of spectral norm one."""

    of: Network = MLP((128, 128), activation="leaky_relu")

    def encoder(self, shape, outputs, condition=0):
        network = self.of.encoder(shape, outputs, condition)
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                spectral_norm(layer)
        return network

    def decoder(self, inputs, shape, outputs, condition=0):
        return self.of.decoder(inputs, shape, outputs, condition)


def make(**arguments):
    return GAN(8, discriminator=SpectralNorm(), value="hinge", **arguments)
