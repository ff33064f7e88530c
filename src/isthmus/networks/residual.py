"""Residual networks of fully connected blocks."""

from __future__ import annotations

import math

from torch import Tensor, nn

from .base import Conditioned, Network, activation

__all__ = ["Residual"]


class Residual(Network):
    r"""h ← h + W₂ f(W₁ LayerNorm(h)), block after block, between a first and a last linear layer.

    W₂ starts at zero, so that every block starts as the identity. A deep network thus starts as a shallow one, and
    every layer gets a gradient.

    Parameters
    ----------
    width : the number of units of h.
    blocks : the number of blocks in the encoder, and in the decoder.
    activation : f, by name (`ACTIVATIONS`).
    dropout : the share of units within a block that each step drops.

    References
    ----------
    Kaiming He et al., "Identity Mappings in Deep Residual Networks", 2016, https://arxiv.org/abs/1603.05027.
    Yury Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", 2021, https://arxiv.org/abs/2106.11959.

    >>> import torch
    >>> Residual(64, 1).encoder((8,), 3)(torch.zeros(5, 8)).shape
    torch.Size([5, 3])
    """

    width: int = 256
    blocks: int = 1
    activation: str = "silu"
    dropout: float = 0.0

    def check(self) -> None:
        self.require_count("width", self.width)
        whole = isinstance(self.blocks, int) and not isinstance(self.blocks, bool)
        self.require(whole and self.blocks >= 0, f"blocks must be 0 or more and whole, got {self.blocks!r}")
        self.require(0 <= self.dropout < 1, f"dropout must lie in [0, 1), got {self.dropout}")
        activation(self.activation)

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs)."""
        layers = self._stack(math.prod(shape) + condition, outputs)
        return Conditioned(nn.Flatten(), layers) if condition else nn.Sequential(nn.Flatten(), *layers)

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape)."""
        layers = self._stack(inputs + condition, outputs * math.prod(shape))
        decoder = nn.Sequential(*layers, nn.Unflatten(1, (outputs, *shape)))
        return Conditioned(nn.Identity(), decoder) if condition else decoder

    def _stack(self, inputs: int, outputs: int) -> nn.Sequential:
        blocks = [_Block(self.width, self.activation, self.dropout) for _ in range(self.blocks)]
        return nn.Sequential(
            nn.Linear(inputs, self.width), *blocks, nn.LayerNorm(self.width), nn.Linear(self.width, outputs)
        )


class _Block(nn.Module):
    def __init__(self, width: int, f: str, dropout: float) -> None:
        super().__init__()
        last = nn.Linear(width, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        off = [nn.Dropout(dropout)] if dropout else []
        self.added = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), activation(f), *off, last)

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = h + self.added(h)
        return out
