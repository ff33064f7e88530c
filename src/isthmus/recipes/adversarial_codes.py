"""Autoencoders with a discriminator: of codes, of reconstructions, or of both at once."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..divergence import KL, Divergence
from ..estimators import VAE, AdversarialAutoencoder, Games
from ..facts import Facts
from ..implicit import ImplicitPosterior
from ..judge import Data, Judge
from ..model import Model, Pass
from ..networks import MLP, Network
from ..objective import Deceive, Discriminate, Sum, Terms
from ..posterior import Posterior
from ..scaling import Scaling
from ..source import Source
from ..term import NegativeLogLikelihood, Term
from ..training import Player, Turns
from ..value import NonSaturating
from .registry import recipe

__all__ = [
    "VAEGAN",
    "AdversarialVariationalBayes",
    "adversarial_autoencoder",
    "adversarial_variational_bayes",
    "vae_gan",
]


@recipe
def adversarial_autoencoder(**given: Any) -> AdversarialAutoencoder:
    r"""Adversarial autoencoder: a discriminator of codes pulls q(z) to p(z) = N(0, I).

    Alireza Makhzani et al., "Adversarial Autoencoders", 2016, https://arxiv.org/abs/1511.05644. Expect an autoencoder's
    reconstructions, and codes that can be sampled.

    Parameters
    ----------
    given : arguments of `AdversarialAutoencoder`.
    """
    return AdversarialAutoencoder(**given)


class OnFeatures(Data):
    """Data and samples as D sees them: through the network ``features`` first."""

    def logits(self, model: Model, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return D's logits, (N,)."""
        return super().logits(model, model.through("features", x, condition), condition)


class FeatureError(Term):
    r"""½‖f(x) − f(x̂)‖², −log p(f(x)|z) up to a constant, f being D's hidden layer."""

    name: ClassVar[str] = "likeness"

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the squared distance of features, (N,)."""
        seen = model.scaling.inputs(passed.x), model.scaling.inputs_of(passed.p)
        x, x_hat = (model.through("features", value, passed.condition) for value in seen)
        return 0.5 * (x - x_hat).square().sum(-1)


class Convincing(Term):
    r"""−log D(x̂) of reconstructions, which the decoder lowers."""

    name: ClassVar[str] = "reconstructed"

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return −log D(x̂), (N,)."""
        return softplus(-OnFeatures().logits(model, model.scaling.inputs_of(passed.p), passed.condition))


class DiscriminateBoth(Discriminate):
    """D tells data from samples and from reconstructions."""

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return D's losses."""
        x_hat = model.scaling.inputs_of(passed.p).detach()
        fake = softplus(self.judge.logits(model, x_hat, passed.condition))
        return super().__call__(model, passed, source) | {"reconstructed": fake}


