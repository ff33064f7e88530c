"""Convolutional networks for images of any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from ..errors import CompositionError, UnknownNameError
from .base import Conditioned, Network, activation, widths

__all__ = ["Conv"]

_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(math.gcd(channels, 8), channels),
}


class Conv(Network):
    r"""Strided convolutions down to a small map, one linear layer to the code, and the mirror image back.

    Every stage halves the map with a 4×4 kernel at stride 2 (Radford et al. 2016, DCGAN), as long as it is at least
    4 wide; odd sizes come back exactly. For samples of shape (H, W) or (C, H, W).

    Parameters
    ----------
    channels : channels after each stage; stages that the image is too small for are left out.
    activation : f of the hidden layers, by name.
    code_activation : f of the encoder's last layer.
    norm : None, ``"batch"`` or ``"group"``, applied before each hidden activation.
    """

    channels: int | Sequence[int] = (32, 64)
    activation: str = "relu"
    code_activation: str = "identity"
    norm: str | None = None

    def check(self) -> None:
        self.require(len(widths(self.channels)) > 0, "channels must name at least one stage")
        for width in widths(self.channels):
            self.require_count("channels", width)
        activation(self.activation)
        activation(self.code_activation)
        if self.norm is not None and self.norm not in _NORMS:
            raise UnknownNameError("norm", self.norm, _NORMS)

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs)."""
        maps = self._maps(shape)
        layers: list[nn.Module] = []
        for (n_in, _, _), (n_out, _, _) in pairwise(maps):
            layers += [
                nn.Conv2d(n_in, n_out, 4, stride=2, padding=1),
                *self._norm(n_out),
                activation(self.activation),
            ]
        channel = [nn.Unflatten(1, (1, shape[0]))] if len(shape) == 2 else []
        features = [*channel, *layers, nn.Flatten()]
        head: list[nn.Module] = [nn.Linear(math.prod(maps[-1]) + condition, outputs)]
        if self.code_activation != "identity":
            head.append(activation(self.code_activation))
        if condition:
            return Conditioned(nn.Sequential(*features), nn.Sequential(*head))
        return nn.Sequential(*features, *head)

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape)."""
        maps = self._maps(shape)[::-1]
        layers: list[nn.Module] = [nn.Linear(inputs + condition, math.prod(maps[0])), nn.Unflatten(1, maps[0])]
        for (n_in, h, w), (n_out, h_next, w_next) in pairwise(maps):
            last = (n_out, h_next, w_next) == maps[-1]
            layers += [*([] if len(layers) > 2 else self._norm(n_in)), activation(self.activation)]
            channels = n_out * outputs if last else n_out
            odd = (h_next - 2 * h, w_next - 2 * w)
            layers.append(nn.ConvTranspose2d(n_in, channels, 4, stride=2, padding=1, output_padding=odd))
            if not last:
                layers += self._norm(n_out)
        decoder = nn.Sequential(
            *layers,
            nn.Unflatten(1, (outputs, maps[-1][0])),
            nn.Flatten(1),
            nn.Unflatten(1, (outputs, *shape)),
        )
        return Conditioned(nn.Identity(), decoder) if condition else decoder

    def _norm(self, channels: int) -> list[nn.Module]:
        return [] if self.norm is None else [_NORMS[self.norm](channels)]

    def _maps(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """Return the (C, H, W) of the image and of the map after each stage that fits."""
        if len(shape) not in (2, 3):
            raise CompositionError(f"Conv: needs images (H, W) or (C, H, W), got samples of shape {shape}; use MLP")
        c, h, w = (1, *shape) if len(shape) == 2 else shape
        maps = [(c, h, w)]
        for channels in widths(self.channels):
            if min(h, w) < 4:
                break
            h, w = h // 2, w // 2
            maps.append((channels, h, w))
        if len(maps) == 1:
            raise CompositionError(f"Conv: images must be at least 4×4, got {h}×{w}; use MLP")
        return maps
