"""Codes whose distribution over all rows is pulled to the prior, whatever that of one row is."""

from __future__ import annotations

from typing import Any

from ..aggregated import MMD
from ..divergence import KL
from ..estimators import VAE
from ..objective import Sum
from ..posterior import Deterministic
from ..term import NegativeLogLikelihood
from .registry import recipe

__all__ = ["info_vae", "wae_mmd"]


@recipe
def wae_mmd(weight: float = 10.0, **given: Any) -> VAE:
    r"""Wasserstein autoencoder: −log p(x|z) + λ MMD(q(z), p(z)), with a code z = f(x) without noise.

    Ilya Tolstikhin, Olivier Bousquet, Sylvain Gelly and Bernhard Schölkopf, "Wasserstein Auto-Encoders", 2018,
    https://arxiv.org/abs/1711.01558, algorithm 2. Expect sharper reconstructions than a VAE's, and codes that are
    normal as a whole.

    Parameters
    ----------
    weight : λ.
    given : arguments of `VAE`.
    """
    return VAE(posterior=Deterministic(), objective=Sum((NegativeLogLikelihood(), MMD(weight))), **given)


@recipe
def info_vae(alpha: float = 0.5, weight: float = 10.0, **given: Any) -> VAE:
    r"""InfoVAE: −𝔼_q log p(x|z) + (1 − α) KL(q(z|x) ‖ p(z)) + (α + λ − 1) MMD(q(z), p(z)); α = 1 is the MMD-VAE.

    Shengjia Zhao, Jiaming Song and Stefano Ermon, "InfoVAE: Balancing Learning and Inference in Variational
    Autoencoders", 2019, https://arxiv.org/abs/1706.02262, equation 6. Expect codes that hold more of x than a VAE's.

    Parameters
    ----------
    alpha : α ≤ 1, the weight of the information between x and z.
    weight : λ ≥ 1 − α.
    given : arguments of `VAE`.
    """
    terms = (NegativeLogLikelihood(), KL(1 - alpha), MMD(alpha + weight - 1))
    return VAE(objective=Sum(terms if alpha < 1 else (terms[0], terms[2])), **given)
