"""Masked autoencoder: three quarters of a row are hidden, and the loss counts what was hidden alone.

Kaiming He et al., "Masked Autoencoders Are Scalable Vision Learners", 2022, https://arxiv.org/abs/2111.06377.
"""

import torch

from isthmus import DenoisingAutoencoder
from isthmus.corruption import Corruption
from isthmus.distributions import log_prob
from isthmus.objective import Sum
from isthmus.term import Term
from isthmus.training import Player


class Hiding(Corruption):
    """Entries read zero with probability ν; which ones is kept beside x̃."""

    fraction: float = 0.75

    def __call__(self, x, source):
        hidden = source.uniform(x.shape, x) < self.fraction
        return {"noisy": torch.where(hidden, 0.0, x), "hidden": hidden}

    def mean(self, x):
        return (1 - self.fraction) * x


class HiddenLikelihood(Term):
    """−Σ log p(xᵢ|z) over what was hidden."""

    name = "hidden"

    def __call__(self, model, passed, source):
        return -log_prob(passed.p, passed.x, observed=passed.met["hidden"])


class ThreeQuartersHidden(DenoisingAutoencoder):
    """An autoencoder that fills in what it does not see."""

    corruption: Corruption | str = "hiding"

    def players(self):
        return [Player("autoencoder", Sum((HiddenLikelihood(),)))]


def make(**arguments):
    return ThreeQuartersHidden(16, **arguments)
