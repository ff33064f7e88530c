"""Codes on a sphere and in a ball."""

from __future__ import annotations

from typing import Any

from ..estimators import VAE
from ..hyperspherical import UniformPrior, VonMisesFisherPosterior
from ..poincare import WrappedNormalPosterior, WrappedNormalPrior
from .registry import recipe

__all__ = ["hyperspherical_vae", "poincare_vae"]


@recipe
def hyperspherical_vae(latent_dim: int = 6, **given: Any) -> VAE:
    r"""VAE on the sphere: q(z|x) is von Mises–Fisher, p(z) uniform.

    Tim R. Davidson, Luca Falorsi, Nicola De Cao, Thomas Kipf and Jakub M. Tomczak, "Hyperspherical Variational
    Auto-Encoders", 2018, https://arxiv.org/abs/1804.00891. Expect codes that are told apart by direction, and no pull
    to a centre; better than a Gaussian in up to about 20 dimensions.

    Parameters
    ----------
    latent_dim : d of the sphere S^{d−1}, at least 2.
    given : arguments of `VAE`.
    """
    return VAE(latent_dim, posterior=VonMisesFisherPosterior(), prior=UniformPrior(), **given)


@recipe
def poincare_vae(latent_dim: int = 2, std: float = 1.0, **given: Any) -> VAE:
    r"""VAE in the Poincaré ball: q(z|x) and p(z) are wrapped normals.

    Emile Mathieu, Charline Le Lan, Chris J. Maddison, Ryota Tomioka and Yee Whye Teh, "Continuous Hierarchical
    Representations with Poincaré Variational Auto-Encoders", 2019, https://arxiv.org/abs/1901.06033, of curvature −1
    and with a plain decoder. Expect a better bound than a plane's for data that branch, in few dimensions.

    Parameters
    ----------
    latent_dim : d.
    std : σ of the prior.
    given : arguments of `VAE`.
    """
    return VAE(latent_dim, posterior=WrappedNormalPosterior(), prior=WrappedNormalPrior(std), **given)
