"""Adversarial nets: values V(D, G), penalties on ∇D, and what D is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from torch import Tensor, nn

from ..errors import CompositionError
from ..estimators import GAN
from ..facts import Facts
from ..judge import Packed
from ..model import Model, Pass
from ..networks import MLP, SpectralNorm
from ..objective import Deceive, Discriminate
from ..penalty import R1, R2, AroundData, Interpolated
from ..scaling import Scaling
from ..source import Source
from ..term import Term
from ..training import Adam, Player, Training, Turns
from ..value import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Value, Wasserstein
from .registry import recipe, settings

__all__ = [
    "InfoGAN",
    "Information",
    "PacGAN",
    "dragan",
    "hinge_gan",
    "info_gan",
    "least_squares_gan",
    "minimax_gan",
    "non_saturating_gan",
    "pac_gan",
    "r3gan",
    "spectral_norm_gan",
    "wgan_gp",
]


@recipe
def minimax_gan(**given: Any) -> GAN:
    r"""The first GAN: min_G max_D 𝔼 log D(x) + 𝔼 log(1 − D(G(z))).

    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661, equation 1. Expect
    G to stop learning once D rejects every sample; it stands here to be compared with.

    Parameters
    ----------
    given : arguments of `GAN`.
    """
    return GAN(value=Minimax(), **given)


@recipe
def non_saturating_gan(**given: Any) -> GAN:
    r"""GAN whose G maximises log D(G(z)), which keeps a gradient while D rejects every sample; without a penalty.

    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661, section 3. `GAN`
    adds a penalty on ∇D by default.

    Parameters
    ----------
    given : arguments of `GAN`.
    """
    return GAN(value=NonSaturating(), **settings(given, penalties=()))


@recipe
def least_squares_gan(**given: Any) -> GAN:
    r"""LSGAN: D(x) is drawn to 1 and D(G(z)) to 0 by squared errors.

    Xudong Mao et al., "Least Squares Generative Adversarial Networks", 2017, https://arxiv.org/abs/1611.04076,
    equation 9.

    Parameters
    ----------
    given : arguments of `GAN`.
    """
    return GAN(value=LeastSquares(), **given)


@recipe
def hinge_gan(**given: Any) -> GAN:
    r"""GAN with the hinge loss: D separates data from samples by a margin, and learns nothing from what lies beyond it.

    Jae Hyun Lim and Jong Chul Ye, "Geometric GAN", 2017, https://arxiv.org/abs/1705.02894.

    Parameters
    ----------
    given : arguments of `GAN`.
    """
    return GAN(value=Hinge(), **given)


@recipe
def spectral_norm_gan(**given: Any) -> GAN:
    r"""SNGAN: the hinge loss, every layer of D divided by its largest singular value.

    Takeru Miyato, Toshiki Kataoka, Masanori Koyama and Yuichi Yoshida, "Spectral Normalization for Generative
    Adversarial Networks", 2018, https://arxiv.org/abs/1802.05957. Expect a D that cannot run away.

    Parameters
    ----------
    given : arguments of `GAN`.
    """
    own = settings(given, discriminator=SpectralNorm(MLP((128, 128, 128), activation="leaky_relu")))
    return GAN(value=Hinge(), **own)


@recipe
def wgan_gp(weight: float = 10.0, **given: Any) -> GAN:
    r"""WGAN-GP: D(G(z)) − D(x) with the penalty λ(‖∇D‖ − 1)² between data and samples, five steps of D for one of G.

    Ishaan Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, https://arxiv.org/abs/1704.00028, equation 3
    and algorithm 1: Adam with β₁ = 0, β₂ = 0.9. Expect a D that says how far apart data and samples are.

    Parameters
    ----------
    weight : λ.
    given : arguments of `GAN`.
    """
    own = settings(given, discriminator_steps=5, training=Training(optimizer=Adam(beta1=0.0, beta2=0.9)))
    return GAN(value=Wasserstein(), penalties=(Interpolated(weight),), **own)


@recipe
def r3gan(weight: float = 0.5, **given: Any) -> GAN:
    r"""R3GAN's loss: D compares each real sample with a fake one, with γ/2‖∇D‖² at both.

    Nick Huang, Aaron Gokaslan, Volodymyr Kuleshov and James Tompkin, "The GAN is dead; long live the GAN! A Modern GAN
    Baseline", 2024, https://arxiv.org/abs/2501.05441, equation 2. Expect all modes, without tricks of the network.

    Parameters
    ----------
    weight : γ.
    given : arguments of `GAN`.
    """
    return GAN(value=Relativistic(), penalties=(R1(weight), R2(weight)), **given)


@recipe
def dragan(weight: float = 10.0, **given: Any) -> GAN:
    r"""DRAGAN: the minimax D with the penalty λ(‖∇D(x + δ)‖ − 1)² near data, and a non-saturating G.

    Naveen Kodali, Jacob Abernethy, James Hays and Zsolt Kira, "On Convergence and Stability of GANs", 2017,
    https://arxiv.org/abs/1705.07215.

    Parameters
    ----------
    weight : λ.
    given : arguments of `GAN`.
    """
    return GAN(value=NonSaturating(), penalties=(AroundData(weight),), **given)


class PacGAN(GAN):
    """GAN whose D is shown several samples at a time, all real or all generated.

    Parameters
    ----------
    {common}
    samples : how many.
    """

    samples: int = 2

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        if facts.condition:
            raise CompositionError("PacGAN: samples that are packed have conditions that differ; fit without one")

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return the generator, and D of packs."""
        seen = Packed(samples=self.samples).shape(replace(facts, shape=scaling.input_shape))
        return super().networks(facts, scaling) | {"discriminator": self.discriminator_.encoder(seen, 1)}

    def players(self) -> Turns:
        """Return D, then G."""
        judge = Packed(samples=self.samples)
        discriminate = Discriminate(self.value_, self.penalties_, judge)
        moves = ("decoder", "likelihood", "prior")
        return [
            Player("discriminator", discriminate, moves=("discriminator",)),
            Player("generator", Deceive(self.value_, judge), moves=moves, every=self.discriminator_steps),
        ]

    @property
    def discriminate(self) -> Callable[..., Any]:
        """There is no D of one row."""
        raise AttributeError("PacGAN's D judges packs of samples, not one: it has no discriminate")


