"""Wasserstein autoencoder: a deterministic code whose distribution over all rows is pulled to the prior.

Ilya Tolstikhin, Olivier Bousquet, Sylvain Gelly and Bernhard Schölkopf, "Wasserstein Auto-Encoders", 2018,
https://arxiv.org/abs/1711.01558, algorithm 2 and section 4.
"""

from __future__ import annotations

from isthmus import VAE
from isthmus.networks import MLP
from isthmus.objective import Sum
from isthmus.posterior import Deterministic
from isthmus.term import NegativeLogLikelihood, Term


def off_diagonal_mean(k):
    return (k.sum(1) - k.diagonal()) / (len(k) - 1)


class MMD(Term):
    """The maximum mean discrepancy of codes from the prior, under the inverse multiquadratic kernel."""

    def __call__(self, model, passed, source):
        def kernel(a, b):
            scale = 2.0 * model.latent_dim
            return scale / (scale + (a[:, None] - b).square().sum(-1))

        z, prior = passed.z, passed.z_prior
        return off_diagonal_mean(kernel(z, z)) + off_diagonal_mean(kernel(prior, prior)) - 2 * kernel(z, prior).mean(1)


def make(**arguments):
    objective = Sum((NegativeLogLikelihood(), MMD(10.0)))
    return VAE(4, network=MLP((32,)), posterior=Deterministic(), objective=objective, **arguments)
