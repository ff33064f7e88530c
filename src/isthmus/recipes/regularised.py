"""Autoencoders whose prior is fitted once the rest has learnt."""

from __future__ import annotations

from typing import Any

from ..estimators import VAE
from ..late_priors import FittedMixture, SecondStage
from ..likelihood import HomoscedasticGaussian, Likelihood
from ..objective import Sum
from ..penalty import DecoderSlope
from ..posterior import Deterministic
from ..sparsity import L2, WeightNorm
from ..term import NegativeLogLikelihood
from .registry import recipe, settings

__all__ = ["rae", "rae_gp", "two_stage_vae"]


@recipe
def rae(code: float = 0.1, decoder: float = 1e-4, components: int = 10, **given: Any) -> VAE:
    r"""Regularised autoencoder: −log p(x|z) + β ½‖z‖² + λ‖θ‖², and a mixture of Gaussians fitted to its codes.

    Partha Ghosh, Mehdi S. M. Sajjadi, Antonio Vergari, Michael Black and Bernhard Schölkopf, "From Variational to
    Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436, equation 11 with L2, section 4. Expect samples
    at least as good as a VAE's, and sharper reconstructions.

    Parameters
    ----------
    code : β.
    decoder : λ.
    components : of the mixture.
    given : arguments of `VAE`.
    """
    terms = (NegativeLogLikelihood(), L2(code), WeightNorm(decoder))
    return VAE(posterior=Deterministic(), prior=FittedMixture(components), objective=Sum(terms), **given)


@recipe
def rae_gp(code: float = 0.1, slope: float = 1e-2, components: int = 10, **given: Any) -> VAE:
    r"""Regularised autoencoder with a gradient penalty: −log p(x|z) + β ½‖z‖² + λ‖∇_z x̂‖², and a mixture of its codes.

    Partha Ghosh, Mehdi S. M. Sajjadi, Antonio Vergari, Michael Black and Bernhard Schölkopf, "From Variational to
    Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436, equation 11 with the gradient penalty. Expect a
    decoder that changes as little with z as reconstructions allow.

    Parameters
    ----------
    code : β.
    slope : λ.
    components : of the mixture.
    given : arguments of `VAE`.
    """
    terms = (NegativeLogLikelihood(), L2(code), DecoderSlope(slope))
    return VAE(posterior=Deterministic(), prior=FittedMixture(components), objective=Sum(terms), **given)


@recipe
def two_stage_vae(second_epochs: int = 100, **given: Any) -> VAE:
    r"""Two-stage VAE: a second VAE, fitted to the codes of the first, takes the place of its prior.

    Bin Dai and David Wipf, "Diagnosing and Enhancing VAE Models", 2019, https://arxiv.org/abs/1903.05789, section 4.
    The first one learns the noise of p(x|z), one σ for all values, and with it how many units it uses. Expect better
    samples than the first stage alone.

    Parameters
    ----------
    second_epochs : of the second fit.
    given : arguments of `VAE`.
    """
    likelihood: Likelihood = HomoscedasticGaussian(shared=True)
    return VAE(prior=SecondStage(epochs=second_epochs), **settings(given, likelihood=likelihood))
