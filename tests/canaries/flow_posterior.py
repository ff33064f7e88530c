"""A normalizing flow as the posterior: the encoder's outputs are the context of an autoregressive flow.

Danilo J. Rezende and Shakir Mohamed, "Variational Inference with Normalizing Flows", 2015,
https://arxiv.org/abs/1505.05770. The flow: George Papamakarios, Theo Pavlakou and Iain Murray, "Masked Autoregressive
Flow for Density Estimation", 2017, https://arxiv.org/abs/1705.07057.
"""

from __future__ import annotations

import zuko
from torch.distributions import Distribution

from isthmus import VAE
from isthmus.distributions import draw, event, normal
from isthmus.networks import MLP
from isthmus.posterior import Posterior

Distribution.set_default_validate_args(__debug__)  # zuko switches it off for the whole process


class Flow(zuko.distributions.NormalizingFlow):
    """A flow that has a code for every row: where it takes the mean of its base."""

    @property
    def mean(self):
        return self.transform.inv(self.base.mean)


@draw.register
def draw_flow(p: Flow, source, shape=()):
    return p.transform.inv(draw(p.base, source, shape))


class RowFlow(zuko.flows.MAF):
    """q(z|x) for a context of x, with a base that does not look at its values, so that steps can be compiled."""

    def forward(self, context):
        base = normal(*(number.expand(*context.shape[:-1], -1) for number in self.base.buffers()))
        return Flow(self.transform(context), event(base, 1))


class FlowPosterior(Posterior):
    context: int = 16

    def width(self, facts):
        return self.context

    def build(self, facts):
        return RowFlow(facts.latent_dim, self.context, transforms=2, hidden_features=(16,))


def make(**arguments):
    return VAE(4, network=MLP((32,)), posterior=FlowPosterior(), **arguments)
