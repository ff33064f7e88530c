"""β-TCVAE: the dependence between the units of a code has a weight of its own.

Ricky T. Q. Chen, Xuechen Li, Roger Grosse and David Duvenaud, "Isolating Sources of Disentanglement in Variational
Autoencoders", 2018, https://arxiv.org/abs/1802.04942, equations 4 and S5.
"""

from __future__ import annotations

import math

from isthmus import VAE
from isthmus.divergence import KL
from isthmus.networks import MLP
from isthmus.objective import Objective
from isthmus.term import NegativeLogLikelihood, Term


class TotalCorrelation(Term):
    """KL(q(z) ‖ Πⱼ q(zⱼ)), with q(z) estimated from a batch of M of the N rows by minibatch-weighted sampling."""

    def __call__(self, model, passed, source):
        log_q = passed.q.base_dist.log_prob(passed.z[:, None])  # log q(zᵢⱼ | xₖ), (i, k, j)
        log_nm = math.log(model.rows * len(log_q))
        joint = log_q.sum(-1).logsumexp(1) - log_nm
        return joint - (log_q.logsumexp(1) - log_nm).sum(-1)


class TCBound(Objective):
    """−𝔼_q log p(x|z) + KL(q(z|x) ‖ p(z)) + (β − 1) TC(z)."""

    beta: float = 6.0

    def summands(self):
        return NegativeLogLikelihood(), KL(), TotalCorrelation(self.beta - 1)


def make(**arguments):
    return VAE(4, network=MLP((32,)), objective=TCBound(), **arguments)


GRID = {"objective__beta": [1.0, 6.0]}
