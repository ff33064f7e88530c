"""A sparse autoencoder: codes are pulled to zero by their L1 norm.

Bruno Olshausen and David Field, "Emergence of simple-cell receptive field properties by learning a sparse code for
natural images", 1996, https://doi.org/10.1038/381607a0.
"""

from isthmus import Autoencoder
from isthmus.objective import Sum
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player


class CodeNorm(Term):
    """‖z‖₁."""

    def __call__(self, model, passed, source):
        return passed.z.abs().sum(-1)


class L1SparseAutoencoder(Autoencoder):
    """An autoencoder whose codes are pulled to zero."""

    sparsity: float = 0.01

    def players(self):
        return [Player("autoencoder", Sum((NegativeLogLikelihood(), CodeNorm(self.sparsity))))]


def make(**arguments):
    return L1SparseAutoencoder(8, **arguments)