@recipe
def pac_gan(samples: int = 2, value: Value = NonSaturating(), **given: Any) -> PacGAN:  # noqa: B008  (parts are values)
    r"""PacGAN: D is shown m samples at a time, so that samples that are all alike betray themselves.

    Zinan Lin, Ashish Khetan, Giulia Fanti and Sewoong Oh, "PacGAN: The power of two samples in generative adversarial
    networks", 2018, https://arxiv.org/abs/1712.04086. Expect more modes.

    Parameters
    ----------
    samples : m.
    value : V(D, G).
    given : arguments of `GAN`.
    """
    return PacGAN(samples=samples, value=value, **given)


class Information(Term):
    r"""½‖Q(G(z)) − z₁…ₖ‖², −log q(c|x̂) of a Gaussian up to a constant, c being the first k units of z.

    Xi Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
    Nets", 2016, https://arxiv.org/abs/1606.03657, equation 5.
    """

    name: ClassVar[str] = "information"

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the squared error of what the head reads, (N,)."""
        read = model.through("head", model.scaling.inputs_of(passed.p_generated), passed.condition)
        return 0.5 * (read - passed.z_prior[:, : read.shape[1]]).square().sum(1)


class InfoGAN(GAN):
    """GAN with a head that reads the first units of z off what was generated from it.

    Parameters
    ----------
    {common}
    informative : the number of units that are read.
    information : the weight of the head's error in G's loss.
    """

    informative: int = 2
    information: float = 1.0

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        if not 1 <= self.informative <= self.latent_dim_:
            raise CompositionError(f"informative must be from 1 to {self.latent_dim_}, got {self.informative}")

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return the generator, D and the head."""
        condition = [facts.condition] if facts.condition else []
        head = self.discriminator_.encoder(scaling.input_shape, self.informative, *condition)
        return super().networks(facts, scaling) | {"head": head}

    def players(self) -> Turns:
        """Return D, then G with the head."""
        discriminate = Discriminate(self.value_, self.penalties_)
        deceive = Deceive(self.value_, terms=(Information(self.information),))
        moves = ("decoder", "likelihood", "prior", "head")
        return [
            Player("discriminator", discriminate, moves=("discriminator",)),
            Player("generator", deceive, moves=moves, every=self.discriminator_steps),
        ]


@recipe
def info_gan(informative: int = 2, information: float = 1.0, **given: Any) -> InfoGAN:
    r"""InfoGAN: a head reads c, the first units of z, off G(z), so that these show in what is generated.

    Xi Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
    Nets", 2016, https://arxiv.org/abs/1606.03657, equation 6, with continuous c. Expect units that each change one
    thing.

    Parameters
    ----------
    informative : the number of units in c.
    information : λ, the weight of −log q(c|G(z)).
    given : arguments of `GAN`.
    """
    return InfoGAN(informative=informative, information=information, **given)
