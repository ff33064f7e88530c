"""Importance-weighted bounds on log p(x), and estimators of their gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .distributions import log_prob
from .model import Model, Pass
from .objective import ImportanceWeighted, Terms
from .source import Source
from .tensors import log_mean_exp

__all__ = ["CombinedBounds", "DoublyReparameterised", "MeanOfBounds"]


class MeanOfBounds(ImportanceWeighted):
    r"""−(1/m) Σⱼ log (1/k) Σᵢ w_{ij} over m groups of k draws each, the bound of MIWAE.

    Between the evidence bound (k = 1) and the bound of all draws (m = 1): its gradients for the encoder have more
    signal to their noise than those of the latter.

    Tom Rainforth et al., "Tighter Variational Bounds are Not Necessarily Better", 2018,
    https://arxiv.org/abs/1802.04537, equation 14.

    Parameters
    ----------
    draws : mk, all draws.
    groups : m.
    """

    draws: int = 8
    groups: int = 2

    def check(self) -> None:
        super().check()
        self.require_count("groups", self.groups)
        self.require(
            self.draws % self.groups == 0, f"groups of one size: {self.draws} draws do not make {self.groups} groups"
        )

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return the negative mean of the groups' bounds."""
        log_weights = passed.log_weights.reshape(self.groups, -1, passed.batch.rows)
        each = math.log(self.draws // self.groups) - torch.logsumexp(log_weights, 1)
        return {"bound": each.mean(0)}


class CombinedBounds(ImportanceWeighted):
    r"""β times the evidence bound and 1 − β times the importance-weighted bound, both of the same draws: CIWAE.

    Tom Rainforth et al., "Tighter Variational Bounds are Not Necessarily Better", 2018,
    https://arxiv.org/abs/1802.04537, equation 15.

    Parameters
    ----------
    draws : k.
    beta : β, in [0, 1].
    """

    draws: int = 8
    beta: float = 0.5

    def check(self) -> None:
        super().check()
        self.require(0 <= self.beta <= 1, f"beta must lie in [0, 1], got {self.beta}")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return the negative combination."""
        log_weights = passed.log_weights
        return {"bound": -self.beta * log_weights.mean(0) - (1 - self.beta) * log_mean_exp(log_weights)}


class DoublyReparameterised(ImportanceWeighted):
    r"""The importance-weighted bound with the doubly reparameterised gradient of the encoder's weights φ.

    ∇_φ = 𝔼 Σᵢ w̃ᵢ² (∂ log wᵢ/∂zᵢ)(∂zᵢ/∂φ), with w̃ᵢ = wᵢ/Σⱼwⱼ and φ held fixed inside wᵢ: the same mean as the
    gradient of `ImportanceWeighted`, and a variance that falls as k grows. The value, and the decoder's gradient, are
    those of `ImportanceWeighted`.

    George Tucker, Dieterich Lawson, Shixiang Gu and Chris J. Maddison, "Doubly Reparameterized Gradient Estimators for
    Monte Carlo Objectives", 2019, https://arxiv.org/abs/1810.04152, equation 8.

    Parameters
    ----------
    draws : k.
    """

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return the negative bound, whose gradient is the estimator's."""
        if not torch.is_grad_enabled():
            return super().__call__(model, passed, source)
        z = passed.z.detach().requires_grad_()
        likelihood = log_prob(model.decode(z, passed.condition), passed.x, passed.batch.observed)
        joint, log_q = likelihood + passed.p_z.log_prob(z), passed.q.log_prob(z)
        log_weights = joint - log_q
        share = log_weights.detach().softmax(0)  # w̃
        (slope,) = torch.autograd.grad((share * log_weights).sum(), z, retain_graph=True)  # w̃ᵢ ∂ log wᵢ/∂zᵢ
        through_z = (share[..., None] * slope * passed.z).sum((0, -1))
        climbed: Tensor = (share * joint).sum(0) + through_z
        return {"bound": climbed.detach() - climbed - log_mean_exp(log_weights.detach())}
