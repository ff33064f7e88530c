"""The adversarial autoencoder: three players in the same training loop."""

from __future__ import annotations

from torch import nn

from ..facts import Facts
from ..judge import Codes
from ..likelihood import Likelihood
from ..networks import MLP, Factories, Network
from ..objective import Deceive, Discriminate, Reconstruction
from ..scaling import Scaling
from ..training import Player, Turns
from ..value import NonSaturating
from .abilities import Games
from .autoencoder import Reconstructing

__all__ = ["AdversarialAutoencoder"]


class AdversarialAutoencoder(Games, Reconstructing):
    r"""Adversarial autoencoder: a discriminator of codes moves q(z) towards p(z) = N(0, I) (Makhzani et al. 2016).

    It has three players: encoder and decoder reconstruct, D tells z ~ p(z) from z = f(x), and the encoder deceives D.

    Parameters
    ----------
    {common}
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.
    discriminator : the blueprint of D on codes; ``"auto"`` is an MLP of two hidden layers.

    Attributes
    ----------
    history_ : a table with one row per epoch and one column per term of each player.
    model_ : the fitted module.

    References
    ----------
    Alireza Makhzani et al., "Adversarial Autoencoders", 2016, https://arxiv.org/abs/1511.05644.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data / 16
    >>> aae = AdversarialAutoencoder(2, max_epochs=2, random_state=0).fit(X)
    >>> aae.sample(3).shape
    (3, 64)
    """

    discriminator: Network | str | Factories = "auto"

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        code_judge = MLP((128, 128), activation="leaky_relu")
        self.discriminator_ = code_judge if self.discriminator == "auto" else self.network_part("discriminator", facts)

    def auto_likelihood(self, facts: Facts) -> Likelihood:
        """Return a squared error with σ measured at the end for rows, so that `sample` draws rows with their noise."""
        return self.measured_likelihood(facts)

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return encoder, decoder and D, a network of codes."""
        condition = [facts.condition] if facts.condition else []
        discriminator = self.discriminator_.encoder((facts.latent_dim,), 1, *condition)
        return super().networks(facts, scaling) | {"discriminator": discriminator}

    def players(self) -> Turns:
        """Return the three players, who move at the same time, so that each row is encoded only once."""
        value, judge, clip = NonSaturating(), Codes(), self.reconstruction_clip_norm()
        moved = ("encoder", "decoder", "posterior", "likelihood")
        return [
            (
                Player("autoencoder", Reconstruction(), moves=moved, clip_norm=clip),
                Player("encoder", Deceive(value, judge), moves=("encoder", "posterior")),
                Player("discriminator", Discriminate(value, judge=judge), moves=("discriminator",)),
            )
        ]
