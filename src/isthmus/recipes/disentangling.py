"""Codes whose units are to mean one thing each: pressure on the divergence, or on the dependence between units."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from ..aggregated import CodeCovariance, TotalCorrelation
from ..divergence import KL, Capacity, Divergence
from ..estimators import VAE
from ..facts import Facts
from ..judge import Shuffled
from ..model import Model, Pass
from ..networks import MLP, Network
from ..objective import ELBO, Discriminate, Sum
from ..scaling import Scaling
from ..source import Source
from ..term import NegativeLogLikelihood
from ..training import Player, Turns
from ..value import NonSaturating
from .registry import recipe

__all__ = ["FactorVAE", "JudgedCorrelation", "beta_tc_vae", "beta_vae", "capacity_vae", "dip_vae", "factor_vae"]


@recipe
def beta_vae(beta: float = 4.0, **given: Any) -> VAE:
    r"""β-VAE: −𝔼_q log p(x|z) + β KL(q(z|x) ‖ p(z)).

    Irina Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017,
    https://openreview.net/forum?id=Sy2fzU9gl, equation 4. Expect fewer active units, more independent ones, and blurred
    reconstructions.

    Parameters
    ----------
    beta : β.
    given : arguments of `VAE`.
    """
    return VAE(objective=ELBO(KL(beta)), **given)


@recipe
def capacity_vae(gamma: float = 30.0, nats: float = 25.0, **given: Any) -> VAE:
    r"""VAE of controlled capacity: −𝔼_q log p(x|z) + γ|KL(q(z|x) ‖ p(z)) − C|, C rising from 0.

    Christopher P. Burgess et al., "Understanding disentangling in β-VAE", 2018, https://arxiv.org/abs/1804.03599,
    equation 8. Expect a divergence of C nats in the end, and units that are taken into use one after the other.

    Parameters
    ----------
    gamma : γ.
    nats : C at the end of the fit.
    given : arguments of `VAE`.
    """
    return VAE(objective=ELBO(Capacity(gamma, nats=nats)), **given)


@recipe
def beta_tc_vae(beta: float = 6.0, **given: Any) -> VAE:
    r"""β-TCVAE: −𝔼_q log p(x|z) + KL(q(z|x) ‖ p(z)) + (β − 1) TC(z), the dependence between units weighed by β.

    Ricky T. Q. Chen, Xuechen Li, Roger Grosse and David Duvenaud, "Isolating Sources of Disentanglement in Variational
    Autoencoders", 2018, https://arxiv.org/abs/1802.04942, equation 4. Expect better reconstructions than a β-VAE of as
    independent units.

    Parameters
    ----------
    beta : β ≥ 1.
    given : arguments of `VAE`.
    """
    return VAE(objective=Sum((NegativeLogLikelihood(), KL(), TotalCorrelation(beta - 1))), **given)


class JudgedCorrelation(Divergence):
    r"""TC(z) = log D(z) − log(1 − D(z)), for a D that tells codes from codes with shuffled units.

    Hyunjik Kim and Andriy Mnih, "Disentangling by Factorising", 2018, https://arxiv.org/abs/1802.05983, equation 3.
    """

    name: ClassVar[str] = "total_correlation"

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return D's logits of the codes, (N,)."""
        return Shuffled().logits(model, passed.z, passed.condition)


class FactorVAE(VAE):
    """Variational autoencoder with a weight γ on the total correlation of its code, which a discriminator estimates.

    Parameters
    ----------
    {common}
    gamma : γ.
    discriminator : the blueprint of D on codes.
    """

    gamma: float = 10.0
    discriminator: Network = MLP((128, 128), activation="leaky_relu")
    watch = "validation_vae_loss"

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.discriminator_ = self.network_part("discriminator", facts)

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return encoder, decoder and D, a network of codes."""
        condition = [facts.condition] if facts.condition else []
        discriminator = self.discriminator_.encoder((facts.latent_dim,), 1, *condition)
        return super().networks(facts, scaling) | {"discriminator": discriminator}

    def players(self) -> Turns:
        """Return the autoencoder and D, who move at the same time."""
        terms = (NegativeLogLikelihood(), KL(), JudgedCorrelation(self.gamma))
        moved = ("encoder", "decoder", "posterior", "likelihood", "prior")
        shuffled = Discriminate(NonSaturating(), judge=Shuffled())
        return [
            (
                Player("vae", Sum(terms), moves=moved, clip_norm=self.reconstruction_clip_norm()),
                Player("discriminator", shuffled, moves=("discriminator",)),
            )
        ]


@recipe
def factor_vae(gamma: float = 10.0, **given: Any) -> FactorVAE:
    r"""FactorVAE: −𝔼_q log p(x|z) + KL(q(z|x) ‖ p(z)) + γ TC(z), TC estimated by a discriminator of shuffled codes.

    Hyunjik Kim and Andriy Mnih, "Disentangling by Factorising", 2018, https://arxiv.org/abs/1802.05983, equation 2.
    Expect units as independent as a β-VAE's at a better reconstruction.

    Parameters
    ----------
    gamma : γ.
    given : arguments of `VAE`, and ``discriminator``, the network D of codes.
    """
    return FactorVAE(gamma=gamma, **given)


@recipe
def dip_vae(weight: float = 10.0, diagonal: float = 10.0, second: bool = False, **given: Any) -> VAE:
    r"""DIP-VAE: the evidence bound and λ_od Σ_{u≠v} C²ᵤᵥ + λ_d Σᵤ(Cᵤᵤ − 1)², C the covariance of codes over a batch.

    Abhishek Kumar, Prasanna Sattigeri and Avinash Balakrishnan, "Variational Inference of Disentangled Latent Concepts
    from Unlabeled Observations", 2018, https://arxiv.org/abs/1711.00848, equations 6 and 7. Expect uncorrelated units
    without a β-VAE's blur.

    Parameters
    ----------
    weight : λ_od.
    diagonal : λ_d/λ_od.
    second : whether C is that of draws z (DIP-VAE-II) instead of means μ (DIP-VAE-I).
    given : arguments of `VAE`.
    """
    terms = (NegativeLogLikelihood(), KL(), CodeCovariance(weight, diagonal, second))
    return VAE(objective=Sum(terms), **given)
