"""What it costs to measure a model on 10,000 held-out rows, and to make a page of it."""

from __future__ import annotations

import numpy as np

from isthmus import GAN, VAE, Autoencoder
from isthmus.datasets import load
from isthmus.networks import MLP
from isthmus.report.content import Content
from isthmus.report.page import page

from .report import table
from .timing import clock

SYSTEMS = {
    "VAE(20, network=MLP((400,)))": VAE(20, network=MLP((400,)), max_epochs=2, random_state=0),
    "Autoencoder(32, network=MLP((512,)))": Autoencoder(32, network=MLP((512,)), max_epochs=2, random_state=0),
    "GAN(64, network=MLP((256, 256)))": GAN(64, network=MLP((256, 256)), max_epochs=1, random_state=0),
    "VAE(32), convolutional": VAE(32, max_epochs=1, random_state=0),
}
MEASURING, DRAWING = 60, 20
"""Seconds that each may take."""


def run(repeats: int = 3) -> str:
    data, lines = load("fashion-mnist"), []
    for name, model in SYSTEMS.items():
        model.fit(data.train[:20_000])
        times, size = np.zeros((repeats, 2)), 0
        for i in range(repeats):
            made = Content(model, data.test, data.train, labels=data.test_labels, train_labels=data.train_labels)
            first, drawing = clock(lambda made=made: page(made)), clock(lambda made=made: page(made))
            times[i] = first - drawing, drawing  # a page measures what it shows, once
            size = len(page(made).encode())
        measuring, drawing = np.median(times, axis=0)
        met = "met" if measuring <= MEASURING and drawing <= DRAWING else "missed"
        lines.append([f"`{name}`", f"{measuring:.1f}", f"{drawing:.1f}", f"{size / 1e6:.1f}", met])
        print(*lines[-1], flush=True)
    return (
        f"A report of Fashion-MNIST's 10,000 test images, with 60,000 training images and the labels of both: every "
        f"measurement and verdict, then the page. Medians of {repeats}. Held to: at most {MEASURING} s and {DRAWING} s."
        "\n\n" + table(["model", "measuring, seconds", "page, seconds", "page, MB", ""], lines)
    )
