"""Decoders that start at the mean of the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..conditional import Entrywise
from ..errors import CompositionError
from ..likelihood import Bernoulli
from .base import Network
from .mlp import MLP

if TYPE_CHECKING:
    from ..model import Model
    from ..training import Rows

__all__ = ["FromMean"]


class FromMean(Network):
    r"""Another network whose decoder's last biases start where p(x|z) has the mean of the training rows.

    For a Bernoulli this is the logit of each entry's mean, otherwise the mean itself, in the model's units. Yuri Burda,
    Roger Grosse and Ruslan Salakhutdinov's released code starts so (https://github.com/yburda/iwae).

    Parameters
    ----------
    of : the other network; its decoder ends in a linear layer.
    clipped : the least probability of either value that a logit is taken of.
    """

    of: Network = MLP((200, 200), activation="tanh")
    clipped: float = 1e-3

    def check(self) -> None:
        self.require_part("of", self.of, Network)
        self.require(0 < self.clipped < 0.5, f"clipped must lie in (0, 0.5), got {self.clipped}")

    def code_width(self, shape: tuple[int, ...]) -> int | None:
        """Return that of the other network."""
        return self.of.code_width(shape)

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs), as the other network does."""
        return self.of.encoder(shape, outputs, *([condition] if condition else []))

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape)."""
        return _FromMean(self.of.decoder(inputs, shape, outputs, *([condition] if condition else [])), self.clipped)


class _FromMean(nn.Module):
    def __init__(self, of: nn.Module, clipped: float) -> None:
        super().__init__()
        self.of, self.clipped = of, clipped

    def begin(self, model: Model, rows: Rows) -> None:
        weighted = [m for m in self.of.modules() if hasattr(m, "bias") and isinstance(m.bias, Tensor)]
        if not weighted or not isinstance(weighted[-1], nn.Linear):
            raise CompositionError("FromMean: the decoder must end in a linear layer: use MLP")
        total = sum(model.scaled(batch.x).nan_to_num().sum(0) for batch in rows.in_order())
        mean = torch.as_tensor(total / len(rows)).flatten()
        family = model.likelihood.family if isinstance(model.likelihood, Entrywise) else None
        start = mean.clamp(self.clipped, 1 - self.clipped).logit() if isinstance(family, Bernoulli) else mean
        bias = weighted[-1].bias
        bias.zero_()
        bias[: len(start)] = start

    def forward(self, z: Tensor, *condition: Tensor) -> Tensor:
        out: Tensor = self.of(z, *condition)
        return out
