"""The adversarial autoencoder: three players, no new loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..networks import MLP
from ..objective import Deceive, Discriminate, Reconstruction
from ..prior import StandardNormal
from ..training import Player
from ..value import NonSaturating
from ._sampling import Rivals
from .autoencoder import _Deterministic

__all__ = ["AdversarialAutoencoder"]


class AdversarialAutoencoder(Rivals, _Deterministic):
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

    discriminator: Any = "auto"

    def _resolve(self, X: np.ndarray) -> None:
        super()._resolve(X)
        code_judge = MLP((128, 128), activation="leaky_relu")
        self.discriminator_ = code_judge if self.discriminator == "auto" else self._resolve_network(self.discriminator)

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {"prior": StandardNormal(), "discriminator": self.discriminator_, "judges": "codes"}

    def _players(self) -> list[Player]:
        value = NonSaturating()
        return [
            Player(
                "autoencoder",
                Reconstruction(),
                moves=("encoder", "decoder", "likelihood"),
                clip_norm=self._clip_norm(),
            ),
            Player("discriminator", Discriminate(value, judges="codes"), moves=("discriminator",)),
            Player("encoder", Deceive(value, judges="codes"), moves=("encoder",)),
        ]
