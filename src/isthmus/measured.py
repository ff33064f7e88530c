"""What a comparison measures of a fitted system on held-out rows, beside PCA and beside real against real."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from . import metrics
from .datasets import Dataset
from .estimators import VAE

__all__ = ["COLUMNS", "Measure", "encoding_of", "linear", "reconstruction_of", "scale_of"]

ROWS = 2_000
"""Held-out rows that sample quality and probes are measured on, at most; distances cost the square."""

COLUMNS = {
    "error": (
        "error",
        "mean squared error of the reconstruction of held-out rows, columns of a table in their own "
        "standard deviations; lower is better",
    ),
    "error_vs_pca": ("÷ PCA", "the same over that of PCA with as many numbers; below 1 beats PCA"),
    "log_likelihood": ("log p(x)", "importance-weighted lower bound, 100 draws, nats a row; higher is better"),
    "denoising_gain": ("gain dB", "how much smaller the error is after reconstruction of noisy rows than before"),
    "probe": ("probe", "accuracy of a logistic regression on the codes, trained on labels the systems never saw"),
    "coverage": ("cover", "share of held-out rows with a sample among their neighbourhood (Naeem et al. 2020)"),
    "density": ("density", "how deep samples lie within the neighbourhoods of held-out rows (Naeem et al. 2020)"),
    "seconds": ("s", "time of the fit"),
}


class Measure:
    """Measures fitted systems on the held-out rows of a data set.

    Columns of a table have units of their own: errors and distances count them in standard deviations of the training
    rows. Pixels and steps of a series share a unit, and are taken as they are.

    Parameters
    ----------
    data : what the systems were trained on, and the rows held out.
    noisy : the held-out rows with noise, or None.
    seed : of samples.
    """

    def __init__(self, data: Dataset, noisy: np.ndarray | None, seed: int) -> None:
        self.data, self.noisy, self.seed = data, noisy, seed
        self.scale = scale_of(np.asarray(data.train))

    def __call__(self, model: Any, pca_error: float | None = None) -> dict[str, float]:
        """Return every figure that the system supports, by its column."""
        measured: dict[str, float] = {}
        data, train, test = self.data, np.asarray(self.data.train), np.asarray(self.data.test)
        reconstruct, encode = reconstruction_of(model, test.shape[1:]), encoding_of(model)
        if reconstruct is not None:
            clean = test / self.scale
            measured["error"] = metrics.mean_squared_error(clean, reconstruct(test) / self.scale)
            measured["error_vs_pca"] = measured["error"] / (pca_error or measured["error"])
            if self.noisy is not None:
                cleaned = reconstruct(self.noisy) / self.scale
                measured["denoising_gain"] = metrics.denoising_gain(clean, self.noisy / self.scale, cleaned)
        if encode is not None and data.train_labels is not None and data.test_labels is not None:
            codes, labels = encode(train[: 5 * ROWS]), data.train_labels[: 5 * ROWS]
            measured["probe"] = metrics.linear_probe(codes, labels, encode(test), data.test_labels)
        if isinstance(model, VAE):
            measured["log_likelihood"] = float(model.score_samples(test[:ROWS]).mean())
        if hasattr(model, "sample"):
            n = min(ROWS, len(test), len(train))
            measured |= self._likeness(test[:n], model.sample(n, random_state=self.seed))
        return measured

    def floors(self) -> dict[str, float]:
        """Return what real rows reach: as many training rows as there would be samples, against held-out rows."""
        train, test = np.asarray(self.data.train), np.asarray(self.data.test)
        n = min(ROWS, len(test), len(train))
        chosen = np.sort(np.random.default_rng(self.seed).choice(len(train), n, replace=False))
        return self._likeness(test[:n], train[chosen])

    def _likeness(self, real: np.ndarray, samples: np.ndarray) -> dict[str, float]:
        density, coverage = metrics.density_coverage(real / self.scale, samples / self.scale)
        return {"density": density, "coverage": coverage}


def scale_of(train: np.ndarray) -> np.ndarray:
    """Return what a sample is divided by before it is compared: a table's columns by their standard deviations."""
    if train.ndim != 2:
        return np.ones(())
    std = train.std(axis=0, dtype=np.float64)
    return np.where(std > 0, std, 1.0)


def linear(train: np.ndarray, d: int, seed: int) -> Pipeline:
    """Return PCA with d numbers a row, fitted to the rows in the units that they are compared in."""
    flat = np.asarray(train, dtype=np.float64).reshape(len(train), -1)
    scale = np.broadcast_to(scale_of(train), train.shape[1:]).reshape(-1)
    to_units = FunctionTransformer(_divided, _multiplied, kw_args={"scale": scale}, inv_kw_args={"scale": scale})
    return make_pipeline(to_units, PCA(min(d, *flat.shape), random_state=seed)).fit(flat)


def _divided(X: np.ndarray, scale: np.ndarray) -> np.ndarray:
    divided: np.ndarray = X / scale
    return divided


def _multiplied(X: np.ndarray, scale: np.ndarray) -> np.ndarray:
    multiplied: np.ndarray = X * scale
    return multiplied


def reconstruction_of(model: Any, shape: tuple[int, ...]) -> Any:
    """Return the function that reconstructs rows of that shape, or None where a system has none."""
    if isinstance(model, Pipeline):
        return lambda X: model.inverse_transform(model.transform(_flat(X))).reshape(-1, *shape)
    return getattr(model, "reconstruct", None)


def encoding_of(model: Any) -> Any:
    """Return the function that encodes rows, or None where a system has none."""
    if isinstance(model, Pipeline):
        return lambda X: model.transform(_flat(X))
    return getattr(model, "transform", None)


def _flat(X: np.ndarray) -> np.ndarray:
    flat: np.ndarray = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    return flat
