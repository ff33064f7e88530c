"""The generative adversarial net."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if

from ..errors import CompositionError
from ..networks import MLP, Conv, Network
from ..objective import Deceive, Discriminate
from ..parts import resolve
from ..penalty import R1, CriticPenalty
from ..prior import StandardNormal
from ..training import Adam, Player, Training
from ..value import NonSaturating, Value
from ._sampling import Rivals
from .base import _is_image

__all__ = ["GAN"]


def _estimates_probability(estimator: Any) -> bool:
    value = estimator.value_ if hasattr(estimator, "value_") else resolve("value", estimator.value, NonSaturating)
    return bool(value.probability)


class GAN(Rivals):
    r"""Generative adversarial net: min_G max_D V(D, G) (Goodfellow et al. 2014, equation 1).

    D tells data from G(z), z ~ p(z); G is trained to make that impossible. Samples come from averaged weights.

    Parameters
    ----------
    {common}
        For a GAN, ``latent_dim="auto"`` is a quarter of the features, from 2 to 64.
    discriminator : the blueprint of D; ``"auto"`` is the generator's mirror image.
    value : V(D, G), a `Value` or its name: ``"minimax"`` is the lecture's, ``"wasserstein"``, ...; ``"auto"`` is the
        non-saturating one.
    penalties : on ∇D, a sequence of `CriticPenalty`, such as ``(Interpolated(10.0),)`` for WGAN-GP; ``"auto"`` is
        `R1` with the non-saturating value (Mescheder et al. 2018), its weight 0.02 a feature and at most 2, and none
        with any other value.
    discriminator_steps : how many steps D takes to one of G's.

    Attributes
    ----------
    history_ : one row an epoch, one column a term of either player.
    model_ : the fitted module.
    value_, penalties_, latent_dim_, network_, discriminator_, likelihood_, precision_ : what was used.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> gan = GAN(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    >>> gan.sample(3).shape, gan.generate(np.zeros((4, 2))).shape
    ((3, 2), (4, 2))
    """

    _recipe: ClassVar[Training] = Training(optimizer=Adam(beta1=0.0, beta2=0.99), averaging=0.999)

    learning_rate: float = 2e-3
    discriminator: Any = "auto"
    value: Any = "auto"
    penalties: Any = "auto"
    discriminator_steps: int = 1

    def _resolve(self, X: np.ndarray) -> None:
        super()._resolve(X)
        self.discriminator_ = self._resolve_network(self.discriminator)
        self.value_ = resolve("value", self.value, NonSaturating)
        self.penalties_ = self._resolve_penalties()
        if not isinstance(self.value_, Value):
            raise CompositionError(f"value must be a Value or its name, got {self.value!r}")
        if not isinstance(self.discriminator_steps, int) or self.discriminator_steps < 1:
            raise CompositionError(f"discriminator_steps must be at least 1, got {self.discriminator_steps!r}")

    def _resolve_penalties(self) -> tuple[CriticPenalty, ...]:
        if isinstance(self.penalties, str) and self.penalties == "auto":
            return (R1(min(2.0, 0.02 * math.prod(self.shape_))),) if isinstance(self.value_, NonSaturating) else ()
        given = (
            self.penalties
            if isinstance(self.penalties, Sequence) and not isinstance(self.penalties, str)
            else (self.penalties,)
        )
        penalties = tuple(resolve("critic_penalty", penalty) for penalty in given if penalty is not None)
        if not all(isinstance(penalty, CriticPenalty) for penalty in penalties):
            raise CompositionError(f"penalties must be a sequence of CriticPenalty, got {self.penalties!r}")
        return penalties

    def _auto_latent_dim(self, n_features: int) -> int:
        return max(2, min(64, n_features // 4))

    def _auto_network(self) -> Network:
        if _is_image(self.shape_):
            return Conv(activation="leaky_relu")
        return MLP((128, 128, 128))

    def _parts(self) -> dict[str, Any]:
        return {"prior": StandardNormal(), "discriminator": self.discriminator_}

    def _players(self) -> list[Player]:
        return [
            Player("discriminator", Discriminate(self.value_, self.penalties_), moves=("discriminator",)),
            Player(
                "generator",
                Deceive(self.value_),
                moves=("decoder", "likelihood"),
                every=self.discriminator_steps,
            ),
        ]

    def generate(self, Z: Any) -> np.ndarray:
        """Return G(z) for codes (N, d), in the data's shape and units."""
        return self._map(self._check_codes(Z), self._decoded, self.dtype_)

    @available_if(_estimates_probability)  # type: ignore[untyped-decorator]
    def discriminate(self, X: Any) -> np.ndarray:
        """Return D(x) ∈ (0, 1) for each row: p_data/(p_data + p_g), as far as D has learnt it.

        There only where V makes D a probability: the minimax and the non-saturating value.
        """
        rows = self._check_rows(X)
        return self._map(rows, lambda x: torch.sigmoid(self.model_.discriminate(self.model_.scaled(x))), rows.dtype)
