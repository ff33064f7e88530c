"""Models of each class: p(x|class)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from ..estimators import GAN, VAE, Estimator
from ..prior import ConditionalGaussian
from ..typing import ArrayLike
from .registry import recipe

__all__ = ["ClassGAN", "ClassVAE", "conditional_gan", "conditional_vae"]


class _OfClasses(Estimator, system=False):
    """An estimator that takes the class of each row, a whole number from 0 to `classes` − 1, as y or condition."""

    classes: int = 10

    def numbers_of(self, condition: ArrayLike) -> ArrayLike:
        """Return classes as one-hot rows."""
        named = np.asarray(condition)
        numbers = np.asarray(named, dtype=np.float64)
        wrong = (numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= self.classes)
        if named.ndim > 1 or wrong.any():
            first = numbers.reshape(-1)[int(np.reshape(wrong, -1).argmax())] if wrong.any() else named.shape
            raise DataError(f"classes must be whole numbers from 0 to {self.classes - 1}, one a row, got {first}")
        one_hot: np.ndarray = np.eye(self.classes)[numbers.astype(np.int64).reshape(-1)]
        return one_hot

    def condition_of(self, y: ArrayLike | None) -> ArrayLike | None:
        """Return y, the class of each row."""
        if y is None:
            raise DataError(f"{type(self).__name__} needs the class of each row: fit(X, y)")
        return y


class ClassVAE(_OfClasses, VAE):
    """Variational autoencoder of each class: encoder, decoder and prior are given the class.

    Parameters
    ----------
    {common}
    classes : the number of classes.
    """


class ClassGAN(_OfClasses, GAN):
    """Generative adversarial net of each class: both networks are given the class.

    Parameters
    ----------
    {common}
    classes : the number of classes.
    """


@recipe
def conditional_vae(classes: int = 10, **given: Any) -> ClassVAE:
    r"""Class-conditional VAE: q(z|x, c), p(z|c) and p(x|z, c), fitted by ``fit(X, y)`` with classes c = y.

    Kihyuk Sohn, Honglak Lee and Xinchen Yan, "Learning Structured Output Representation using Deep Conditional
    Generative Models", 2015, https://papers.nips.cc/paper/5775, equation 4. ``sample(n, condition=3)`` makes threes.

    Parameters
    ----------
    classes : the number of classes.
    given : arguments of `VAE`.
    """
    return ClassVAE(classes=classes, prior=ConditionalGaussian(), **given)


@recipe
def conditional_gan(classes: int = 10, **given: Any) -> ClassGAN:
    r"""Class-conditional GAN: G(z, c) and D(x, c), fitted by ``fit(X, y)`` with classes c = y.

    Mehdi Mirza and Simon Osindero, "Conditional Generative Adversarial Nets", 2014, https://arxiv.org/abs/1411.1784.
    ``sample(n, condition=3)`` makes threes.

    Parameters
    ----------
    classes : the number of classes.
    given : arguments of `GAN`.
    """
    return ClassGAN(classes=classes, **given)
