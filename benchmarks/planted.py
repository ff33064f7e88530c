"""Faults produced on purpose, each with what the diagnosis must name, and fits that it must call healthy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MaskedAutoencoder,
    Training,
)
from isthmus.corruption import Gaussian as GaussianNoise
from isthmus.datasets import ring
from isthmus.divergence import KL
from isthmus.likelihood import Gaussian, HomoscedasticGaussian
from isthmus.networks import MLP
from isthmus.objective import ELBO
from isthmus.training import Adam


class Rows(NamedTuple):
    train: np.ndarray
    test: np.ndarray

    def mapped(self, f: Callable[[np.ndarray], np.ndarray]) -> Rows:
        return Rows(f(self.train), f(self.test))

    def few(self, n: int) -> Rows:
        return Rows(self.train[:n], self.test)


class Case(NamedTuple):
    """A fit and the checks that speak of it: the faults they must name, or those that must call it healthy."""

    about: tuple[str, ...]
    how: str
    data: Callable[[int], Rows]
    make: Callable[[int], Any]

    def fit(self, seed: int) -> tuple[Any, Rows]:
        rows = self.data(seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the code is over-complete")
            return self.make(seed).fit(rows.train), rows


def digits(seed: int) -> Rows:
    """Pictures of handwritten digits in [0, 1], 800 to train on and 600 held out."""
    X = (load_digits().images / 16).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(X))
    return Rows(X[order[:800]], X[order[800:1400]])


def factors(seed: int) -> Rows:
    """Twelve measured columns of three hidden factors, half of them bent, and noise of 0.3; 800 and 600 rows."""
    rng = np.random.default_rng(seed)
    Z, W = rng.normal(size=(1400, 3)), rng.normal(size=(3, 12))
    X = np.concatenate([np.tanh(Z @ W[:, :6]), Z @ W[:, 6:]], axis=1) + 0.3 * rng.normal(size=(1400, 12))
    return Rows(X[:800], X[800:])


def circle(seed: int) -> Rows:
    """A ring of eight narrow Gaussians in the plane; 800 and 600 rows."""
    return Rows(ring(800, seed), ring(600, seed + 100_000))


def bent(seed: int) -> Rows:
    """Two columns, a Gaussian bent into a crescent; 800 and 600 rows."""
    X = np.random.default_rng(seed).normal(size=(1400, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    X[:, 1] += 0.5 * X[:, 0] ** 2
    return Rows(X[:800], X[800:])


def noise(seed: int) -> Rows:
    """Eight columns of noise, of which none says anything of another; 800 and 600 rows."""
    return Rows(*np.split(np.random.default_rng(seed).normal(size=(1400, 8)), [800]))


def kinds(seed: int) -> Rows:
    """A kind, a count, a share of zeros and a flag that depend on it, with gaps in one column; 800 and 600 rows."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, 1400)
    count, flag = rng.poisson(1 + 2 * kind), rng.random(1400) < 0.2 + 0.2 * kind
    zeros = np.where(rng.random(1400) < 0.6, 0, rng.integers(1, 5, 1400) + kind)
    X = np.stack([kind, count, flag, np.where(rng.random(1400) < 0.1, np.nan, zeros)], 1).astype(float)
    return Rows(X[:800], X[800:])


class MeansVAE(VAE):
    """A VAE whose samples are the means of p(x|z), whatever the rows are."""

    draws_values = False


class NarrowVAE(VAE):
    """A VAE whose samples are drawn together to 0.4 of their distance from the middle."""

    def sample(self, n_samples: int = 1, random_state: Any = None, **others: Any) -> np.ndarray:
        drawn = super().sample(n_samples, random_state, **others)
        return 0.4 * drawn + 0.6 * drawn.mean(0)


def _with_noise(X: np.ndarray) -> np.ndarray:
    """Add four columns of noise, which no other column says anything of."""
    return np.concatenate([X, np.random.default_rng(len(X)).normal(size=(len(X), 4))], axis=1)


def _with_small_unit(X: np.ndarray) -> np.ndarray:
    """Count the last column in a unit a thousand times as large."""
    return X * np.where(np.arange(X.shape[1]) == X.shape[1] - 1, 1e-3, 1.0)


def _with_constants(X: np.ndarray) -> np.ndarray:
    return np.concatenate([X, np.ones((len(X), 3))], axis=1)


def _fit(cls: type, latent_dim: int, epochs: int, rate: float = 5e-3, batch: int = 80, **others: Any) -> Any:
    return lambda seed: cls(
        latent_dim, max_epochs=epochs, learning_rate=rate, batch_size=batch, random_state=seed, **others
    )


SMALL = MLP((64, 64))
AVERAGED = Training(optimizer=Adam(beta1=0.0, beta2=0.99), averaging=0.98)
RESTLESS = Training(optimizer=Adam(), averaging=0.0, decay="constant")
UNITS = 10.0 ** np.arange(-3, 3).repeat(2)

