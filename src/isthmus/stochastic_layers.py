"""Two stochastic layers: q(h₁, h₂|x) = q(h₁|x) q(h₂|h₁) and p(x, h₁, h₂) = p(x|h₁) p(h₁|h₂) p(h₂).

The code is (h₁, h₂). Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
https://arxiv.org/abs/1509.00519, section 5 and equation 6.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .distributions import Chain, event, normal
from .errors import CompositionError
from .facts import Facts
from .networks import MLP, Network
from .posterior import Posterior
from .prior import Prior

__all__ = ["FirstLayer", "TwoLayerPosterior", "TwoLayerPrior"]


class TwoLayerPosterior(Posterior):
    r"""q(h₁|x) q(h₂|h₁), both Gaussian; the encoder returns μ and log σ² of h₁, a network of its own those of h₂.

    Parameters
    ----------
    first : the width of h₁; h₂ has what is left of the code. None is half of it.
    hidden : widths of the hidden layers from h₁ to h₂.
    activation : f of these layers, by name.
    """

    first: int | None = None
    hidden: int | Sequence[int] = (100,)
    activation: str = "tanh"

    def width(self, facts: Facts) -> int:
        """Return 2 numbers a unit of h₁."""
        return 2 * first_width(self.first, facts.latent_dim)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module with the network from h₁ to h₂."""
        first = first_width(self.first, facts.latent_dim)
        network = MLP(self.hidden, self.activation).encoder((first,), 2 * (facts.latent_dim - first))
        return _Upwards(network)


class TwoLayerPrior(Prior):
    r"""p(h₂) p(h₁|h₂), a standard normal and a Gaussian given it.

    Parameters
    ----------
    first, hidden, activation : as in `TwoLayerPosterior`; the hidden layers lead from h₂ to h₁, in reverse order.
    """

    first: int | None = None
    hidden: int | Sequence[int] = (100,)
    activation: str = "tanh"

    def build(self, facts: Facts) -> nn.Module:
        """Return the module with the network from h₂ to h₁."""
        first = first_width(self.first, facts.latent_dim)
        second = facts.latent_dim - first
        network = MLP(self.hidden, self.activation).decoder(second, (first,), 2)
        return _Downwards(network, second)


class FirstLayer(Network):
    r"""Another network whose decoder sees h₁ alone, p(x|h₁).

    Parameters
    ----------
    of : the other network.
    first : the width of h₁, as in `TwoLayerPosterior`.
    """

    of: Network = MLP((200, 200), activation="tanh")
    first: int | None = None

    def check(self) -> None:
        self.require_part("of", self.of, Network)

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs), as the other network does."""
        return self.of.encoder(shape, outputs, *([condition] if condition else []))

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape)."""
        first = first_width(self.first, inputs)
        return _First(self.of.decoder(first, shape, outputs, *([condition] if condition else [])), first)


def first_width(first: int | None, latent_dim: int) -> int:
    """Return the width of h₁ in a code of that width.

    Raises
    ------
    CompositionError : nothing is left for h₁ or h₂.
    """
    width = latent_dim // 2 if first is None else first
    if not 0 < width < latent_dim:
        raise CompositionError(
            f"two stochastic layers need a code of both: {width} of {latent_dim} units are the first's"
        )
    return width


def _gaussian(numbers: Tensor) -> Distribution:
    """Return N(μ, diag σ²) from (..., 2d) numbers, μ and log σ²."""
    mu, log_variance = numbers.chunk(2, -1)
    return event(normal(mu, torch.exp(0.5 * log_variance.clamp(-20.0, 20.0))), 1)


class _Upwards(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, context: Tensor) -> Distribution:
        return Chain(_gaussian(context), lambda h: _gaussian(_of_each(self.network, h)))


class _Downwards(nn.Module):
    zero: Tensor

    def __init__(self, network: nn.Module, second: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("zero", torch.zeros(second))

    def forward(self, context: Tensor | None = None) -> Distribution:
        top = event(normal(self.zero, torch.ones_like(self.zero)), 1)
        return Chain(top, lambda h: _gaussian(_of_each(self.network, h)), reverse=True)


def _of_each(network: nn.Module, h: Tensor) -> Tensor:
    """Return a network's outputs for codes with any number of leading dimensions, (..., d) → (..., numbers)."""
    out: Tensor = network(h.reshape(-1, h.shape[-1]))
    return out.reshape(*h.shape[:-1], -1)


class _First(nn.Module):
    def __init__(self, of: nn.Module, first: int) -> None:
        super().__init__()
        self.of, self.first = of, first

    def forward(self, z: Tensor, *condition: Tensor) -> Tensor:
        out: Tensor = self.of(z[:, : self.first], *condition)
        return out
