"""U-shaped convolutional networks: a code that keeps every position of a series, a picture or a volume."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import CompositionError, UnknownNameError
from ..layout import LAYOUTS
from .base import Network, activation, widths
from .conv import (
    CONVOLUTIONS,
    SMALLEST_MAP,
    TRANSPOSED,
    channels_in_place,
    channels_to_front,
    convolutional_layout,
)

__all__ = ["UNet"]


class UNet(Network):
    r"""Convolutions at full resolution that also see what is far off, through maps halved again and again.

    At every resolution, what was there on the way down is put beside what comes back up: Olaf Ronneberger, Philipp
    Fischer and Thomas Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015,
    https://arxiv.org/abs/1505.04597. All of that is the encoder f; g is one convolution. The code is over-complete, a
    few numbers for each position, so that no detail has to pass a bottleneck: what a `DenoisingAutoencoder` wants, and
    what an autoencoder without noise or penalty would only copy with. As no weight belongs to a position, few and short
    samples teach it much.

    Parameters
    ----------
    channels : channels at full resolution, at a half, at a quarter, ...; maps under 4 along an axis are not halved.
    kernel : the width of the convolutions at each resolution, odd.
    activation : f of the hidden layers, by name.
    code_channels : numbers of code for each position, where ``latent_dim="auto"``.
    layout : the axes of one sample, as in `Conv`.

    >>> import numpy as np
    >>> from isthmus import DenoisingAutoencoder
    >>> rng = np.random.default_rng(0)
    >>> X = np.sin(np.arange(64) / 4 + rng.uniform(0, 6, (200, 1)))  # 200 series of 64 steps
    >>> dae = DenoisingAutoencoder(network=UNet((8, 8)), corruption="gaussian:0.3", max_epochs=9, random_state=0).fit(X)
    >>> noisy = X + 0.3 * rng.normal(size=X.shape)
    >>> bool(np.mean((dae.reconstruct(noisy) - X) ** 2) < 0.4 * np.mean((noisy - X) ** 2))
    True
    """

    channels: int | Sequence[int] = (16, 24, 32)
    kernel: int = 7
    activation: str = "relu"
    code_channels: int = 2
    layout: str = "auto"

    def check(self) -> None:
        self.require(len(widths(self.channels)) > 0, "channels must name at least one resolution")
        for width in widths(self.channels):
            self.require_count("channels", width)
        self.require_count("kernel", self.kernel)
        self.require(self.kernel % 2 == 1, f"kernel must be odd, got {self.kernel}")
        self.require_count("code_channels", self.code_channels)
        activation(self.activation)
        if self.layout not in ("auto", *LAYOUTS):
            raise UnknownNameError("layout", self.layout, ("auto", *LAYOUTS))

    def code_width(self, shape: tuple[int, ...]) -> int:
        """Return `code_channels` for each position."""
        return self.code_channels * math.prod(convolutional_layout(self, shape).channels_first(shape)[1:])

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs); outputs are a multiple of the positions."""
        layout = convolutional_layout(self, shape)
        n, *size = layout.channels_first(shape)
        if outputs % math.prod(size):
            raise CompositionError(
                f"UNet: the code has as many numbers at each of {math.prod(size)} positions, so its width must be a "
                f"multiple of that, got {outputs}; latent_dim='auto' is {self.code_width(shape)}"
            )
        first = widths(self.channels)[0]
        return _Map(
            nn.Sequential(*channels_to_front(layout, shape)),
            nn.Sequential(
                *self._convolution(n + condition, first, len(size)),
                self._level(widths(self.channels), tuple(size)),
                CONVOLUTIONS[len(size)](first, outputs // math.prod(size), 1),
                nn.Flatten(),
            ),
        )

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape); inputs are a multiple of the positions."""
        layout = convolutional_layout(self, shape)
        n, *size = layout.channels_first(shape)
        channels = inputs // math.prod(size)
        convolution = CONVOLUTIONS[len(size)]
        return _Map(
            nn.Unflatten(1, (channels, *size)),
            nn.Sequential(
                convolution(channels + condition, n * outputs, self.kernel, padding=self.kernel // 2),
                *channels_in_place(layout, shape, outputs),
            ),
        )

    def _convolution(self, n_in: int, n_out: int, axes: int) -> list[nn.Module]:
        convolution = CONVOLUTIONS[axes](n_in, n_out, self.kernel, padding=self.kernel // 2)
        return [convolution, activation(self.activation)]

    def _level(self, channels: tuple[int, ...], size: tuple[int, ...]) -> nn.Module:
        """Return the module (N, channels[0], *size) → the same shape that sees all resolutions from this one down."""
        here, *below = channels
        axes = len(size)
        if not below or min(size) < SMALLEST_MAP:
            return nn.Sequential(*self._convolution(here, here, axes))
        half = tuple(n // 2 for n in size)
        odd = tuple(n - 2 * m for n, m in zip(size, half, strict=True))
        under = nn.Sequential(
            CONVOLUTIONS[axes](here, below[0], 4, stride=2, padding=1),
            activation(self.activation),
            self._level(tuple(below), half),
            TRANSPOSED[axes](below[0], here, 4, stride=2, padding=1, output_padding=odd),
            activation(self.activation),
        )
        return nn.Sequential(_Beside(under), *self._convolution(2 * here, here, axes))


class _Beside(nn.Module):
    """[x, under(x)], along the channels."""

    def __init__(self, under: nn.Module) -> None:
        super().__init__()
        self.under = under

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.under(x)], 1)


class _Map(nn.Module):
    """Convolutions of a map and, at each of its positions, of a condition where there is one."""

    def __init__(self, arranged: nn.Module, convolutions: nn.Module) -> None:
        super().__init__()
        self.arranged, self.convolutions = arranged, convolutions

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        x = self.arranged(x)
        if condition is not None:
            c = condition.reshape(*condition.shape, *[1] * (x.ndim - 2)).expand(*condition.shape, *x.shape[2:])
            x = torch.cat([x, c], 1)
        out: Tensor = self.convolutions(x)
        return out
