"""Likelihoods p(x|z): what the decoder's outputs mean. The reconstruction loss is −log p(x|z).

A likelihood owns the units that the model works in, and says which values it has a density for. One whose entries are
independent given z takes a few lines:

>>> import math
>>> import numpy as np
>>> import torch
>>> from torch.distributions import Poisson
>>> class Counts(Likelihood):
...     "p(x|z) = Poisson(λ(z)): counts."
...     support = (0, math.inf)
...     def distribution(self, rate):
...         return Poisson(torch.nn.functional.softplus(rate), validate_args=False)
>>> from isthmus import VAE
>>> X = np.random.default_rng(0).poisson(3.0, size=(200, 5))
>>> VAE(2, likelihood=Counts(), max_epochs=1, random_state=0).fit(X).score_samples(X).shape
(200,)
"""

from __future__ import annotations

from .base import Likelihood
from .gaussian import Gaussian, HeteroscedasticGaussian, HomoscedasticGaussian, ResidualGaussian
from .mixed import Mixed
from .unit import Bernoulli, ContinuousBernoulli

__all__ = [
    "Bernoulli",
    "ContinuousBernoulli",
    "Gaussian",
    "HeteroscedasticGaussian",
    "HomoscedasticGaussian",
    "Likelihood",
    "Mixed",
    "ResidualGaussian",
]
