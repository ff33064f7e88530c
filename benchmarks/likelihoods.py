"""Which likelihood "auto" takes for which data, beside those it might have taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.datasets import load_digits, load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import MinMaxScaler
from torch import Tensor
from torch.distributions import Distribution, Poisson, constraints
from torch.nn.functional import logsigmoid, softplus

from isthmus import VAE
from isthmus.datasets import load
from isthmus.facts import Facts
from isthmus.likelihood import (
    Bernoulli,
    ContinuousBernoulli,
    Gaussian,
    HeteroscedasticGaussian,
    HomoscedasticGaussian,
    Likelihood,
)
from isthmus.scaling import Scaling

from .odd_sets import names, split
from .report import table

PICTURES, EPOCHS, DRAWS, SEED = 5_000, 10, 20, 0
LEVELS = 256


class Levels(Distribution):
    """A logistic's mass in each of 256 bins of [0, 1], the first and the last of which reach to infinity."""

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, location: Tensor, scale: Tensor) -> None:
        self.location, self.scale = location, scale
        super().__init__(location.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The location, within [0, 1]: near the mean where the scale is a few levels at most."""
        return self.location.clamp(0, 1)

    def log_prob(self, value: Tensor) -> Tensor:
        half = 0.5 / (LEVELS - 1)
        above, below = (value + half - self.location) / self.scale, (value - half - self.location) / self.scale
        inside = logsigmoid(above) + logsigmoid(-below) + torch.log(-torch.expm1(-2 * half / self.scale))
        last = torch.where(value > 1 - half, logsigmoid(-below), inside)
        return torch.where(value < half, logsigmoid(above), last)


class DiscretisedLogistic(Likelihood):
    """The mass of a logistic in a grey level's bin, the decoder returning location and log scale.

    Tim Salimans, Andrej Karpathy, Xi Chen and Diederik P. Kingma, "PixelCNN++: Improving the PixelCNN with Discretized
    Logistic Mixture Likelihood and Other Modifications", 2017, https://arxiv.org/abs/1701.05517, with one component.
    """

    support: ClassVar[tuple[float, float]] = (0.0, 1.0)
    numbers: ClassVar[int] = 2

    def units(self, facts: Facts) -> Scaling:
        return Scaling.identity(facts.shape, float(LEVELS - 1), discrete=True)

    def distribution(self, location: Tensor, raw: Tensor) -> Distribution:
        return Levels(location + 0.5, 1e-3 + softplus(raw - 2))


class Counts(Likelihood):
    """Poisson counts, the decoder returning the softplus of the rate."""

    support: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def distribution(self, raw: Tensor) -> Distribution:
        return Poisson(softplus(raw) + 1e-6, validate_args=False)


class Kind(NamedTuple):
    """Rows to fit, usual rows and others that were held out, and which likelihoods are tried."""

    train: np.ndarray
    usual: np.ndarray
    others: np.ndarray
    tried: Sequence[Likelihood]


REAL = (Gaussian(), HomoscedasticGaussian(), HeteroscedasticGaussian())
GREY = (Bernoulli(), ContinuousBernoulli(), DiscretisedLogistic(), Gaussian(), HomoscedasticGaussian(shared=True))


def _unit_table() -> Kind:
    train, test, y = split("19_landsat", "S", SEED)
    scaler = MinMaxScaler().fit(train)
    usual, others = scaler.transform(test[y == 0]), scaler.transform(test[y == 1])
    return Kind(scaler.transform(train), usual, others, (ContinuousBernoulli(), *REAL))


def _binary() -> Kind:
    digits = load_digits()
    X, one = (digits.data > 7).astype(np.uint8), digits.target == 1
    return Kind(X[~one][:1_200], X[~one][1_200:], X[one], (Bernoulli(), *REAL[:2]))


def _counts() -> Kind:
    rng = np.random.default_rng(SEED)
    rate = np.exp(1 + 0.7 * rng.normal(size=(3_000, 3)) @ rng.normal(size=(3, 12)))
    X = rng.poisson(rate.clip(max=200))
    others = np.column_stack([rng.permutation(column) for column in X[2_500:].T])
    return Kind(X[:2_000], X[2_000:2_500], others, (Counts(), *REAL))


def _heavy() -> Kind:
    train, test, y = split("27_PageBlocks", "S", SEED)
    return Kind(train, test[y == 0], test[y == 1], REAL)


def _grey() -> Kind:
    data = load("fashion-mnist")
    bag, bag_test = data.train_labels == 8, data.test_labels == 8
    usual = data.test[~bag_test][:1_000]
    return Kind(data.train[~bag][:PICTURES], usual, data.test[bag_test], GREY)


def _colour() -> Kind:
    china, flower = (
        np.concatenate(
            [extract_patches_2d(picture[top : top + 320], (16, 16), max_patches=n, random_state=0) for top in (0,)]
        )
        for picture, n in zip(load_sample_images().images, (PICTURES + 1_000, 1_000), strict=True)
    )
    china, flower = china.transpose(0, 3, 1, 2), flower.transpose(0, 3, 1, 2)
    china = np.random.default_rng(0).permutation(china)
    return Kind(china[:PICTURES], china[PICTURES:], flower, GREY)


KINDS: dict[str, Callable[[], Kind]] = {
    "table in [0, 1]: landsat": _unit_table,
    "binary: digits": _binary,
    "counts: Poisson, three factors": _counts,
    "heavy tails: PageBlocks": _heavy,
    "grey pictures: Fashion-MNIST": _grey,
    "colour pictures: patches of a photograph": _colour,
}


def run() -> str | None:
    if not names():
        return None
    jobs = [(kind, number) for kind in KINDS for number in range(len(KINDS[kind]().tried))]
    lines = Parallel(-1, verbose=5)(delayed(_line)(*job) for job in jobs)
    return (
        f'A VAE at its defaults but for the likelihood, {EPOCHS} epochs, bounds of {DRAWS} draws; * marks what "auto" '
        "takes. Density: the mean bound on log p(x) of usual rows that were held out, in nats a value in the data's "
        "own units (a grey level of 256 for pictures), higher is better; where the Bernoulli meets grey values it is a "
        "loss and no density. AUROC: how well log p(x) tells these rows from others: the set's anomalies, the digit 1, "
        f"columns shuffled apart, bags, another photograph. {PICTURES:,} pictures. Squared error is that of "
        "reconstructions of usual rows, in standard deviations of the data.\n\n"
        + table(["data", "likelihood", "density", "AUROC", "active units", "squared error"], lines)
    )


def _line(name: str, number: int) -> list[str]:
    torch.set_num_threads(1)
    kind = KINDS[name]()
    likelihood = kind.tried[number]
    grey = isinstance(likelihood, Bernoulli) and not set(np.unique(kind.train)) <= {0, 1}
    automatic = VAE(max_epochs=1, random_state=SEED).fit(kind.train[:64]).likelihood_
    vae = VAE(likelihood=likelihood, max_epochs=EPOCHS, random_state=SEED).fit(kind.train)
    usual, others = (vae.score_samples(rows, n_draws=DRAWS) for rows in (kind.usual, kind.others))
    scores, truth = np.concatenate([usual, others]), np.repeat([0, 1], [len(usual), len(others)])
    error = (
        np.mean((vae.reconstruct(kind.usual) - kind.usual.astype(float)) ** 2) / kind.train.astype(float).var(0).mean()
    )
    finite = np.nan_to_num(-scores, posinf=float(np.max(-scores[np.isfinite(scores)])) + 1)
    return [
        name,
        f"`{likelihood!r}`{' *' if likelihood == automatic else ''}",
        "–" if grey else f"{usual[np.isfinite(usual)].mean() / kind.usual[0].size:.3f}",
        f"{roc_auc_score(truth, finite):.3f}",
        f"{vae.history_[-1]['active_units']:.0f} of {vae.latent_dim_}",
        f"{error:.3f}",
    ]
