"""Corruptions p(x̃|x): the noise a denoising autoencoder learns to undo.

A corruption is called with a batch x (N, ...) in the data's own units, as floating point, and a source of randomness;
it returns x̃ of the same shape and never changes x. The noise to inject is the noise that will be met.

A corruption may return more than x̃, by name, and all of it goes into the batch that the encoder meets (`Pass.met`):
the noise's level as a condition that the networks get, or which entries are hidden, for a term of the loss.

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

__all__ = ["AnySubset", "Corruption", "Gaussian", "Masking", "Residuals", "SaltAndPepper"]


class Corruption(Part, kind="corruption"):
    """Base of corruptions: ``corruption(x, source) -> x_tilde``, or what is met by name, with x̃ as ``"noisy"``."""

    condition_width: ClassVar[int] = 0
    """The width of the condition that comes with x̃, as ``"condition"``, beside the row's own condition.

    Where a row is not corrupted, and no condition gives these numbers, they are zero.
    """

    def __call__(self, x: Tensor, source: Source) -> Tensor | Mapping[str, Tensor]:
        """Draw x̃ ~ p(x̃|x)."""
        raise NotImplementedError

    def mean(self, x: Tensor) -> Tensor:
        """Return 𝔼[x̃|x], which is x unless a corruption says otherwise."""
        return x


class Gaussian(Corruption):
    r"""Additive noise x̃ = x + σε, ε ~ N(0, I) (Vincent et al. 2010, section 3.3).

    Parameters
    ----------
    std : σ, in the data's units.
    relative : whether σ counts in each feature's own standard deviations instead, as columns of different units want.
    """

    std: float = 0.3
    relative: bool = False

    def check(self) -> None:
        self.require(self.std >= 0, f"std must not be negative, got {self.std}")
        self.require(isinstance(self.relative, bool), f"relative must be True or False, got {self.relative!r}")

    def __call__(self, x: Tensor, source: Source) -> Tensor:
        """Draw x̃ = x + σε."""
        self.require(not self.relative, "relative noise is known once it is fitted: model_.corruption")
        return _noisy(x, self.std, source)

    def build(self, facts: Facts) -> Corruption | nn.Module:
        """Return the noise, which holds each feature's standard deviation if it is relative."""
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
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor, source: Source) -> Tensor:
        return _noisy(x, self.std * self.scale.to(x.dtype), source)


class Masking(Corruption):
    r"""A fraction ν of the entries, drawn anew for every sample, is set to a value (Vincent et al. 2008, section 2.3).

    Parameters
    ----------
    fraction : ν, the probability that an entry is lost.
    value : what a lost entry reads, in the data's units.
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
    r"""Any subset of the entries is hidden, at any rate, and the network is told which entries it sees.

    k of the n entries are seen, k uniform on 0 to n − 1, and each set of k is as likely as any other: what is met on
    the way when a row is filled in, entry by entry, in random order. x itself stays, and `observed` says what of it is
    seen.

    Benigno Uria, Iain Murray and Hugo Larochelle, "A Deep and Tractable Density Estimator", 2014,
    https://arxiv.org/abs/1310.1757, section 3.1.
    """

    def __call__(self, x: Tensor, source: Source) -> Mapping[str, Tensor]:
        """Draw which entries are seen, as ``"observed"``, of the shape of x."""
        n = math.prod(x.shape[1:])
        u = source.uniform((len(x), n), x)
        first_hidden = u.sort(1).values.gather(1, source.integers(n, (len(x), 1), x))
        return {"observed": (u < first_hidden).reshape(x.shape)}


class SaltAndPepper(Corruption):
    r"""A fraction ν of the entries is set to the lowest or the highest value by a fair coin (Vincent et al. 2010).

    Parameters
    ----------
    fraction : ν, the probability that an entry is hit.
    low, high : pepper and salt, in the data's units.
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


class Residuals(Corruption):
    r"""Noise taken from real pairs: x̃ = x + r, where r is a residual x̃ⱼ − xⱼ that was measured, drawn at random.

    Right where the noise does not depend on the signal. Where it does, fit on the pairs themselves:
    ``DenoisingAutoencoder().fit(X_noisy, X_clean)``.

    Parameters
    ----------
    residuals : measured noise, (M, ...), each of the shape of one sample, in the data's units.
    """

    residuals: np.ndarray

    @classmethod
    def from_pairs(cls, noisy: np.ndarray, clean: np.ndarray) -> Residuals:
        """Make the corruption from measured pairs of shape (M, ...).

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
        """Return x and the mean residual."""
        return x + torch.as_tensor(np.mean(self.residuals, axis=0)).to(x)

    def build(self, facts: Facts) -> nn.Module:
        """Return the sampler, with the residuals where the model is."""
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
