"""Deep SVDD: codes are drawn together about a centre, and what lies far from it is unusual; there is no decoder.

Lukas Ruff et al., "Deep One-Class Classification", 2018, https://proceedings.mlr.press/v80/ruff18a.html.
"""

import math

import torch
from torch import nn

from isthmus.estimators import Encodes
from isthmus.networks import Network
from isthmus.objective import Sum
from isthmus.term import Term
from isthmus.training import Player, codes_of


class Unbiased(Network):
    """Layers without biases, which could map every row to the centre."""

    def encoder(self, shape, outputs, condition=0):
        hidden = nn.Linear(math.prod(shape), 64, bias=False)
        return nn.Sequential(nn.Flatten(), hidden, nn.LeakyReLU(), nn.Linear(64, outputs, bias=False))


class Distance(Term):
    """‖z − c‖²."""

    def build(self, facts):
        return DistanceFrom(facts.latent_dim)


class DistanceFrom(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.register_buffer("centre", torch.zeros(latent_dim))

    def begin(self, model, rows):
        self.centre.copy_(codes_of(model, rows).mean(0))

    def forward(self, model, passed, source):
        return (passed.z - self.centre).square().sum(-1)


class DeepSVDD(Encodes):
    """Detects what lies far from the centre of all codes."""

    offers = frozenset({"scores"})
    likelihood: None = None
    network: Network | str = Unbiased()

    def players(self):
        return [Player("encoder", Sum((Distance(),)))]

    def score_samples(self, X):
        centre = self.model_.term(Distance()).centre.cpu().numpy()
        return -((self.transform(X) - centre) ** 2).sum(1)

    def score(self, X, y=None):
        return float(self.score_samples(X).mean())


def make(**arguments):
    return DeepSVDD(8, **arguments)
