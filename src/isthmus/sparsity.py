"""Penalties Ω on the size of codes and of weights: sparse codes, and small ones where there is no noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from .errors import CompositionError
from .source import Source
from .term import Term, mean_over_draws

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = ["L1", "L2", "Rate", "WeightNorm"]


class L1(Term, kind="penalty", final=True):
    r"""‖z‖₁, which sets units of a code to zero.

    Bruno A. Olshausen and David J. Field, "Emergence of simple-cell receptive field properties by learning a sparse
    code for natural images", 1996, https://doi.org/10.1038/381607a0, with |z| for the cost of a unit.
    """

    weight: float = 0.01

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return Σᵤ |zᵤ|, (N,)."""
        return mean_over_draws(passed.z.abs().sum(-1))


class L2(Term, kind="penalty", final=True):
    r"""½‖z‖², which keeps the codes of a model without noise within bounds.

    Partha Ghosh, Mehdi S. M. Sajjadi, Antonio Vergari, Michael Black and Bernhard Schölkopf, "From Variational to
    Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436, equation 8.
    """

    weight: float = 0.1

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return ½ Σᵤ zᵤ², (N,)."""
        return mean_over_draws(0.5 * passed.z.square().sum(-1))


class Rate(Term, kind="penalty", final=True):
    r"""Σᵤ KL(ρ ‖ ρ̂ᵤ), where ρ̂ᵤ is the mean activity of unit u over a batch, in (0, 1): units that are seldom active.

    Andrew Ng, "Sparse autoencoder", 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf. Units must be
    sigmoids: ``network=MLP((), code_activation="sigmoid")``.

    Parameters
    ----------
    rate : ρ.
    """

    weight: float = 1.0
    rate: float = 0.05

    least: ClassVar[float] = 1e-6
    """The least distance of ρ̂ from 0 and 1."""

    def check(self) -> None:
        super().check()
        self.require(0 < self.rate < 1, f"rate must lie in (0, 1), got {self.rate}")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the divergence of the batch, once a row, (N,)."""
        active = passed.z.flatten(0, -2).mean(0).clamp(self.least, 1 - self.least)
        silent = (1 - self.rate) * ((1 - self.rate) / (1 - active)).log()
        return (self.rate * (self.rate / active).log() + silent).sum().expand(passed.batch.rows)


class WeightNorm(Term, kind="penalty", final=True):
    r"""‖θ‖², the squared size of a network's weights θ.

    Partha Ghosh, Mehdi S. M. Sajjadi, Antonio Vergari, Michael Black and Bernhard Schölkopf, "From Variational to
    Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436, equation 11, with L2 for the decoder.

    Parameters
    ----------
    network : the name of the network.
    """

    weight: float = 1e-4
    network: str = "decoder"

    def refuse(self, model: Model) -> None:
        """Refuse a model without that network."""
        if self.network not in model.networks:
            raise CompositionError(
                f"WeightNorm: the model has no network {self.network!r}; it has {', '.join(model.networks)}"
            )

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the sum of the squares of all weights, once a row, (N,)."""
        squares = [weight.square().sum() for weight in model.networks[self.network].parameters()]
        return sum(squares[1:], squares[0]).expand(passed.batch.rows)
