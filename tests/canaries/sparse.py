"""Sparse autoencoders: codes that are mostly zero, by their L1 norm, or by a divergence from a low rate of activity.

Andrew Ng, "Sparse autoencoder", 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf.
"""

from isthmus import Autoencoder
from isthmus.networks import MLP
from isthmus.objective import Sum
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player


class L1(Term):
    """‖z‖₁."""

    def __call__(self, model, passed, source):
        return passed.z.abs().sum(-1)


class RateDivergence(Term):
    """Σⱼ KL(ρ ‖ ρ̂ⱼ), ρ̂ⱼ the mean activity of unit j over the batch."""

    rate: float = 0.05

    def __call__(self, model, passed, source):
        active = passed.z.mean(0).clamp(1e-6, 1 - 1e-6)
        kl = self.rate * (self.rate / active).log() + (1 - self.rate) * ((1 - self.rate) / (1 - active)).log()
        return kl.sum().expand(len(passed.z))


class L1Sparse(Autoencoder):
    """An autoencoder whose codes are pulled to zero."""

    sparsity: float = 0.01

    def players(self):
        return [Player("autoencoder", Sum((NegativeLogLikelihood(), L1(self.sparsity))))]


class KLSparse(Autoencoder):
    """An autoencoder of sigmoid units that are seldom active."""

    sparsity: float = 1.0

    def players(self):
        return [Player("autoencoder", Sum((NegativeLogLikelihood(), RateDivergence(self.sparsity))))]


def make(**arguments):
    return L1Sparse(8, **arguments)


def make_kl(**arguments):
    return KLSparse(16, network=MLP((64,), code_activation="sigmoid"), **arguments)
