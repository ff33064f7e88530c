"""Corruptions p(x̃|x): the noise that a denoising autoencoder learns to undo.

A corruption is called with a floating-point batch x (N, ...) in the data's own units and a source of randomness. It
returns x̃ of the same shape and does not change x. Choose a corruption like the noise of the data to be cleaned.

A corruption may also return a mapping: x̃ under the name ``"noisy"`` and further tensors, such as the noise level as a
condition for the networks, or a mask of the hidden entries for a term of the loss. All of them become part of the batch
that the encoder sees (`Pass.met`). One that returns ``"x"`` draws the target anew, too (`isthmus.redrawn`).

>>> class AnyLevel(Corruption):
...     "x̃ = x + σε, σ ~ U(0, 1), and the networks get σ."
...     condition_width = 1
...     def __call__(self, x, source):
...         level = source.uniform((len(x), 1), x)
...         return {"noisy": x + level * source.normal(x.shape, x), "condition": level}
>>> from isthmus import DenoisingAutoencoder
>>> X = np.random.default_rng(0).normal(size=(64, 5))
>>> model = DenoisingAutoencoder(2, corruption=AnyLevel(), max_epochs=1, random_state=0).fit(X)
>>> model.reconstruct(X, condition=np.full((64, 1), 0.5)).shape
(64, 5)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from .errors import DataError
from .facts import Facts
from .parts import Part
from .source import Source

__all__ = ["AnySubset", "Corruption", "Gaussian", "Masking", "Residuals", "SaltAndPepper", "Swapping"]


class Corruption(Part, kind="corruption"):
    """Base of corruptions: ``corruption(x, source)`` returns x̃, or tensors by name, with x̃ as ``"noisy"``."""

    condition_width: ClassVar[int] = 0
    """The width of the ``"condition"`` that is returned with x̃. It is appended to the row's own condition.

    For rows that are not corrupted these numbers are zero, unless the caller passes them.
    """

    def __call__(self, x: Tensor, source: Source) -> Tensor | Mapping[str, Tensor]:
        """Draw x̃ ~ p(x̃|x)."""
        raise NotImplementedError

    def mean(self, x: Tensor) -> Tensor:
        """Return 𝔼[x̃|x]: x, unless a subclass overrides it."""
        return x


class Gaussian(Corruption):
    r"""Additive noise x̃ = x + σε, ε ~ N(0, I).

    Parameters
    ----------
    std : σ, in the data's units.
    relative : whether σ is in units of each feature's standard deviation instead, for columns of different units.

    References
    ----------
    Pascal Vincent et al., "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a
        Local Denoising Criterion", 2010, https://jmlr.org/papers/v11/vincent10a.html, section 3.3.
    """

    std: float = 0.3
    relative: bool = False

    def check(self) -> None:
        self.require(self.std >= 0, f"std must not be negative, got {self.std}")
        self.require(isinstance(self.relative, bool), f"relative must be True or False, got {self.relative!r}")

    def __call__(self, x: Tensor, source: Source) -> Tensor:
        """Draw x̃ = x + σε."""
        self.require(not self.relative, "relative noise needs the data's spread: after a fit, call model_.corruption")
        return _noisy(x, self.std, source)

    def build(self, facts: Facts) -> Corruption | nn.Module:
        """Return the corruption; relative noise becomes a module that holds each feature's standard deviation."""
        if not self.relative:
            return self
        return _Relative(self.std, torch.ones(facts.shape, dtype=torch.float64) if facts.std is None else facts.std)


def _noisy(x: Tensor, std: float | Tensor, source: Source) -> Tensor:
    return x + std * source.normal(x.shape, x)


class _Relative(nn.Module):
    scale: Tensor

    def __init__(self, std: float, scale: Tensor) -> None:
        super().__init__()
        self.std = std
        self.register_buffer("scale", scale.clone())

    def forward(self, x: Tensor, source: Source) -> Tensor:
        return _noisy(x, self.std * self.scale.to(x.dtype), source)


class Masking(Corruption):
    r"""Masking noise: each entry is replaced by `value` with probability ν, independently and anew for every sample.

    Parameters
    ----------
    fraction : ν.
    value : the replacement, in the data's units.

    References
    ----------
    Pascal Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders", 2008,
        https://doi.org/10.1145/1390156.1390294, section 2.3.
    """

    fraction: float = 0.5
    value: float = 0.0

    def check(self) -> None:
        self.require(0 <= self.fraction <= 1, f"fraction must lie in [0, 1], got {self.fraction}")

    def __call__(self, x: Tensor, source: Source) -> Tensor:
        """Draw x̃, where each entry is `value` with probability ν."""
        return torch.where(source.uniform(x.shape, x) < self.fraction, self.value, x)

    def mean(self, x: Tensor) -> Tensor:
        """Return (1 − ν) x + ν value."""
        return (1 - self.fraction) * x + self.fraction * self.value


