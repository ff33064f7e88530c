"""PIWAE: the decoder climbs the bound of all draws, the encoder the mean of bounds of fewer, on the same draws.

Tom Rainforth et al., "Tighter Variational Bounds are Not Necessarily Better", 2018, https://arxiv.org/abs/1802.04537.
"""

import math

import torch

from isthmus import VAE
from isthmus.objective import ImportanceWeighted
from isthmus.training import Player


class MeanOfBounds(ImportanceWeighted):
    """−(1/m) Σ log (1/k) Σ w over m groups of k draws."""

    groups: int = 2

    def __call__(self, model, passed, source):
        each = self.draws // self.groups
        log_weights = passed.log_weights.reshape(self.groups, each, -1)
        return {"bound": math.log(each) - torch.logsumexp(log_weights, 1).mean(0)}


class PIWAE(VAE):
    """A variational autoencoder of two players who share their draws."""

    watch = "validation_decoder_loss"
    draws: int = 8
    groups: int = 2

    def players(self):
        encoder = Player("encoder", MeanOfBounds(self.draws, self.groups), moves=("encoder", "posterior"))
        decoder = Player("decoder", ImportanceWeighted(self.draws), moves=("decoder", "likelihood", "prior"))
        return [(encoder, decoder)]


def make(**arguments):
    return PIWAE(4, **arguments)
