"""Two stochastic layers: q(h₁, h₂|x) = q(h₁|x) q(h₂|h₁) and p(x, h₁, h₂) = p(x|h₁) p(h₁|h₂) p(h₂).

Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
https://arxiv.org/abs/1509.00519, section 5 and equation 6.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from isthmus import VAE
from isthmus.distributions import Chain
from isthmus.networks import MLP
from isthmus.objective import ImportanceWeighted
from isthmus.posterior import DiagonalGaussian, Posterior
from isthmus.prior import Prior


class Layers(nn.Module):
    """The layer that is drawn first is N(0, I) without a context; the other is Gaussian given the first."""

    def __init__(self, facts, downwards):
        super().__init__()
        self.half, self.downwards = facts.latent_dim // 2, downwards
        self.gaussian = DiagonalGaussian().build(replace(facts, latent_dim=self.half))
        self.network = nn.Sequential(nn.Linear(self.half, 32), nn.Tanh(), nn.Linear(32, 2 * self.half))

    def forward(self, context=None):
        context = self.network[0].weight.new_zeros(2 * self.half) if context is None else context
        return Chain(self.gaussian(context), lambda h: self.gaussian(self.network(h)), reverse=self.downwards)


class Upwards(Posterior):
    """q(h₁|x) q(h₂|h₁); the encoder returns mean and log variance of h₁, d numbers for two layers of d/2."""

    def build(self, facts):
        return Layers(facts, downwards=False)


class Downwards(Prior):
    """p(h₂) p(h₁|h₂)."""

    def build(self, facts):
        return Layers(facts, downwards=True)


class FromFirst(MLP):
    """A decoder that is shown h₁ alone: a padding of −d/2 numbers crops h₂."""

    def decoder(self, inputs, shape, outputs, condition=0):
        return nn.Sequential(nn.ZeroPad1d((0, -inputs // 2)), super().decoder(inputs // 2, shape, outputs))


def make(**arguments):
    return VAE(
        8,
        network=FromFirst((32,)),
        posterior=Upwards(),
        prior=Downwards(),
        objective=ImportanceWeighted(3),
        **arguments,
    )
