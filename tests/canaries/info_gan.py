"""InfoGAN: a head reads part of the code off what was generated from it.

Xi Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial Nets",
2016, https://arxiv.org/abs/1606.03657.
"""

from isthmus import GAN
from isthmus.objective import Deceive
from isthmus.term import Term
from isthmus.training import Player


class Information(Term):
    """½‖Q(G(z)) − z₁…ₖ‖², −log q(c|x̂) of a Gaussian up to a constant."""

    def __call__(self, model, passed, source):
        read = model.through("head", passed.generated)
        return 0.5 * (read - passed.z_prior[:, : read.shape[1]]).square().sum(1)


class InfoGAN(GAN):
    """A GAN whose first code units show in what it generates."""

    informative: int = 2

    def networks(self, facts, scaling):
        return {**super().networks(facts, scaling), "head": self.discriminator_.encoder(facts.shape, self.informative)}

    def players(self):
        discriminator, generator = super().players()
        deceive = Deceive(generator.objective.value, terms=(Information(),))
        return [discriminator, Player("generator", deceive, moves=(*generator.moves, "head"))]


def make(**arguments):
    return InfoGAN(8, **arguments)
