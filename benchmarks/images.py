"""Convolutional VAE and GAN on Fashion-MNIST: samples to look at, and figures beside real against real."""

from __future__ import annotations

import time

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier

from isthmus import GAN, VAE
from isthmus.datasets import load
from isthmus.metrics import density_coverage, frechet_distance

from .report import DOCS, table

N = 5_000


def run() -> str:
    data = load("fashion-mnist")
    features = _features(data.train, data.train_labels)
    test = features(data.test[:N])
    systems = {
        "VAE(latent_dim=32)": VAE(32, max_epochs=10, random_state=0),
        "GAN(latent_dim=64)": GAN(64, max_epochs=10, batch_size=128, random_state=0),
    }
    rows, pictures = [], {"held-out": data.test[:60]}
    for name, model in systems.items():
        started = time.perf_counter()
        model.fit(data.train)
        seconds = time.perf_counter() - started
        samples = model.sample(N, random_state=0)
        pictures[name] = samples[:60]
        rows.append([name, *_figures(test, features(samples)), f"{seconds:.0f}"])
    rows.append(["real: training images", *_figures(test, features(data.train[:N])), ""])
    _draw(pictures)
    return (
        f"Ten epochs; {N:,} samples against {N:,} test images, in the 64 hidden units of a classifier trained on the "
        "training images' labels (Fréchet distance is of these, and not comparable with Inception's).\n\n"
        + table(["model", "density", "coverage", "Fréchet distance", "seconds"], rows)
        + "\n\n![samples](benchmarks-images.png)"
    )


def _features(X: np.ndarray, y: np.ndarray):
    """A small classifier's hidden layer, trained on the spot."""
    flat = X.reshape(len(X), -1) / 255
    pca = PCA(64, random_state=0).fit(flat[:20_000])
    classifier = MLPClassifier((64,), max_iter=12, early_stopping=True, n_iter_no_change=12, random_state=0)
    classifier.fit(pca.transform(flat), y)

    def hidden(images: np.ndarray) -> np.ndarray:
        codes = pca.transform(images.reshape(len(images), -1) / 255)
        return np.maximum(codes @ classifier.coefs_[0] + classifier.intercepts_[0], 0)

    return hidden


def _figures(real: np.ndarray, samples: np.ndarray) -> list[str]:
    density, coverage = density_coverage(real, samples)
    return [f"{density:.3f}", f"{coverage:.3f}", f"{frechet_distance(real, samples):.2f}"]


def _draw(pictures: dict[str, np.ndarray]) -> None:
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    for axis, (name, images) in zip(figure.subplots(1, len(pictures)), pictures.items(), strict=True):
        tiles = images.reshape(10, 6, 28, 28).transpose(0, 2, 1, 3).reshape(280, 168)
        axis.imshow(tiles, cmap="gray_r", vmin=0, vmax=255)
        axis.set_title(name)
        axis.axis("off")
    figure.savefig(DOCS / "benchmarks-images.png", dpi=110)