class VAEGAN(Games, VAE):
    """Variational autoencoder whose decoder is a GAN's generator, and whose reconstruction error D's features measure.

    Parameters
    ----------
    {common}
    features : the blueprint of D up to its hidden layer.
    feature_width : the width of that layer.
    likeness : the weight of the features' error in the decoder's loss.
    """

    features: Network = MLP((64,), code_activation="relu")
    feature_width: int = 32
    likeness: float = 1.0

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.features_ = self.network_part("features", facts)

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return encoder, decoder, and D in two pieces."""
        condition = [facts.condition] if facts.condition else []
        features = self.features_.encoder(scaling.input_shape, self.feature_width, *condition)
        judge = MLP(()).encoder((self.feature_width,), 1, *condition)
        return super().networks(facts, scaling) | {"features": features, "discriminator": judge}

    def players(self) -> Turns:
        """Return encoder, decoder and D, who move at the same time."""
        value, judge = NonSaturating(), OnFeatures()
        decode = Deceive(value, judge, (FeatureError(self.likeness), Convincing()))
        return [
            (
                Player("encoder", Sum((KL(), FeatureError())), moves=("encoder", "posterior")),
                Player("decoder", decode, moves=("decoder", "prior")),
                Player("discriminator", DiscriminateBoth(value, judge=judge), moves=("features", "discriminator")),
            )
        ]


@recipe
def vae_gan(likeness: float = 1.0, **given: Any) -> VAEGAN:
    r"""VAE-GAN: a VAE whose reconstruction error is measured in D's hidden layer, and whose decoder deceives D.

    Anders Boesen Lindbo Larsen, Søren Kaae Sønderby, Hugo Larochelle and Ole Winther, "Autoencoding beyond pixels using
    a learned similarity metric", 2016, https://arxiv.org/abs/1512.09300, algorithm 1. Expect sharper samples than a
    VAE's; no term is a bound on log p(x), and scores mean little.

    Parameters
    ----------
    likeness : the weight of the error in the decoder's loss.
    given : arguments of `VAE`, and of D: ``features``, ``feature_width``.
    """
    return VAEGAN(likeness=likeness, **given)


class Pairs(Judge):
    """Pairs (x, z) with z ~ q(z|x) against pairs with z ~ p(z).

    Lars Mescheder, Sebastian Nowozin and Andreas Geiger, "Adversarial Variational Bayes", 2017,
    https://arxiv.org/abs/1701.04722, equation 3.
    """

    def shape(self, facts: Facts) -> tuple[int, ...]:
        """Return (n + d,)."""
        return (facts.features + facts.latent_dim,)

    def real(self, passed: Pass) -> Tensor:
        """Return x beside its code."""
        return self.paired(passed, passed.z)

    def fake(self, passed: Pass) -> Tensor:
        """Return x beside a code from the prior."""
        return self.paired(passed, passed.z_prior)

    @staticmethod
    def paired(passed: Pass, z: Tensor) -> Tensor:
        """Return x, as a network looks at it, beside a code, (N, n + d)."""
        return torch.cat([passed.model.scaling.inputs(passed.x).flatten(1), z], 1)


class JudgedDivergence(Divergence):
    r"""T(x, z) = log D(x, z) − log(1 − D(x, z)), which is log q(z|x) − log p(z) for the best D."""

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return D's logits of the rows beside their codes, (N,)."""
        judge = Pairs()
        return judge.logits(model, judge.real(passed), passed.condition)


class AdversarialVariationalBayes(VAE):
    """Variational autoencoder with a posterior that has no density: a discriminator of pairs (x, z) measures its KL.

    Parameters
    ----------
    {common}
    discriminator : the blueprint of D on pairs.
    """

    discriminator: Network = MLP((256, 256), activation="leaky_relu")
    watch = "validation_vae_loss"

    def auto_posterior(self) -> Posterior:
        """Return the posterior without a density."""
        return ImplicitPosterior()

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.discriminator_ = self.network_part("discriminator", facts)

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return encoder, decoder and D."""
        condition = [facts.condition] if facts.condition else []
        seen = Facts(scaling.input_shape, facts.latent_dim)
        discriminator = self.discriminator_.encoder(Pairs().shape(seen), 1, *condition)
        return super().networks(facts, scaling) | {"discriminator": discriminator}

    def players(self) -> Turns:
        """Return the autoencoder and D, who move at the same time."""
        moved = ("encoder", "decoder", "posterior", "likelihood", "prior")
        bound = Sum((NegativeLogLikelihood(), JudgedDivergence()))
        return [
            (
                Player("vae", bound, moves=moved, clip_norm=self.reconstruction_clip_norm()),
                Player(
                    "discriminator", Discriminate(NonSaturating(), judge=Pairs()), moves=("discriminator",), pace=2.0
                ),
            )
        ]


@recipe
def adversarial_variational_bayes(**given: Any) -> AdversarialVariationalBayes:
    r"""Adversarial variational Bayes: q(z|x) is whatever a network makes of x and noise, its KL what D(x, z) says.

    Lars Mescheder, Sebastian Nowozin and Andreas Geiger, "Adversarial Variational Bayes", 2017,
    https://arxiv.org/abs/1701.04722, algorithm 1. Expect posteriors of any shape; the bound is only as good as D.

    Parameters
    ----------
    given : arguments of `VAE`, and ``discriminator``, the network D of pairs.
    """
    return AdversarialVariationalBayes(**given)
