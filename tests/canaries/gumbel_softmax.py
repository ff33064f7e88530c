"""A code that is nearly one of K classes: a relaxed one-hot posterior whose temperature falls as the fit goes on.

Eric Jang, Shixiang Gu and Ben Poole, "Categorical Reparameterization with Gumbel-Softmax", 2017,
https://arxiv.org/abs/1611.01144.
"""

import math

import torch
from torch import nn
from torch.distributions import Distribution

from isthmus import VAE
from isthmus.distributions import draw
from isthmus.posterior import Posterior
from isthmus.prior import Prior


class Relaxed(Distribution):
    """Softmax((log π + g) / τ), g of a Gumbel distribution."""

    mean = property(lambda self: self.probabilities)

    def __init__(self, logits, temperature):
        self.probabilities, self.temperature = logits.softmax(-1), temperature
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def log_prob(self, value):
        k, scores = value.shape[-1], self.mean.log() - self.temperature * value.log()
        scale = math.lgamma(k) + (k - 1) * self.temperature.log()
        return scale + (scores - value.log()).sum(-1) - k * scores.logsumexp(-1)


@draw.register
def relax(p: Relaxed, source, shape=()):
    u = source.uniform((*shape, *p.mean.shape), p.mean).clamp(1e-6, 1 - 1e-6)
    return ((p.mean.log() - (-u.log()).log()) / p.temperature).softmax(-1).clamp(min=1e-20)


class Cooling(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("uniform", torch.zeros(classes))

    def at(self, progress):
        self.temperature.fill_(1.0 - 0.5 * progress)

    def forward(self, logits=None):
        return Relaxed(self.uniform if logits is None else logits.clamp(-20, 20), self.temperature)


class GumbelSoftmax(Posterior):
    def build(self, facts):
        return Cooling(facts.latent_dim)


class UniformClasses(Prior):
    def build(self, facts):
        return Cooling(facts.latent_dim)


def make(**arguments):
    return VAE(8, posterior=GumbelSoftmax(), prior=UniformClasses(), **arguments)
