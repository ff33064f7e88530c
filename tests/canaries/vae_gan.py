"""VAE-GAN: reconstructions are compared as the discriminator's hidden layer sees them.

Anders Boesen Lindbo Larsen, Søren Kaae Sønderby, Hugo Larochelle and Ole Winther, "Autoencoding beyond pixels using a
learned similarity metric", 2016, https://arxiv.org/abs/1512.09300, algorithm 1.
"""

from __future__ import annotations

from torch.nn.functional import softplus

from isthmus import VAE
from isthmus.divergence import KL
from isthmus.estimators import Games
from isthmus.judge import Data
from isthmus.networks import MLP
from isthmus.objective import Deceive, Discriminate, Sum
from isthmus.term import Term
from isthmus.training import Player
from isthmus.value import NonSaturating


class FeatureError(Term):
    """−log p(D_l(x)|z) up to a constant, for a Gaussian of unit variance about D_l(x̂)."""

    def __call__(self, model, passed, source):
        x, x_hat = (model.through("features", value) for value in (passed.x, passed.p.mean))
        return 0.5 * (x - x_hat).square().sum(-1)


class OnFeatures(Data):
    def logits(self, model, x, condition=None):
        return super().logits(model, model.through("features", x))


class Reconstructed(Term):
    """−log D(x̂), which the decoder lowers; D lowers −log(1 − D(x̂))."""

    def __call__(self, model, passed, source):
        return softplus(-OnFeatures().logits(model, passed.p.mean))


class DiscriminateBoth(Discriminate):
    def __call__(self, model, passed, source):
        x_hat = passed.p.mean.detach()
        fake = softplus(self.judge.logits(model, x_hat))
        return super().__call__(model, passed, source) | {"reconstructed": fake}


class VAEGAN(Games, VAE):
    """Variational autoencoder whose decoder is a GAN's generator."""

    def networks(self, facts, scaling):
        features = MLP((32,), code_activation="relu").encoder(facts.shape, 16)
        made = {"features": features, "discriminator": MLP(()).encoder((16,), 1)}
        return super().networks(facts, scaling) | made

    def players(self):
        value, judge, likeness = NonSaturating(), OnFeatures(), FeatureError()
        encoder = Player("encoder", Sum((KL(), likeness)), moves=("encoder",))
        decoder = Player("decoder", Deceive(value, judge, (likeness, Reconstructed())), moves=("decoder",))
        judging = Player("discriminator", DiscriminateBoth(value, judge=judge), moves=("features", "discriminator"))
        return [(encoder, decoder, judging)]


def make(**arguments):
    return VAEGAN(4, network=MLP((32,)), **arguments)
