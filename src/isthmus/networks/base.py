"""The base of network blueprints, and the blueprint that wraps a user's own modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ..errors import CompositionError, UnknownNameError
from ..parts import Part

__all__ = ["ACTIVATIONS", "Conditioned", "Custom", "Factories", "Network", "activation", "widths"]

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
"""Elementwise activations by name; the slope of ``leaky_relu`` below zero is 0.2, as in Alec Radford, Luke Metz and
Soumith Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks", 2016,
https://arxiv.org/abs/1511.06434."""


def activation(name: str) -> nn.Module:
    """Make the activation of that name."""
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()


def widths(given: int | Sequence[int]) -> tuple[int, ...]:
    """Return the widths of a stack of layers; one number is one layer."""
    return tuple(given) if isinstance(given, list | tuple) else (cast(int, given),)


Factories = tuple[Callable[..., nn.Module], Callable[..., nn.Module]]
"""A pair ``(make_encoder, make_decoder)``; see `Custom`."""


class Network(Part, kind="network"):
    """Base of network blueprints, which build encoders, decoders, generators and discriminators.

    If `condition` is not 0, the module is called with the condition (N, condition) as a second argument. A blueprint
    whose methods lack the argument `condition` works in every model without a condition.
    """

    def code_width(self, shape: tuple[int, ...]) -> int | None:
        """Return the width that ``latent_dim="auto"`` is for samples of a shape, or None where any will do."""
        return None

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build a module (N, *shape) → (N, outputs): an encoder, or a discriminator if there is one output."""
        raise NotImplementedError

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build a module (N, inputs) → (N, outputs, *shape), up to a reshape: a decoder or a generator."""
        raise NotImplementedError


class Conditioned(nn.Module):
    """A network of x and a condition c: head([features(x), c]).

    Parameters
    ----------
    features : x ↦ (N, k).
    head : (N, k + c) ↦ the outputs.
    """

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, head

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map x (N, ...) and the condition (N, c) to the outputs."""
        out: Tensor = self.head(torch.cat([self.features(x), condition], 1))
        return out


class Custom(Network):
    """A user's own modules, made by factories, so that every fit starts from new weights.

    Parameters
    ----------
    make_encoder : ``make_encoder(shape, outputs) -> nn.Module`` mapping (N, *shape) to (N, outputs). Its inputs are
        scaled and have mean zero over the training rows, unless ``scaling="none"``.
    make_decoder : ``make_decoder(inputs, shape, outputs) -> nn.Module`` mapping (N, inputs) to (N, outputs, *shape).

    In a model with a condition, both factories get its width c as one more argument, and their modules are called with
    x (or z) and the condition (N, c).

    Raises
    ------
    CompositionError : a factory is not a function, or does not return an ``nn.Module``.

    >>> from torch import nn
    >>> import math
    >>> network = Custom(
    ...     lambda shape, outputs: nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), outputs)),
    ...     lambda inputs, shape, outputs: nn.Linear(inputs, outputs * math.prod(shape)),
    ... )
    >>> network.encoder((8, 8), 3)[1].weight.shape
    torch.Size([3, 64])
    """

    make_encoder: Callable[..., nn.Module]
    make_decoder: Callable[..., nn.Module]

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Call the user's factory."""
        return _made(self.make_encoder, "make_encoder", shape, outputs, *([condition] if condition else []))

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Call the user's factory."""
        return _made(self.make_decoder, "make_decoder", inputs, shape, outputs, *([condition] if condition else []))


def _made(factory: object, name: str, *arguments: object) -> nn.Module:
    if isinstance(factory, nn.Module) or not callable(factory):
        raise CompositionError(
            f"Custom: {name} must be a function that returns a new nn.Module, got {type(factory).__name__}; "
            "a module would carry its weights from one fit to the next"
        )
    module = factory(*arguments)
    if not isinstance(module, nn.Module):
        raise CompositionError(f"Custom: {name} returned {type(module).__name__}, not an nn.Module")
    return module