class AnySubset(Corruption):
    r"""Hides a random subset of the entries, and passes a mask of the others to the network.

    The number k of visible entries is uniform on 0 to n − 1, and every set of k entries is equally likely. These are
    the subsets that occur when a row is filled in entry by entry in random order. x is not changed.

    References
    ----------
    Benigno Uria, Iain Murray and Hugo Larochelle, "A Deep and Tractable Density Estimator", 2014,
        https://arxiv.org/abs/1310.1757, section 3.1.
    """

    def __call__(self, x: Tensor, source: Source) -> Mapping[str, Tensor]:
        """Draw the mask of visible entries, ``"observed"``, of the shape of x."""
        n = math.prod(x.shape[1:])
        u = source.uniform((len(x), n), x)
        first_hidden = u.sort(1).values.gather(1, source.integers(n, (len(x), 1), x))
        return {"observed": (u < first_hidden).reshape(x.shape)}


class SaltAndPepper(Corruption):
    r"""Salt-and-pepper noise: with probability ν an entry becomes `low` or `high`, each equally likely.

    Parameters
    ----------
    fraction : ν.
    low, high : the values of pepper and salt, in the data's units.

    References
    ----------
    Pascal Vincent et al., "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a
        Local Denoising Criterion", 2010, https://jmlr.org/papers/v11/vincent10a.html, section 3.3.
    """

    fraction: float = 0.25
    low: float = 0.0
    high: float = 1.0

    def check(self) -> None:
        self.require(0 <= self.fraction <= 1, f"fraction must lie in [0, 1], got {self.fraction}")

    def __call__(self, x: Tensor, source: Source) -> Tensor:
        """Draw x̃: each entry is `low` or `high`, with probability ν/2 each."""
        u = source.uniform(x.shape, x)
        return torch.where(u < self.fraction / 2, self.low, torch.where(u < self.fraction, self.high, x))

    def mean(self, x: Tensor) -> Tensor:
        """Return (1 − ν) x + ν (low + high) / 2."""
        return (1 - self.fraction) * x + self.fraction * (self.low + self.high) / 2


class Swapping(Corruption):
    r"""A fraction ν of the entries is replaced by the same entry of another row of the batch.

    The noise has each column's own distribution, so that it suits columns of any kind, categories too.

    Parameters
    ----------
    fraction : ν, the probability that an entry is replaced.
    """

    fraction: float = 0.15

    def check(self) -> None:
        self.require(0 <= self.fraction <= 1, f"fraction must lie in [0, 1], got {self.fraction}")

    def __call__(self, x: Tensor, source: Source) -> Tensor:
        """Draw x̃: each entry is that of a row drawn at random, with probability ν."""
        others = x.gather(0, source.integers(len(x), tuple(x.shape), x))
        return torch.where(source.uniform(x.shape, x) < self.fraction, others, x)


class Residuals(Corruption):
    r"""Noise taken from real pairs: x̃ = x + r, where r is drawn from measured residuals x̃ⱼ − xⱼ.

    This is right if the noise does not depend on the signal. If it does, fit on the pairs themselves:
    ``DenoisingAutoencoder().fit(X_noisy, X_clean)``.

    Parameters
    ----------
    residuals : measured noise in the data's units, (M, ...), each of the shape of one sample.
    """

    residuals: np.ndarray

    @classmethod
    def from_pairs(cls, noisy: np.ndarray, clean: np.ndarray) -> Residuals:
        """Make the corruption from measured pairs, (M, ...) each.

        >>> Residuals.from_pairs(np.array([[1.5], [2.0]]), np.array([[1.0], [2.5]])).residuals.tolist()
        [[0.5], [-0.5]]
        """
        noisy, clean = np.asarray(noisy, dtype=np.float64), np.asarray(clean, dtype=np.float64)
        if noisy.shape != clean.shape:
            raise DataError(f"noisy and clean must pair up: got shapes {noisy.shape} and {clean.shape}")
        return cls(noisy - clean)

    def check(self) -> None:
        self.require(len(np.shape(self.residuals)) > 1 and len(self.residuals) > 0, "residuals must be (M, ...), M ≥ 1")
        self.require(bool(np.isfinite(self.residuals).all()), "residuals must be finite")

    def mean(self, x: Tensor) -> Tensor:
        """Return x plus the mean residual."""
        return x + torch.as_tensor(np.mean(self.residuals, axis=0)).to(x)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that draws residuals, which it keeps on the model's device."""
        shape = tuple(self.residuals.shape[1:])
        self.require(shape == facts.shape, f"residuals have samples of shape {shape}, the data of {facts.shape}")
        return _Resampler(torch.as_tensor(np.asarray(self.residuals), device="cpu"))


class _Resampler(nn.Module):
    residuals: Tensor

    def __init__(self, residuals: Tensor) -> None:
        super().__init__()
        self.register_buffer("residuals", residuals, persistent=False)

    def forward(self, x: Tensor, source: Source) -> Tensor:
        rows = source.integers(len(self.residuals), (len(x),), x)
        return x + self.residuals[rows].to(x.dtype)
