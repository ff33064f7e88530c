"""Fits whose quality on held-out rows tells recipes and precisions apart: every system, small data and large."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from isthmus import VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder
from isthmus.corruption import Masking
from isthmus.datasets import load
from isthmus.metrics import elbo, mean_squared_error
from isthmus.networks import MLP

__all__ = ["TASKS", "Task"]

Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A model without its budget, where its rows come from, how long it is fitted and what is measured then."""

    model: Any
    rows: Callable[[], Rows | None]
    epochs: int
    what: str
    measure: Callable[[Any, np.ndarray], float]
    digits: int
    seeds: int = 1

    @property
    def is_table(self) -> bool:
        """Whether its rows are features without bounds."""
        return self.rows()[0].ndim == 2

    def value(self, seed: int, n: int | None = None, **changed: Any) -> float:
        """Fit the first n rows with that seed and those arguments changed, and measure on all that are held out."""
        train, test = self.rows()
        given = self.model.get_params(deep=False) | {"max_epochs": self.epochs, "random_state": seed} | changed
        return self.measure(type(self.model)(**given).fit(train[:n]), test)


def _error(model: Any, test: np.ndarray) -> float:
    scale = 255 if test.dtype == np.uint8 else 1
    return mean_squared_error(test / scale, model.reconstruct(test) / scale)


def _error_on_masked(model: Any, test: np.ndarray) -> float:
    keep = np.random.default_rng(0).random(test.shape) >= 0.5
    scale = 255 if test.dtype == np.uint8 else 1
    return mean_squared_error(test / scale, model.reconstruct((test * keep).astype(test.dtype)) / scale)


def _bound(model: Any, test: np.ndarray) -> float:
    return -elbo(model, test).value


def _median_bound(model: Any, test: np.ndarray) -> float:
    return -float(np.median(model.score_samples(test, n_draws=50)))


@cache
def _known(name: str, rows: int | None = None) -> Rows:
    data = load(name)
    return (data.train[:rows], data.test) if data.train.ndim > 2 else _standardised(data.train, data.test)


@cache
def _adbench(name: str) -> Rows | None:
    path = Path(os.environ.get("ISTHMUS_DATA", "")) / "adbench" / f"{name}.npz"
    if not path.exists():
        return None
    X = np.load(path)["X"].astype(np.float64)
    return _standardised(*np.split(np.random.default_rng(0).permutation(X), [3 * len(X) // 4]))


def _standardised(train: np.ndarray, test: np.ndarray) -> Rows:
    return (train - train.mean(0)) / train.std(0), (test - train.mean(0)) / train.std(0)


def _rows(name: str, rows: int | None = None) -> Callable[[], Rows | None]:
    return lambda: _known(name, rows)


_FASHION = _rows("fashion-mnist")
_FEW = _rows("fashion-mnist", 10_000)
_MSE, _MASKED, _ELBO = "squared error", "squared error, half the pixels lost", "−ELBO, nats"
_MEDIAN = "median −log p(x), nats"

TASKS: dict[str, Task] = {
    "autoencoder, 784-512-32": Task(Autoencoder(32, network=MLP((512,))), _FASHION, 10, _MSE, _error, 5),
    "denoising, 784-512-32": Task(
        DenoisingAutoencoder(32, network=MLP((512,)), corruption=Masking(0.5)),
        _FASHION,
        10,
        _MASKED,
        _error_on_masked,
        5,
    ),
    "contractive, 784-200": Task(
        ContractiveAutoencoder(200, network=MLP((), code_activation="sigmoid")), _FASHION, 10, _MSE, _error, 5
    ),
    "VAE, 784-400-20": Task(VAE(20, network=MLP((400,))), _FASHION, 10, _ELBO, _bound, 2),
    "VAE, 784-400-20, 20,000 images, 50 epochs": Task(
        VAE(20, network=MLP((400,))), _rows("fashion-mnist", 20_000), 50, _ELBO, _bound, 2
    ),
    "VAE, 784-500-500-20": Task(VAE(20, network=MLP((500, 500))), _FASHION, 10, _ELBO, _bound, 2),
    "VAE, convolutional, 10,000 images": Task(VAE(20), _FEW, 10, _ELBO, _bound, 2),
    "autoencoder, convolutional, 10,000 images": Task(Autoencoder(32), _FEW, 10, _MSE, _error, 5),
    "autoencoder, 2,000 images": Task(
        Autoencoder(32, network="mlp"), _rows("fashion-mnist", 2_000), 50, _MSE, _error, 5, 2
    ),
    "autoencoder, digits": Task(Autoencoder(8), _rows("digits"), 50, _MSE, _error, 5, 3),
    "autoencoder, tied, digits": Task(
        Autoencoder(16, network=MLP((32,)), tied=True), _rows("digits"), 50, _MSE, _error, 5, 3
    ),
    "VAE, digits": Task(VAE(4), _rows("digits"), 50, _ELBO, _bound, 2, 3),
    "autoencoder, breast cancer": Task(Autoencoder(), _rows("breast-cancer"), 50, _MSE, _error, 4, 3),
    "VAE, breast cancer": Task(VAE(), _rows("breast-cancer"), 50, _MEDIAN, _median_bound, 2, 3),
    "autoencoder, SpamBase": Task(Autoencoder(), lambda: _adbench("35_SpamBase"), 50, _MSE, _error, 4, 3),
    "VAE, SpamBase": Task(VAE(), lambda: _adbench("35_SpamBase"), 50, _MEDIAN, _median_bound, 2, 3),
    "autoencoder, PageBlocks": Task(Autoencoder(), lambda: _adbench("27_PageBlocks"), 50, _MSE, _error, 4, 3),
    "VAE, PageBlocks": Task(VAE(), lambda: _adbench("27_PageBlocks"), 50, _MEDIAN, _median_bound, 2, 3),
}
"""Everything not said here is at its default; tables are standardised."""
