"""VQ-VAE: each stretch of a code is the nearest entry of a codebook, which follows the encoder by moving averages.

Aäron van den Oord, Oriol Vinyals and Koray Kavukcuoglu, "Neural Discrete Representation Learning", 2017,
https://arxiv.org/abs/1711.00937, sections 3.1 to 3.3 and appendix A.1. The prior counts how often each entry is used.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily, TransformedDistribution
from torch.distributions.transforms import ReshapeTransform

from isthmus import VAE
from isthmus.distributions import Delta, event
from isthmus.objective import ELBO
from isthmus.posterior import Deterministic
from isthmus.prior import Prior
from isthmus.term import Term
from isthmus.training import codes_of


class Codebook(nn.Module):
    """16 entries of 2 numbers for every stretch of a code; with a context q(z|x), without one p(z)."""

    def __init__(self, stretches):
        super().__init__()
        self.register_buffer("entries", torch.randn(stretches, 16, 2))
        self.register_buffer("counts", torch.ones(stretches, 16))

    def forward(self, context=None):
        if context is None:
            each = event(MixtureSameFamily(Categorical(self.counts), event(Delta(self.entries), 1)), 1)
            return TransformedDistribution(each, ReshapeTransform(each.event_shape, (2 * len(self.counts),)))
        apart = context.unflatten(1, (-1, 1, 2)) - self.entries
        nearest = torch.eye(16).to(context)[apart.square().sum(-1).argmin(-1)][..., None]
        code = (nearest * self.entries).sum(2).flatten(1)
        if self.training:
            self.entries += (nearest * apart).detach().mean(0)
        q = event(Delta(code + (context - context.detach())), 1)
        q.nearest, q.distance = nearest[..., 0], (context - code).square().sum(1)
        return q

    def finish(self, model, rows):
        self.load_state_dict(model.posterior.state_dict())
        self.counts.copy_(model.posterior(codes_of(model, rows)).nearest.sum(0))


class Quantized(Deterministic):
    def build(self, facts):
        return Codebook(facts.latent_dim // 2)


class Counted(Prior):
    build = Quantized.build


class Commitment(Term):
    def __call__(self, model, passed, source):
        return passed.q.distance


def make(**arguments):
    return VAE(8, posterior=Quantized(), prior=Counted(), objective=ELBO(Commitment(0.25)), **arguments)
