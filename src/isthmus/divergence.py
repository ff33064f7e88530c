"""Divergences D(q‖p) between posterior and prior, one value per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from .errors import CompositionError
from .source import Source
from .term import Term, mean_over_draws

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = ["KL", "Divergence"]


class Divergence(Term, kind="divergence"):
    """Base of divergences: terms that compare q(z|x) with p(z)."""

    name: ClassVar[str] = "divergence"


class KL(Divergence):
    r"""β·KL(q(z|x) ‖ p(z)), in closed form if torch knows one, otherwise as log q(z|x) − log p(z) at the drawn z.

    Parameters
    ----------
    weight : β; 1 makes the objective the evidence bound.
    warmup : the fraction of the fit over which the weight rises linearly from zero.

    References
    ----------
    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114,
        equation 3.
    Irina Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017,
        https://openreview.net/forum?id=Sy2fzU9gl, equation 4: β.
    Casper Kaae Sønderby et al., "Ladder Variational Autoencoders", 2016, https://arxiv.org/abs/1602.02282: warm-up.
    """

    warmup: float = 0.0

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without a density, and a model without a prior."""
        if not model.has_density:
            what = "no posterior" if model.posterior is None else "a posterior without a density"
            raise CompositionError(
                f"{type(self).__name__}: with {what} there is no divergence to measure: use DiagonalGaussian"
            )
        if model.prior is None:
            raise CompositionError(f"{type(self).__name__}: the model has no prior to measure a divergence from")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return KL(q‖p), (N,)."""
        try:
            return torch.as_tensor(kl_divergence(passed.q, passed.p_z))
        except NotImplementedError:
            return mean_over_draws(passed.q.log_prob(passed.z) - passed.p_z.log_prob(passed.z))
