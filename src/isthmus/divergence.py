"""Divergences D(q‖p) between posterior and prior, one value a sample."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from .parts import Part

__all__ = ["KL", "Divergence"]


class Divergence(Part, kind="divergence"):
    """Base of divergences: ``divergence(q, p, z) -> (N,)`` and the weight it has at a moment of the fit."""

    def __call__(self, q: Distribution, p: Distribution, z: Tensor) -> Tensor:
        """Return D(q‖p) for each sample; z is a draw from q, (..., N, d), for those with no closed form."""
        raise NotImplementedError

    def weight_at(self, progress: float) -> float:
        """Return the weight when a fraction `progress` of the fit is done."""
        return 1.0


class KL(Divergence):
    r"""β·KL(q(z|x) ‖ p(z)): in closed form where one is known, otherwise log q(z|x) − log p(z) at the drawn z.

    Kingma & Welling 2014, equation 3; β from Higgins et al. 2017, equation 4; warm-up from Sønderby et al. 2016.

    Parameters
    ----------
    weight : β; 1 is the evidence bound.
    warmup : the fraction of the fit over which the weight rises linearly from zero. Being a fraction, it cannot
        outlast the fit.
    """

    weight: float = 1.0
    warmup: float = 0.0

    def check(self) -> None:
        self.require(self.weight >= 0, f"weight must not be negative, got {self.weight}")
        self.require(0 <= self.warmup <= 1, f"warmup is a fraction of the fit, in [0, 1], got {self.warmup}")

    def __call__(self, q: Distribution, p: Distribution, z: Tensor) -> Tensor:
        """Return KL(q‖p), (N,)."""
        try:
            return torch.as_tensor(kl_divergence(q, p))
        except NotImplementedError:
            log_ratio = q.log_prob(z) - p.log_prob(z)
            return log_ratio.flatten(0, -2).mean(0) if log_ratio.ndim > 1 else log_ratio

    def weight_at(self, progress: float) -> float:
        """Return β·min(1, progress / warmup)."""
        return self.weight * (min(1.0, progress / self.warmup) if self.warmup else 1.0)
