"""The adversarial autoencoder: three players, no new loop."""

from __future__ import annotations

from torch import nn

from ..facts import Facts
from ..judge import Codes
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

    Three players: encoder and decoder reconstruct; D tells z ~ p(z) from z = f(x); the encoder deceives D.

    Parameters
    ----------
    {common}
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.
    discriminator : the blueprint of D on codes; ``"auto"`` is an MLP of two hidden layers.

    Attributes
    ----------
    history_ : one row an epoch, one column a term of each player.
    model_ : the fitted module.

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

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return encoder, decoder and D, which looks at codes."""
        condition = [facts.condition] if facts.condition else []
        discriminator = self.discriminator_.encoder((facts.latent_dim,), 1, *condition)
        return super().networks(facts, scaling) | {"discriminator": discriminator}

    def players(self) -> Turns:
        """Return the three players, who move at once: each row is encoded once for all."""
        value, judge, clip = NonSaturating(), Codes(), self.reconstruction_clip_norm()
        moved = ("encoder", "decoder", "posterior", "likelihood")
        return [
            (
                Player("autoencoder", Reconstruction(), moves=moved, clip_norm=clip),
                Player("encoder", Deceive(value, judge), moves=("encoder", "posterior")),
                Player("discriminator", Discriminate(value, judge=judge), moves=("discriminator",)),
            )
        ]
