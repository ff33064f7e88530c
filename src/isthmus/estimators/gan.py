"""The generative adversarial net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from torch import nn

from ..data.output import rows_back
from ..errors import CompositionError
from ..facts import Facts
from ..judge import Data
from ..likelihood import Bernoulli, Likelihood
from ..networks import MLP, Conv, Factories, Network
from ..objective import Deceive, Discriminate
from ..parts import resolve
from ..penalty import R1, CriticPenalty
from ..scaling import Scaling
from ..training import Adam, Player, Training, Turns
from ..typing import ArrayLike
from ..value import NonSaturating, Value
from .abilities import Games
from .choices import is_grey, is_image, is_mixed

__all__ = ["GAN"]


def _estimates_probability(estimator: Any) -> bool:
    value = estimator.value_ if hasattr(estimator, "value_") else resolve("value", estimator.value, NonSaturating)
    return bool(value.probability)


class GAN(Games):
    r"""Generative adversarial net: min_G max_D V(D, G) (Goodfellow et al. 2014, equation 1).

    D learns to tell data from G(z), z ~ p(z), and G learns to make that impossible. Samples use averaged weights.

    Parameters
    ----------
    {common}
        For a GAN, ``latent_dim="auto"`` is a quarter of the features, from 2 to 64.
    discriminator : the blueprint of D; ``"auto"`` is the generator's mirror image.
    value : V(D, G), a `Value` or its name, such as ``"minimax"`` or ``"wasserstein"``; ``"auto"`` is
        ``"nonsaturating"``.
    penalties : penalties on ∇D, a sequence of `CriticPenalty`, such as ``(Interpolated(10.0),)`` for WGAN-GP. With the
        non-saturating value, ``"auto"`` is `R1` (Mescheder et al. 2018) with weight 0.02 per feature, at most 2; with
        any other value it is no penalty.
    discriminator_steps : steps of D for each step of G.

    Attributes
    ----------
    history_ : a table with one row per epoch and one column per term of each player.
    model_ : the fitted module.
    value_, penalties_, latent_dim_, network_, discriminator_, likelihood_, precision_ : the choices for arguments that
        are ``"auto"`` or names.

    References
    ----------
    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661.
    Lars Mescheder, Andreas Geiger and Sebastian Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
        https://arxiv.org/abs/1801.04406.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> gan = GAN(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    >>> gan.sample(3).shape, gan.generate(np.zeros((4, 2))).shape
    ((3, 2), (4, 2))
    """

    recipe: ClassVar[Training] = Training(optimizer=Adam(beta1=0.0, beta2=0.99), averaging=0.999)

    takes_gaps: ClassVar[bool] = False

    learning_rate: float = 2e-3
    discriminator: Network | str | Factories = "auto"
    value: Value | str = "auto"
    penalties: Sequence[CriticPenalty | str] | CriticPenalty | str | None = "auto"
    discriminator_steps: int = 1

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.discriminator_ = self.network_part("discriminator", facts)
        self.value_ = self.part("value", Value, NonSaturating)
        self.penalties_ = self._penalties(facts)
        if not isinstance(self.discriminator_steps, int) or self.discriminator_steps < 1:
            raise CompositionError(f"discriminator_steps must be at least 1, got {self.discriminator_steps!r}")

    def _penalties(self, facts: Facts) -> tuple[CriticPenalty, ...]:
        if isinstance(self.penalties, str) and self.penalties == "auto":
            return (R1(min(2.0, 0.02 * facts.features)),) if isinstance(self.value_, NonSaturating) else ()
        given = (
            self.penalties
            if isinstance(self.penalties, Sequence) and not isinstance(self.penalties, str)
            else (self.penalties,)
        )
        penalties = tuple(resolve("critic_penalty", penalty) for penalty in given if penalty is not None)
        if not all(isinstance(penalty, CriticPenalty) for penalty in penalties):
            raise CompositionError(f"penalties must be a sequence of CriticPenalty, got {self.penalties!r}")
        return penalties

    def auto_likelihood(self, facts: Facts) -> Likelihood:
        """Return what maps G's output to where the data lie: a sigmoid for values in [0, 1]; no density is taken."""
        within = facts.bounds is not None and facts.bounds[0] >= 0 and facts.bounds[1] <= 1
        bounded = (within or is_grey(facts)) and not is_mixed(facts)
        return Bernoulli() if bounded else super().auto_likelihood(facts)

    def auto_latent_dim(self, facts: Facts) -> int:
        """Return a quarter of the features, from 2 to 64."""
        return max(2, min(64, facts.features // 4))

    def auto_network(self, facts: Facts) -> Network:
        """Return convolutions with leaky units for images, three hidden layers for rows."""
        return Conv(activation="leaky_relu") if is_image(facts) else MLP((128, 128, 128))

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return the generator, named decoder, and D."""
        condition = [facts.condition] if facts.condition else []
        return super().networks(facts, scaling) | {
            "discriminator": self.discriminator_.encoder(scaling.input_shape, 1, *condition)
        }

    def players(self) -> Turns:
        """Return D, then G."""
        return [
            Player("discriminator", Discriminate(self.value_, self.penalties_), moves=("discriminator",)),
            Player(
                "generator",
                Deceive(self.value_),
                moves=("decoder", "likelihood", "prior"),
                every=self.discriminator_steps,
            ),
        ]

    def generate(self, Z: ArrayLike, condition: ArrayLike | None = None) -> Any:
        """Return G(z) for codes (N, d), in the data's shape and units; a frame where the fit was on one."""
        return rows_back(self, self.fitted_.decode(Z, condition), Z)

    @available_if(_estimates_probability)  # type: ignore[untyped-decorator]
    def discriminate(self, X: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return D(x) ∈ (0, 1) for each row, D's estimate of p_data/(p_data + p_g).

        The method exists if V makes D a probability: for the minimax and the non-saturating value.
        """
        fitted = self.fitted_
        rows, model = fitted.rows(X), fitted.model
        return fitted.map(
            rows,
            lambda x, c: torch.sigmoid(Data().logits(model, model.scaling.inputs(model.scaled(x)), c)),
            condition=fitted.conditions(condition, len(rows), X),
        )
