"""FactorVAE: a discriminator that tells codes from codes with shuffled units measures the total correlation.

Hyunjik Kim and Andriy Mnih, "Disentangling by Factorising", 2018, https://arxiv.org/abs/1802.05983, equation 3 and
algorithm 2.
"""

from __future__ import annotations

from isthmus import VAE
from isthmus.divergence import KL
from isthmus.judge import Judge
from isthmus.networks import MLP
from isthmus.objective import Discriminate, Sum
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player
from isthmus.value import NonSaturating


class Shuffled(Judge):
    """z ~ q(z) is real, z with every unit from another row is fake."""

    def real(self, passed):
        return passed.z

    def fake(self, passed):
        return passed.z.gather(0, passed.source.uniform(passed.z.shape, passed.z).argsort(0))


class TotalCorrelation(Term):
    """log D(z) − log(1 − D(z))."""

    def __call__(self, model, passed, source):
        return Shuffled().logits(model, passed.z)


class FactorVAE(VAE):
    """Variational autoencoder with a weight γ on the total correlation of its code."""

    gamma: float = 10.0
    watch = "validation_vae_loss"

    def networks(self, facts, scaling):
        discriminator = MLP((32, 32), activation="leaky_relu").encoder((facts.latent_dim,), 1)
        return super().networks(facts, scaling) | {"discriminator": discriminator}

    def players(self):
        objective = Sum((NegativeLogLikelihood(), KL(), TotalCorrelation(self.gamma)))
        vae = Player("vae", objective, moves=("encoder", "decoder", "posterior", "likelihood", "prior"))
        shuffled = Discriminate(NonSaturating(), judge=Shuffled())
        return [(vae, Player("discriminator", shuffled, moves=("discriminator",)))]


def make(**arguments):
    return FactorVAE(4, network=MLP((32,)), **arguments)


GRID = {"gamma": [1.0, 10.0]}
