"""Rows that are drawn anew whenever they are presented: the target of the reconstruction changes with the input.

Such a corruption returns ``"x"``, in place of ``"noisy"`` or beside it: the encoder sees it, and the loss is of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from .corruption import Corruption
from .source import Source

__all__ = ["Binarised", "Dequantised"]


class Binarised(Corruption):
    r"""x ~ B(x/w): grey values from 0 to w are the probabilities of white, drawn at every presentation.

    The protocol of dynamically binarised MNIST. A held-out row is binarised by whoever scores it, once.

    Ruslan Salakhutdinov and Iain Murray, "On the Quantitative Analysis of Deep Belief Networks", 2008,
    https://doi.org/10.1145/1390156.1390266, section 5; at every presentation: Yuri Burda, Roger Grosse and Ruslan
    Salakhutdinov, "Importance Weighted Autoencoders", 2016, https://arxiv.org/abs/1509.00519, appendix D.

    Parameters
    ----------
    white : w, the value that is white for certain: 1, or 255 for pictures kept as uint8.

    >>> from sklearn.datasets import load_digits
    >>> from isthmus import VAE
    >>> X = load_digits().data / 16
    >>> vae = VAE(4, likelihood="bernoulli", corruption=Binarised(), max_epochs=2, random_state=0).fit(X)
    >>> vae.sample(3).shape
    (3, 64)
    """

    white: float = 1.0

    def check(self) -> None:
        self.require_positive("white", self.white)

    def __call__(self, x: Tensor, source: Source) -> Mapping[str, Tensor]:
        """Draw x, each entry 0 or w."""
        return {"x": self.white * (source.uniform(x.shape, x) < x / self.white).to(x.dtype)}


class Dequantised(Corruption):
    r"""x + s·u, u ~ U(0, 1): values that were rounded to multiples of s become continuous, anew at every presentation.

    The density of the result is a bound on the probability of the rounded values; without the noise it has none.

    Lucas Theis, Aäron van den Oord and Matthias Bethge, "A note on the evaluation of generative models", 2016,
    https://arxiv.org/abs/1511.01844, section 3.1.

    Parameters
    ----------
    step : s, the distance between two values: 1 for pictures kept as uint8.
    """

    step: float = 1.0

    def check(self) -> None:
        self.require_positive("step", self.step)

    def __call__(self, x: Tensor, source: Source) -> Mapping[str, Tensor]:
        """Draw x + s·u."""
        return {"x": x + self.step * source.uniform(x.shape, x)}

    def mean(self, x: Tensor) -> Tensor:
        """Return x + s/2."""
        return x + self.step / 2
