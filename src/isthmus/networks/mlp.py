"""Fully connected networks of any depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from ..errors import UnknownNameError
from .base import Conditioned, Network, activation, widths

__all__ = ["MLP"]

_NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class MLP(Network):
    r"""h = f(W_L … f(W₁x + b₁) … + b_L); the decoder has the same hidden widths in reverse order.

    Parameters
    ----------
    hidden : widths of the encoder's hidden layers, from the data to the code; ``()`` is the one-layer network
        h = f(Wₓx + bₓ), x̂ = g(Wₕh + bₕ).
    activation : f of the hidden layers, by name (`ACTIVATIONS`).
    code_activation : f of the encoder's last layer. The decoder's last layer is linear; g belongs to the likelihood.
    norm : None, ``"batch"`` or ``"layer"``, applied before each hidden activation.

    References
    ----------
    David E. Rumelhart, Geoffrey E. Hinton and Ronald J. Williams, "Learning representations by back-propagating
        errors", 1986, https://doi.org/10.1038/323533a0.
    Geoffrey E. Hinton and Ruslan R. Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006,
        https://doi.org/10.1126/science.1127647.
    Sergey Ioffe and Christian Szegedy, "Batch Normalization", 2015, https://arxiv.org/abs/1502.03167.
    Jimmy Lei Ba, Jamie Ryan Kiros and Geoffrey E. Hinton, "Layer Normalization", 2016,
        https://arxiv.org/abs/1607.06450.

    >>> MLP((512,), activation="tanh").encoder((28, 28), 32)
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=784, out_features=512, bias=True)
      (2): Tanh()
      (3): Linear(in_features=512, out_features=32, bias=True)
    )
    """

    hidden: int | Sequence[int] = (256,)
    activation: str = "relu"
    code_activation: str = "identity"
    norm: str | None = None

    def check(self) -> None:
        for width in widths(self.hidden):
            self.require_count("hidden widths", width)
        activation(self.activation)
        activation(self.code_activation)
        if self.norm is not None and self.norm not in _NORMS:
            raise UnknownNameError("norm", self.norm, _NORMS)

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs)."""
        layers = self._stack((math.prod(shape) + condition, *widths(self.hidden), outputs))
        if self.code_activation != "identity":
            layers.append(activation(self.code_activation))
        if condition:
            return Conditioned(nn.Flatten(), nn.Sequential(*layers))
        return nn.Sequential(nn.Flatten(), *layers)

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape)."""
        layers = self._stack((inputs + condition, *reversed(widths(self.hidden)), outputs * math.prod(shape)))
        decoder = nn.Sequential(*layers, nn.Unflatten(1, (outputs, *shape)))
        return Conditioned(nn.Identity(), decoder) if condition else decoder

    def _stack(self, widths: tuple[int, ...]) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers.append(nn.Linear(n_in, n_out))
            if self.norm is not None:
                layers.append(_NORMS[self.norm](n_out))
            layers.append(activation(self.activation))
        return layers[: -1 if self.norm is None else -2]
