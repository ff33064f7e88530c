"""Tighter bounds, richer priors, more layers: variational autoencoders whose score is a bound on log p(x)."""

from __future__ import annotations

from typing import Any

from ..bounds import CombinedBounds, DoublyReparameterised, MeanOfBounds
from ..divergence import FreeBits
from ..estimators import VAE
from ..networks import MLP
from ..objective import ELBO, ImportanceWeighted
from ..prior import VampPrior
from ..stochastic_layers import FirstLayer, TwoLayerPosterior, TwoLayerPrior
from ..training import Player, Turns
from .registry import recipe, settings

__all__ = ["PIWAE", "ciwae", "dreg", "free_bits", "iwae", "miwae", "piwae", "two_layers", "vamp_prior"]


@recipe
def iwae(draws: int = 5, **given: Any) -> VAE:
    r"""Importance-weighted autoencoder: −log (1/k) Σᵢ p(x, zᵢ)/q(zᵢ|x), a tighter bound than the evidence bound.

    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
    https://arxiv.org/abs/1509.00519, equation 8. Expect a lower −log p(x) and more active units than with k = 1.

    Parameters
    ----------
    draws : k; a step costs the decoder k times over.
    given : arguments of `VAE`.
    """
    return VAE(objective=ImportanceWeighted(draws), **given)


@recipe
def miwae(draws: int = 8, groups: int = 2, **given: Any) -> VAE:
    r"""Multiply importance-weighted autoencoder: the mean of m bounds of k draws each.

    Tom Rainforth et al., "Tighter Variational Bounds are Not Necessarily Better", 2018,
    https://arxiv.org/abs/1802.04537, equation 14. Expect an encoder that learns better than with one bound of mk draws,
    and a bound in between.

    Parameters
    ----------
    draws : mk.
    groups : m.
    given : arguments of `VAE`.
    """
    return VAE(objective=MeanOfBounds(draws, groups), **given)


@recipe
def ciwae(draws: int = 8, beta: float = 0.5, **given: Any) -> VAE:
    r"""Combination importance-weighted autoencoder: β times the evidence bound, 1 − β times the bound of k draws.

    Tom Rainforth et al., "Tighter Variational Bounds are Not Necessarily Better", 2018,
    https://arxiv.org/abs/1802.04537, equation 15. Expect a posterior nearer to the exact one than an IWAE's.

    Parameters
    ----------
    draws : k.
    beta : β.
    given : arguments of `VAE`.
    """
    return VAE(objective=CombinedBounds(draws, beta), **given)


class PIWAE(VAE):
    """Partially importance-weighted autoencoder, a variational autoencoder of two players who share their draws.

    Parameters
    ----------
    {common}
    draws : of a row, all of which are in the decoder's bound.
    groups : the number of groups of draws, each with a bound of its own, whose mean is the encoder's objective.
    """

    watch = "validation_decoder_loss"
    draws: int = 8
    groups: int = 2

    def players(self) -> Turns:
        """Return the encoder, on the mean of the groups' bounds, and the decoder, on the bound of all draws."""
        clip = self.reconstruction_clip_norm()
        encoder, decoder = MeanOfBounds(self.draws, self.groups), ImportanceWeighted(self.draws)
        return [
            (
                Player("encoder", encoder, moves=("encoder", "posterior"), clip_norm=clip),
                Player("decoder", decoder, moves=("decoder", "likelihood", "prior"), clip_norm=clip),
            )
        ]


@recipe
def piwae(draws: int = 8, groups: int = 2, **given: Any) -> PIWAE:
    r"""Partially importance-weighted autoencoder: the decoder climbs the bound of mk draws, the encoder m of k each.

    Tom Rainforth et al., "Tighter Variational Bounds are Not Necessarily Better", 2018,
    https://arxiv.org/abs/1802.04537, section 4.3. Expect both networks at least as good as an IWAE's.

    Parameters
    ----------
    draws : mk.
    groups : m.
    given : arguments of `VAE`.
    """
    return PIWAE(draws=draws, groups=groups, **given)


@recipe
def dreg(draws: int = 8, **given: Any) -> VAE:
    r"""Importance-weighted autoencoder with doubly reparameterised gradients, less noisy the more draws there are.

    George Tucker, Dieterich Lawson, Shixiang Gu and Chris J. Maddison, "Doubly Reparameterized Gradient Estimators for
    Monte Carlo Objectives", 2019, https://arxiv.org/abs/1810.04152, equation 8. Expect the IWAE's bound or better, the
    more so the larger k.

    Parameters
    ----------
    draws : k.
    given : arguments of `VAE`.
    """
    return VAE(objective=DoublyReparameterised(draws), **given)


@recipe
def two_layers(draws: int = 1, first: int | None = None, hidden: int = 100, **given: Any) -> VAE:
    r"""Two stochastic layers: q(h₁|x) q(h₂|h₁) and p(x|h₁) p(h₁|h₂) p(h₂), the code being (h₁, h₂).

    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
    https://arxiv.org/abs/1509.00519, section 5, with 100 + 50 units and two layers of 200 and of 100. Expect a lower
    −log p(x) than with one layer.

    Parameters
    ----------
    draws : k of the importance-weighted bound.
    first : the width of h₁; None is half of `latent_dim`.
    hidden : the width of both layers between h₁ and h₂; the other way they lead from h₂ to h₁.
    given : arguments of `VAE`.
    """
    between = (hidden, hidden)
    return VAE(
        posterior=TwoLayerPosterior(first, between),
        prior=TwoLayerPrior(first, between),
        objective=ImportanceWeighted(draws),
        **settings(given, network=FirstLayer(MLP((200, 200), activation="tanh"), first)),
    )


@recipe
def vamp_prior(components: int = 500, **given: Any) -> VAE:
    r"""VAE with a VampPrior: p(z) = (1/K) Σₖ q(z|uₖ), a mixture of the posteriors of K learnt pseudo-inputs.

    Jakub M. Tomczak and Max Welling, "VAE with a VampPrior", 2018, https://arxiv.org/abs/1705.07120, equation 9. Expect
    a lower −log p(x) than with N(0, I): by two nats on MNIST.

    Parameters
    ----------
    components : K.
    given : arguments of `VAE`.
    """
    return VAE(prior=VampPrior(components), **given)


@recipe
def free_bits(nats: float = 0.1, **given: Any) -> VAE:
    r"""VAE with free bits: Σᵤ max(λ, KLᵤ), so that no unit is pressed below λ nats.

    Diederik P. Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", 2016,
    https://arxiv.org/abs/1606.04934, appendix C.8. Expect more active units.

    Parameters
    ----------
    nats : λ.
    given : arguments of `VAE`.
    """
    return VAE(objective=ELBO(FreeBits(nats=nats)), **given)
