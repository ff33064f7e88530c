"""Codes out of a codebook."""

from __future__ import annotations

from typing import Any

from ..estimators import VAE
from ..objective import Sum
from ..quantised import Commitment, QuantisedPrior, VectorQuantised
from ..term import NegativeLogLikelihood
from .registry import recipe

__all__ = ["vq_vae"]


@recipe
def vq_vae(entries: int = 64, stretch: int = 2, commitment: float = 0.25, latent_dim: int = 16, **given: Any) -> VAE:
    r"""VQ-VAE: each stretch of a code is the nearest entry of a codebook, −log p(x|e(x)) + β‖f(x) − sg[e(x)]‖².

    Aäron van den Oord, Oriol Vinyals and Koray Kavukcuoglu, "Neural Discrete Representation Learning", 2017,
    https://arxiv.org/abs/1711.00937, equation 3. The codebooks follow the encoder by moving averages; the prior counts
    how often each entry is used, stretch by stretch. Expect reconstructions like an autoencoder's from a few bits.

    Parameters
    ----------
    entries : of each codebook.
    stretch : the width of an entry.
    commitment : β.
    latent_dim : the width of the code, a multiple of `stretch`.
    given : arguments of `VAE`.
    """
    return VAE(
        latent_dim,
        posterior=VectorQuantised(entries, stretch),
        prior=QuantisedPrior(entries, stretch),
        objective=Sum((NegativeLogLikelihood(), Commitment(commitment))),
        **given,
    )