FAULTS = (
    Case(("posterior collapse", "KL weight and warm-up"), "three hidden layers and no warm-up", digits,
         _fit(VAE, 8, 25, network=MLP((64,) * 3), likelihood="bernoulli")),
    Case(("KL weight and warm-up",), "KL weight 20", factors, _fit(VAE, 3, 15, objective=ELBO(KL(20.0)))),
    Case(("over-complete copy",), "24 numbers for 12 features", factors, _fit(Autoencoder, 24, 40, 1e-2)),
    Case(("decoder ignores its code",), "a learning rate of 5 kills every unit", digits,
         _fit(Autoencoder, 8, 10, 5.0, likelihood="bernoulli")),
    Case(("over-fitting",), "60 rows, 200 epochs", lambda seed: digits(seed).few(60),
         _fit(Autoencoder, 16, 200, batch=60)),
    Case(("under-fitting",), "two hidden units for a code of eight", digits,
         _fit(Autoencoder, 8, 20, network=MLP((2,)))),
    Case(("lost columns", "feature scales"), "units from 0.001 to 100, scaling='none'",
         lambda seed: factors(seed).mapped(lambda X: X * UNITS), _fit(Autoencoder, 3, 15, scaling="none")),
    Case(("lost columns",), "one column in a unit a thousand times as large, scaling='none'",
         lambda seed: factors(seed).mapped(_with_small_unit), _fit(Autoencoder, 3, 40, scaling="none")),
    Case(("denoising",), "noise of 0.02 and a code of two numbers", digits,
         _fit(DenoisingAutoencoder, 2, 30, corruption=GaussianNoise(0.02))),
    Case(("training stopped too early",), "three epochs", factors, _fit(VAE, 3, 3, 1e-3)),
    Case(("saturated discriminator", "sample quality"), "minimax, five steps of D to one of G", digits,
         _fit(GAN, 8, 30, value="minimax", discriminator_steps=5)),
    Case(("discriminator over-fitting",), "40 rows, no penalty", lambda seed: factors(seed).few(40),
         _fit(GAN, 6, 300, 2e-3, 40, penalties=(), network=SMALL)),
    Case(("oscillation", "mode dropping", "sample quality", "columns of samples"), "GAN, ring, no penalty, no decay",
         circle, _fit(GAN, 2, 30, 3e-3, penalties=(), training=RESTLESS)),
    Case(("sample quality",), "GAN, factors, no penalty, no decay: hardly any recall", factors,
         _fit(GAN, 6, 20, 3e-3, penalties=(), network=SMALL, training=RESTLESS)),
    Case(("sample quality",), "VAE, one number for three factors", factors, _fit(VAE, 1, 50, 2e-2)),
    Case(("sample quality", "columns of samples"), "VAE, samples of 0.4 times the spread", factors,
         _fit(NarrowVAE, 3, 50, 2e-2)),
    Case(("columns of samples",), "VAE, means for samples, four columns of noise",
         lambda seed: factors(seed).mapped(_with_noise), _fit(MeansVAE, 3, 50, 2e-2)),
    Case(("memorised samples",), "50 rows, a prior with a component each", lambda seed: digits(seed).few(50),
         _fit(VAE, 8, 200, batch=50, prior="vampprior:50", objective=ELBO(KL(0.05)), likelihood="bernoulli")),
    Case(("memorised samples", "likelihood of training rows"), "masked autoencoder, 100 rows, 200 epochs",
         lambda seed: factors(seed).few(100),
         _fit(MaskedAutoencoder, 64, 200, 5e-3, 20, validation_fraction=0.0)),
    Case(("completed cells",), "masked autoencoder, 40 rows of noise, 150 epochs", lambda seed: noise(seed).few(40),
         _fit(MaskedAutoencoder, 64, 150, 3e-3, 20, validation_fraction=0.0)),
    Case(("noise level of the likelihood",), "σ = 0.02 set by hand", factors,
         _fit(VAE, 3, 15, likelihood=Gaussian(0.02))),
    Case(("grey values under a Bernoulli",), "values within 0.5 ± 0.1",
         lambda seed: factors(seed).mapped(lambda X: 0.5 + 0.02 * X), _fit(VAE, 3, 15, likelihood="bernoulli")),
    Case(("variance at its floor",), "three constant columns, a floor of 0.01",
         lambda seed: factors(seed).mapped(_with_constants),
         _fit(VAE, 3, 40, 3e-2, likelihood=HomoscedasticGaussian(minimum_std=0.01))),
)  # fmt: skip

HEALTHY = (
    Case(("under-fitting",), "Autoencoder(8), digits", digits, _fit(Autoencoder, 8, 30)),
    Case(("over-fitting", "lost columns"), "Autoencoder(3), factors", factors, _fit(Autoencoder, 3, 25)),
    Case(("under-fitting",), "DenoisingAutoencoder(8), digits", digits, _fit(DenoisingAutoencoder, 8, 30)),
    Case(("denoising",), "DenoisingAutoencoder(12), digits", digits, _fit(DenoisingAutoencoder, 12, 30)),
    Case(("over-complete copy",), "DenoisingAutoencoder(128), digits", digits,
         _fit(DenoisingAutoencoder, 128, 25, 2e-3)),
    Case(("over-complete copy",), "ContractiveAutoencoder(128), digits", digits,
         _fit(ContractiveAutoencoder, 128, 25)),
    Case(("under-fitting",), "ContractiveAutoencoder(3), factors", factors, _fit(ContractiveAutoencoder, 3, 25)),
    Case(("posterior collapse", "mode dropping"), "VAE(8), digits", digits, _fit(VAE, 8, 30)),
    Case(("posterior collapse", "sample quality", "columns of samples"), "VAE(3), factors", factors,
         _fit(VAE, 3, 60, 2e-2)),
    Case(("posterior collapse", "sample quality"), "VAE(8), factors: five units to spare", factors,
         _fit(VAE, 8, 60, 2e-2)),
    Case(("mode dropping", "oscillation", "sample quality"), "GAN(2), a bent Gaussian", bent,
         _fit(GAN, 2, 60, 2e-3, network=SMALL)),
    Case(("memorised samples", "likelihood of training rows", "completed cells"),
         "MaskedAutoencoder(32), counts and kinds", kinds,
         _fit(MaskedAutoencoder, 32, 12, 3e-3, 64)),
    Case(("memorised samples", "sample quality"), "AdversarialAutoencoder(3), factors", factors,
         _fit(AdversarialAutoencoder, 3, 100, 5e-3, likelihood=HomoscedasticGaussian())),
)  # fmt: skip
