"""A variational autoencoder of counts: a Poisson likelihood."""

import math

import numpy as np
from torch.distributions import Poisson
from torch.nn.functional import softplus

from isthmus import VAE
from isthmus.likelihood import Likelihood


class PoissonCounts(Likelihood):
    """p(x|z) = Poisson(λ(z)), the decoder returning what a softplus makes a rate of."""

    support = (0, math.inf)

    def distribution(self, raw):
        return Poisson(softplus(raw) + 1e-6, validate_args=False)


def make(**arguments):
    return VAE(4, likelihood=PoissonCounts(), **arguments)


def data():
    rng = np.random.default_rng(0)
    return rng.poisson(np.exp(rng.normal(size=(300, 3)) @ rng.normal(scale=0.5, size=(3, 20)) + 1))
