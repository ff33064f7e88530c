"""A sparse autoencoder: each unit of the code is active for a small share of the rows.

Andrew Ng, "Sparse autoencoder", 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf.
"""

from isthmus import Autoencoder
from isthmus.networks import MLP, Network
from isthmus.objective import Sum
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player


class RateDivergence(Term):
    """Σⱼ KL(ρ ‖ ρ̂ⱼ), ρ̂ⱼ the mean activity of unit j over the batch."""

    rate: float = 0.05

    def __call__(self, model, passed, source):
        active = passed.z.mean(0).clamp(1e-6, 1 - 1e-6)
        kl = self.rate * (self.rate / active).log() + (1 - self.rate) * ((1 - self.rate) / (1 - active)).log()
        return kl.sum().expand(len(passed.z))


class KLSparseAutoencoder(Autoencoder):
    """An autoencoder of sigmoid units that are seldom active."""

    network: Network | str = MLP((64,), code_activation="sigmoid")
    sparsity: float = 1.0

    def players(self):
        return [Player("autoencoder", Sum((NegativeLogLikelihood(), RateDivergence(self.sparsity))))]


def make(**arguments):
    return KLSparseAutoencoder(16, **arguments)
