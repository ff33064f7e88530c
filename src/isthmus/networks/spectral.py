"""Spectral normalisation of another network's layers."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from .base import Network
from .mlp import MLP

__all__ = ["SpectralNorm"]


class SpectralNorm(Network):
    r"""Another network as a discriminator, each weight divided by its largest singular value: W/σ(W).

    Layers with slopes of at most one then make D 1-Lipschitz. σ(W) is estimated by one step of the power method at
    every pass in training.

    Takeru Miyato, Toshiki Kataoka, Masanori Koyama and Yuichi Yoshida, "Spectral Normalization for Generative
    Adversarial Networks", 2018, https://arxiv.org/abs/1802.05957, equation 8 and algorithm 1.

    Parameters
    ----------
    of : the other network; its decoder is left as it is.
    """

    of: Network = MLP((128, 128), activation="leaky_relu")

    def check(self) -> None:
        self.require_part("of", self.of, Network)

    def code_width(self, shape: tuple[int, ...]) -> int | None:
        """Return that of the other network."""
        return self.of.code_width(shape)

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs)."""
        network = self.of.encoder(shape, outputs, *([condition] if condition else []))
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
                spectral_norm(layer)
        return network

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape), without normalisation."""
        return self.of.decoder(inputs, shape, outputs, *([condition] if condition else []))
