"""What every network blueprint offers, and the one that takes a user's own modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from torch import nn

from ..errors import CompositionError, UnknownNameError
from ..parts import Part

__all__ = ["ACTIVATIONS", "Custom", "Network", "activation", "widths"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}
"""Elementwise f and g by name; a leaky unit leaks 0.2, as in DCGAN (Radford et al. 2016)."""


def activation(name: str) -> nn.Module:
    """Make the activation of that name."""
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()


def widths(given: int | Sequence[int]) -> tuple[int, ...]:
    """Return the widths of a stack of layers; one number is one layer."""
    return tuple(given) if isinstance(given, list | tuple) else (cast(int, given),)


class Network(Part, kind="network"):
    """Base of network blueprints: one builds encoders and discriminators, and decoders and generators."""

    def encoder(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Build a module (N, *shape) → (N, outputs): an encoder, or with one output a discriminator."""
        raise NotImplementedError

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Build a module (N, inputs) → (N, outputs, *shape), up to a reshape: a decoder or a generator."""
        raise NotImplementedError


class Custom(Network):
    """A user's own modules, from factories, so that every fit starts from new weights.

    Parameters
    ----------
    make_encoder : ``make_encoder(shape, outputs) -> nn.Module`` mapping (N, *shape) to (N, outputs). What it maps is
        scaled and has mean zero over the training rows, unless ``scaling="none"``.
    make_decoder : ``make_decoder(inputs, shape, outputs) -> nn.Module`` mapping (N, inputs) to (N, outputs, *shape).

    >>> from torch import nn
    >>> import math
    >>> network = Custom(
    ...     lambda shape, outputs: nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), outputs)),
    ...     lambda inputs, shape, outputs: nn.Linear(inputs, outputs * math.prod(shape)),
    ... )
    >>> network.encoder((8, 8), 3)[1].weight.shape
    torch.Size([3, 64])
    """

    make_encoder: Any
    make_decoder: Any

    def encoder(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Call the user's factory."""
        return _made(self.make_encoder, "make_encoder", shape, outputs)

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Call the user's factory."""
        return _made(self.make_decoder, "make_decoder", inputs, shape, outputs)


def _made(factory: Any, name: str, *arguments: Any) -> nn.Module:
    if isinstance(factory, nn.Module) or not callable(factory):
        raise CompositionError(
            f"Custom: {name} must be a function that returns a new nn.Module, got {type(factory).__name__}; "
            "a module itself would carry what it has learnt from one fit to the next"
        )
    module = factory(*arguments)
    if not isinstance(module, nn.Module):
        raise CompositionError(f"Custom: {name} returned {type(module).__name__}, not an nn.Module")
    return module
