"""Half the pixels missing: a denoising autoencoder against OpenCV's inpainting."""

from __future__ import annotations

import time

import cv2
import numpy as np

from isthmus import DenoisingAutoencoder
from isthmus.datasets import load
from isthmus.networks import MLP

from .report import table


def run() -> str:
    data = load("fashion-mnist")
    clean = data.test[:1000]
    missing = np.random.default_rng(0).random(clean.shape) < 0.5
    holes = np.where(missing, 0, clean).astype(np.uint8)

    def error(filled: np.ndarray) -> float:
        return float((((filled - clean.astype(np.float64)) / 255)[missing] ** 2).mean())

    mask = missing.astype(np.uint8)
    peers = {
        "OpenCV, Navier–Stokes": cv2.INPAINT_NS,
        "OpenCV, Telea": cv2.INPAINT_TELEA,
    }
    figures = {
        name: error(np.stack([cv2.inpaint(h, m, 3, method) for h, m in zip(holes, mask, strict=True)]))
        for name, method in peers.items()
    }
    dae = DenoisingAutoencoder(
        512,
        network=MLP((1024,)),
        corruption="masking:0.5",
        likelihood="bernoulli",
        max_epochs=10,
        batch_size=64,
        learning_rate=2e-3,  # the default suits batches of 256
        random_state=0,
    )
    started = time.perf_counter()
    dae.fit(data.train)
    seconds = time.perf_counter() - started
    figures["DenoisingAutoencoder, MLP 784-1024-512, Bernoulli"] = error(dae.reconstruct(holes))
    ours = figures["DenoisingAutoencoder, MLP 784-1024-512, Bernoulli"]
    rows = [[name, f"{value:.4f}", f"{ours / value:.2f}"] for name, value in figures.items()]
    return (
        "Fashion-MNIST's first 1,000 test images, each pixel missing with probability ½ and set to zero; mean squared "
        f"error over the missing pixels, grey values in [0, 1]. Ten epochs, {seconds:.0f} s. Held to: ≤ 0.55 of "
        "Navier–Stokes, ≤ 0.45 of Telea; a plain three-layer MLP reaches 0.0130.\n\n"
        + table(["method", "error", "ours ÷ this"], rows)
    )
