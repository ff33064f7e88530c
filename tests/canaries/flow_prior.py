"""A normalizing flow as the prior, learnt with the rest.

Xi Chen, Diederik P. Kingma, Tim Salimans, Yan Duan, Prafulla Dhariwal, John Schulman, Ilya Sutskever and Pieter Abbeel,
"Variational Lossy Autoencoder", 2017, https://arxiv.org/abs/1611.02731, section 3.2. The flow: Conor Durkan, Artur
Bekasov, Iain Murray and George Papamakarios, "Neural Spline Flows", 2019, https://arxiv.org/abs/1906.04032.
"""

from __future__ import annotations

import zuko
from torch.distributions import Distribution

from isthmus import VAE
from isthmus.distributions import draw, event, normal
from isthmus.networks import MLP
from isthmus.prior import Prior

Distribution.set_default_validate_args(__debug__)  # zuko switches it off for the whole process


@draw.register
def draw_flow(p: zuko.distributions.NormalizingFlow, source, shape=()):
    return p.transform.inv(draw(p.base, source, shape))


def unchecked(loc, scale):
    return event(normal(loc, scale), 1)


class FlowPrior(Prior):
    """p(z), a neural spline flow."""

    def build(self, facts):
        flow = zuko.flows.NSF(facts.latent_dim, transforms=2, bins=4, hidden_features=(16,))
        flow.base.f = unchecked  # a base that does not look at its values, so that steps can be compiled
        return flow


def make(**arguments):
    return VAE(4, network=MLP((32,)), prior=FlowPrior(), **arguments)
