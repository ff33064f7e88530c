"""Convolutional networks for series, pictures and volumes of any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ..errors import CompositionError, UnknownNameError
from ..layout import LAYOUTS, Layout, layout_of
from .base import Conditioned, Network, activation, widths

if TYPE_CHECKING:
    from .unet import UNet

__all__ = [
    "CONVOLUTIONS",
    "SMALLEST_MAP",
    "TRANSPOSED",
    "Conv",
    "MovedAxis",
    "channels_in_place",
    "channels_to_front",
    "convolutional_layout",
]

SMALLEST_MAP = 4
"""A stage halves maps that are at least this long along every axis."""

CONVOLUTIONS: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Callable[..., nn.Module]] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}

_NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "batch": lambda channels, axes: _BATCH_NORMS[axes](channels),
    "group": lambda channels, axes: nn.GroupNorm(math.gcd(channels, 8), channels),
}


class MovedAxis(nn.Module):
    """x with one axis moved to another place, as `torch.movedim`: channels that come last go first, and back."""

    def __init__(self, source: int, destination: int) -> None:
        super().__init__()
        self.source, self.destination = source, destination

    def forward(self, x: Tensor) -> Tensor:
        """Move the axis of x (N, ...)."""
        return x.movedim(self.source, self.destination)

    def extra_repr(self) -> str:
        """Return where from and where to."""
        return f"{self.source}, {self.destination}"


class Conv(Network):
    r"""Strided convolutions down to a small map, one linear layer to the code, and the mirror image back.

    Every stage halves the map with kernels of 4 at stride 2 (Alec Radford, Luke Metz and Soumith Chintala,
    "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks", 2016,
    https://arxiv.org/abs/1511.06434), as long as it is at least 4 long; odd sizes come back exactly. Convolutions run
    along the one axis of a series, the two of a picture or the three of a volume.

    Parameters
    ----------
    channels : channels after each stage; stages that a sample is too small for are left out.
    activation : f of the hidden layers, by name.
    code_activation : f of the encoder's last layer.
    norm : None, ``"batch"`` or ``"group"``, applied before each hidden activation.
    layout : the axes of one sample, a letter each: ``"L"``, ``"CL"`` or ``"LC"`` for a series of that length, with its
        channels first or last, ``"HW"``, ``"CHW"``, ``"HWC"`` for pictures, ``"DHW"``, ``"CDHW"``, ``"DHWC"`` for
        volumes. ``"auto"`` reads it from the shape: see `isthmus.layout.layout_of`. Channels may come last: they are
        moved inside, and x̂ has the axes of x.

    >>> Conv((8, 16)).encoder((2, 64), 3)  # a series of 64 steps with two channels
    Sequential(
      (0): Conv1d(2, 8, kernel_size=(4,), stride=(2,), padding=(1,))
      (1): ReLU()
      (2): Conv1d(8, 16, kernel_size=(4,), stride=(2,), padding=(1,))
      (3): ReLU()
      (4): Flatten(start_dim=1, end_dim=-1)
      (5): Linear(in_features=256, out_features=3, bias=True)
    )
    """

    channels: int | Sequence[int] = (32, 64)
    activation: str = "relu"
    code_activation: str = "identity"
    norm: str | None = None
    layout: str = "auto"

    def check(self) -> None:
        self.require(len(widths(self.channels)) > 0, "channels must name at least one stage")
        for width in widths(self.channels):
            self.require_count("channels", width)
        activation(self.activation)
        activation(self.code_activation)
        if self.norm is not None and self.norm not in _NORMS:
            raise UnknownNameError("norm", self.norm, _NORMS)
        if self.layout not in ("auto", *LAYOUTS):
            raise UnknownNameError("layout", self.layout, ("auto", *LAYOUTS))

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs)."""
        layout = convolutional_layout(self, shape)
        maps = self._maps(shape, layout)
        axes = len(maps[0]) - 1
        layers = channels_to_front(layout, shape)
        for (n_in, *_), (n_out, *_) in pairwise(maps):
            layers += [
                CONVOLUTIONS[axes](n_in, n_out, 4, stride=2, padding=1),
                *self._norm(n_out, axes),
                activation(self.activation),
            ]
        features = [*layers, nn.Flatten()]
        head: list[nn.Module] = [nn.Linear(math.prod(maps[-1]) + condition, outputs)]
        if self.code_activation != "identity":
            head.append(activation(self.code_activation))
        if condition:
            return Conditioned(nn.Sequential(*features), nn.Sequential(*head))
        return nn.Sequential(*features, *head)

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape)."""
        layout = convolutional_layout(self, shape)
        maps = self._maps(shape, layout)[::-1]
        axes = len(maps[0]) - 1
        layers: list[nn.Module] = [nn.Linear(inputs + condition, math.prod(maps[0])), nn.Unflatten(1, maps[0])]
        for (n_in, *size), (n_out, *size_next) in pairwise(maps):
            last = (n_out, *size_next) == maps[-1]
            layers += [*([] if len(layers) > 2 else self._norm(n_in, axes)), activation(self.activation)]
            channels = n_out * outputs if last else n_out
            odd = tuple(full - 2 * half for full, half in zip(size_next, size, strict=True))
            layers.append(TRANSPOSED[axes](n_in, channels, 4, stride=2, padding=1, output_padding=odd))
            if not last:
                layers += self._norm(n_out, axes)
        decoder = nn.Sequential(*layers, *channels_in_place(layout, shape, outputs))
        return Conditioned(nn.Identity(), decoder) if condition else decoder

    def _norm(self, channels: int, axes: int) -> list[nn.Module]:
        return [] if self.norm is None else [_NORMS[self.norm](channels, axes)]

    def _maps(self, shape: tuple[int, ...], layout: Layout) -> list[tuple[int, ...]]:
        """Return the (C, *size) of the sample and of the map after each stage that fits."""
        maps = [layout.channels_first(shape)]
        for channels in widths(self.channels):
            size = maps[-1][1:]
            if min(size) < SMALLEST_MAP:
                break
            maps.append((channels, *(n // 2 for n in size)))
        if len(maps) == 1:
            least = "×".join([str(SMALLEST_MAP)] * (len(maps[0]) - 1))
            found = "×".join(str(n) for n in maps[0][1:])
            raise CompositionError(f"Conv: a {layout.kind} must be at least {least}, got {found}; use MLP")
        return maps


def channels_to_front(layout: Layout, shape: tuple[int, ...]) -> list[nn.Module]:
    """Return the modules that map samples (N, *shape) to (N, C, *size)."""
    if layout.channel_axis is None:
        return [nn.Unflatten(1, (1, shape[0]))]
    return [MovedAxis(-1, 1)] if layout.channel_axis else []


def channels_in_place(layout: Layout, shape: tuple[int, ...], outputs: int) -> list[nn.Module]:
    """Return the modules that map (N, outputs · C, *size) to samples (N, outputs, *shape)."""
    back = [MovedAxis(2, -1)] if layout.channel_axis else []
    channels = layout.channels_first(shape)[0]
    return [nn.Unflatten(1, (outputs, channels)), *back, nn.Flatten(1), nn.Unflatten(1, (outputs, *shape))]


def convolutional_layout(network: Conv | UNet, shape: tuple[int, ...]) -> Layout:
    """Return the layout that a network with an argument `layout` gives samples of a shape.

    Raises
    ------
    CompositionError : its letters are not as many as the axes, or convolutions have no axis to run along.
    """
    layout = layout_of(shape) if network.layout == "auto" else Layout(network.layout)
    if layout.kind == "row" and len(shape) == 1:
        layout = Layout("L")
    if layout.kind == "row" or len(layout.letters) != len(shape):
        raise CompositionError(
            f"{type(network).__name__}: layout={network.layout!r} does not suit samples of shape {shape}: a letter an "
            f"axis, of {', '.join(LAYOUTS)}; or use MLP"
        )
    return layout
