"""Value functions V(D, G): what the two sides of an adversarial game minimise.

Each works on D's logits for a batch of real and a batch of fake samples, both (N,), and returns one value a
sample for either side. D(x) = sigmoid(logit) where D is a probability.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu, softplus

from .parts import Part

__all__ = ["Hinge", "LeastSquares", "Minimax", "NonSaturating", "Relativistic", "Value", "Wasserstein"]


class Value(Part, kind="value"):
    """Base of value functions: a loss for D and one for G, each (N,)."""

    probability: ClassVar[bool] = False
    """Whether sigmoid(logit) is an estimate of p_data / (p_data + p_g)."""
    paired: ClassVar[bool] = False
    """Whether G's loss looks at D's logits of real samples."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what D minimises."""
        raise NotImplementedError

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what G minimises."""
        raise NotImplementedError


class Minimax(Value):
    """min_G max_D 𝔼 log D(x) + 𝔼 log(1 − D(G(z))) (Goodfellow et al. 2014, equation 1)."""

    probability: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −[log D(x) + log(1 − D(G(z)))]."""
        return softplus(-real) + softplus(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return log(1 − D(G(z)))."""
        return -softplus(fake)


class NonSaturating(Value):
    """D as in the minimax game; G maximises log D(G(z)), which has a gradient early on (Goodfellow et al. 2014)."""

    probability: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −[log D(x) + log(1 − D(G(z)))]."""
        return softplus(-real) + softplus(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −log D(G(z))."""
        return softplus(-fake)


class LeastSquares(Value):
    """½(D(x) − 1)² + ½D(G(z))² for D, ½(D(G(z)) − 1)² for G, on the raw output (Mao et al. 2017, equation 9)."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ½(D(x) − 1)² + ½D(G(z))²."""
        return 0.5 * (real - 1).square() + 0.5 * fake.square()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ½(D(G(z)) − 1)²."""
        return 0.5 * (fake - 1).square()


class Hinge(Value):
    """max(0, 1 − D(x)) + max(0, 1 + D(G(z))) for D, −D(G(z)) for G (Lim & Ye 2017)."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return max(0, 1 − D(x)) + max(0, 1 + D(G(z)))."""
        return relu(1 - real) + relu(1 + fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −D(G(z))."""
        return -fake


class Wasserstein(Value):
    """D(G(z)) − D(x) for a 1-Lipschitz critic, −D(G(z)) for G (Arjovsky et al. 2017, equations 2 and 3)."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return D(G(z)) − D(x)."""
        return fake - real

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −D(G(z))."""
        return -fake


class Relativistic(Value):
    """−log σ(D(x) − D(G(z))) for D and the mirror image for G (Jolicoeur-Martineau 2019; Huang et al. 2024, eq. 2)."""

    paired: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −log σ(D(x) − D(G(z)))."""
        return softplus(fake - real)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −log σ(D(G(z)) − D(x))."""
        return softplus(real - fake)
