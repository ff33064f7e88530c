"""Value functions V(D, G): the losses of both sides of an adversarial game.

Each takes D's logits of a batch of real and a batch of fake samples, (N,) each, and returns one loss per sample for D
and one for G. In the games of Goodfellow et al. D is a probability, D(x) = sigmoid(logit); in the others it is the
logit itself.
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
    """Whether sigmoid(logit) estimates p_data / (p_data + p_g)."""
    paired: ClassVar[bool] = False
    """Whether G's loss uses D's logits of real samples."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what D minimises."""
        raise NotImplementedError

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what G minimises."""
        raise NotImplementedError


class Minimax(Value):
    """The minimax game, min_G max_D 𝔼 log D(x) + 𝔼 log(1 − D(G(z))).

    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661, equation 1.
    """

    probability: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −[log D(x) + log(1 − D(G(z)))]."""
        return softplus(-real) + softplus(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return log(1 − D(G(z)))."""
        return -softplus(fake)


class NonSaturating(Value):
    """D as in the minimax game; G maximises log D(G(z)), which keeps a gradient while D still rejects all samples.

    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661, section 3.
    """

    probability: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −[log D(x) + log(1 − D(G(z)))]."""
        return softplus(-real) + softplus(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −log D(G(z))."""
        return softplus(-fake)


class LeastSquares(Value):
    """½(D(x) − 1)² + ½D(G(z))² for D, ½(D(G(z)) − 1)² for G, with the logit as D.

    Xudong Mao et al., "Least Squares Generative Adversarial Networks", 2017, https://arxiv.org/abs/1611.04076,
    equation 9.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ½(D(x) − 1)² + ½D(G(z))²."""
        return 0.5 * (real - 1).square() + 0.5 * fake.square()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ½(D(G(z)) − 1)²."""
        return 0.5 * (fake - 1).square()


class Hinge(Value):
    """max(0, 1 − D(x)) + max(0, 1 + D(G(z))) for D, −D(G(z)) for G.

    Jae Hyun Lim and Jong Chul Ye, "Geometric GAN", 2017, https://arxiv.org/abs/1705.02894.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return max(0, 1 − D(x)) + max(0, 1 + D(G(z)))."""
        return relu(1 - real) + relu(1 + fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −D(G(z))."""
        return -fake


class Wasserstein(Value):
    """D(G(z)) − D(x) for a 1-Lipschitz critic D, −D(G(z)) for G.

    Martin Arjovsky, Soumith Chintala and Léon Bottou, "Wasserstein GAN", 2017, https://arxiv.org/abs/1701.07875,
    equations 2 and 3.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return D(G(z)) − D(x)."""
        return fake - real

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −D(G(z))."""
        return -fake


class Relativistic(Value):
    """−log σ(D(x) − D(G(z))) for D, −log σ(D(G(z)) − D(x)) for G: D compares each real sample with a fake one.

    Alexia Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2019,
    https://arxiv.org/abs/1807.00734. Nick Huang et al., "The GAN is dead; long live the GAN! A Modern GAN Baseline",
    2024, https://arxiv.org/abs/2501.05441, equation 2.
    """

    paired: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −log σ(D(x) − D(G(z)))."""
        return softplus(fake - real)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −log σ(D(G(z)) − D(x))."""
        return softplus(real - fake)
