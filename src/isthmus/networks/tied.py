"""Tied weights: a decoder whose weights are the encoder's own, transposed."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose1d, conv_transpose2d, conv_transpose3d, linear

from ..errors import CompositionError
from .conv import MovedAxis

__all__ = ["Tied"]

_ADJOINTS = {nn.Conv1d: conv_transpose1d, nn.Conv2d: conv_transpose2d, nn.Conv3d: conv_transpose3d}
_Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d


class Tied(nn.Module):
    r"""x̂ = g(Wₓᵀh + bₕ), layer by layer from the code back to the data: Wₕ ≐ Wₓᵀ at every depth.

    The weights are the encoder's own parameters, not copies; only the biases belong to the decoder. A linear layer is
    transposed by ``linear(h, W.T)``, a convolution by its exact adjoint, ``conv_transpose2d(h, W)`` for pictures.

    Parameters
    ----------
    encoder : a sequence of linear, convolution, reshaping and elementwise layers.
    shape : the shape of one sample.

    Raises
    ------
    CompositionError : the encoder is not such a sequence, or has a normalisation layer, dilation or groups.

    References
    ----------
    Pascal Vincent et al., "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a
        Local Denoising Criterion", 2010, https://jmlr.org/papers/v11/vincent10a.html.
    """

    def __init__(self, encoder: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        if not isinstance(encoder, nn.Sequential):
            raise CompositionError("tied weights need an encoder that is a plain sequence of layers: MLP or Conv")
        self.shape = shape
        steps: list[tuple[nn.Module, tuple[int, ...]]] = []
        first = next(encoder.parameters())
        x = torch.zeros(2, *shape, device=first.device, dtype=first.dtype)
        for layer in encoder:
            steps.append((layer, tuple(x.shape[1:])))
            with torch.no_grad():
                x = layer(x)
        weighted = [layer for layer, _ in steps if isinstance(layer, nn.Linear | _Convolution)]
        between = [layer for layer in encoder if _elementwise(layer)]
        self.activation = between[0] if len(weighted) > 1 and between else nn.Identity()
        # A tuple, so that torch does not register the encoder's layers here again under a second name.
        self._steps = tuple(reversed(steps))
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(_width(layer))) for layer in reversed(weighted))

    def forward(self, h: Tensor) -> Tensor:
        """Map codes (N, d) to (N, *shape)."""
        biases = iter(self.biases)
        remaining = len(self.biases)
        for layer, shape in self._steps:
            if isinstance(layer, nn.Linear):
                h = linear(h, layer.weight.T, next(biases))
            elif isinstance(layer, _Convolution):
                h = _adjoint(layer, h, next(biases), shape)
            elif isinstance(layer, MovedAxis):
                h = h.movedim(layer.destination, layer.source)
                continue
            else:
                h = h if _elementwise(layer) else h.reshape(len(h), *shape)
                continue
            remaining -= 1
            if remaining:
                h = self.activation(h)
        return h


def _width(layer: nn.Module) -> int:
    match layer:
        case nn.Linear():
            return layer.in_features
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            return layer.in_channels
    raise TypeError(type(layer).__name__)


def _elementwise(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Flatten | nn.Unflatten | MovedAxis | nn.Linear | _Convolution):
        return False
    if any(True for _ in layer.parameters()) or any(True for _ in layer.buffers()):
        raise CompositionError(f"tied weights cannot mirror a {type(layer).__name__}: leave the norm out")
    return True


def _adjoint(layer: _Convolution, h: Tensor, bias: Tensor, shape: tuple[int, ...]) -> Tensor:
    stride, padding, kernel = layer.stride[0], int(layer.padding[0]), layer.kernel_size[0]
    size = [(n - 1) * stride - 2 * padding + kernel for n in h.shape[2:]]
    odd = [full - n for full, n in zip(shape[1:], size, strict=True)]
    if math.prod(layer.dilation) != 1 or layer.groups != 1:
        raise CompositionError("tied weights need convolutions without dilation or groups")
    adjoint = _ADJOINTS[type(layer)]
    return adjoint(h, layer.weight, bias, stride=stride, padding=padding, output_padding=odd)
