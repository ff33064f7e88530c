"""Regularised autoencoder: no noise, and a mixture of Gaussians that is fitted to the codes in the end.

Partha Ghosh, Mehdi S. M. Sajjadi, Antonio Vergari, Michael Black and Bernhard Schölkopf, "From Variational to
Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436, equation 11 with L2 and section 4.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from isthmus.estimators import Reconstructs, Samples
from isthmus.networks import MLP
from isthmus.objective import Sum
from isthmus.prior import Prior
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player, codes_of


class SmallCodes(Term):
    """½‖z‖²."""

    def __call__(self, model, passed, source):
        return 0.5 * passed.z.square().sum(-1)


class SmallDecoder(Term):
    """‖θ‖² of the decoder's weights θ."""

    def __call__(self, model, passed, source):
        return sum(p.square().sum() for p in model.networks["decoder"].parameters()).expand(len(passed.x))


class FittedMixture(Prior):
    components: int = 5

    def build(self, facts):
        return Mixture(self.components, facts.latent_dim)


class Mixture(nn.Module):
    def __init__(self, k, d):
        super().__init__()
        self.register_buffer("weights", torch.full((k,), 1 / k))
        self.register_buffer("means", torch.zeros(k, d))
        self.register_buffer("roots", torch.eye(d).repeat(k, 1, 1))

    def forward(self, context=None):
        return MixtureSameFamily(Categorical(self.weights), MultivariateNormal(self.means, scale_tril=self.roots))

    def finish(self, model, rows):
        found = GaussianMixture(len(self.means), random_state=0).fit(codes_of(model, rows).cpu().numpy())
        values = found.weights_, found.means_, np.linalg.cholesky(found.covariances_)
        for buffer, value in zip(self.buffers(), values, strict=True):
            buffer.copy_(torch.as_tensor(value))


class RAE(Samples, Reconstructs):
    """Regularised autoencoder."""

    def auto_prior(self):
        return FittedMixture()

    def players(self):
        return [Player("rae", Sum((NegativeLogLikelihood(), SmallCodes(0.1), SmallDecoder(1e-3))))]


def make(**arguments):
    return RAE(4, network=MLP((32,)), **arguments)
