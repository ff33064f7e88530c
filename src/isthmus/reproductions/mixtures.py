"""The ring of 8 and the grid of 25 Gaussians: PacGAN's protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import recipes
from ..datasets import GRID, GRID_STD, RING, RING_STD, grid, ring
from ..estimators import GAN
from ..metrics import mode_coverage
from .protocol import Attempt, Figures, Line, Measure, Protocol

__all__ = ["GRID_OF_25", "RING_OF_8"]

ROWS, SAMPLES = 100_000, 2_500
SOURCE = (
    'Zinan Lin, Ashish Khetan, Giulia Fanti and Sewoong Oh, "PacGAN: The power of two samples in generative '
    'adversarial networks", 2018, <https://arxiv.org/abs/1712.04086>, table 1.'
)
SCHEDULE = {"full": {"max_epochs": 400, "batch_size": 100}, "fast": {"max_epochs": 40, "batch_size": 256}}
SETTINGS = {
    "fast": "40 epochs at batch 256, 15,600 steps; the other settings are those of `GAN` or of the recipe",
    "full": "400 epochs at batch 100, 400,000 steps, as in the paper; the other settings as in `fast`",
}
MEASURES = (
    Measure("modes", "modes", 1),
    Measure("good", "% good", 1),
    Measure("reverse_kl", "reverse KL", 3),
)


def _attempt(
    make: Callable[..., GAN], draw: Callable[[int, int], np.ndarray], centres: np.ndarray, std: float
) -> Callable[[Attempt], Figures]:
    """Return how a GAN is fitted to draws of a mixture, and how its samples are counted."""

    def attempt(run: Attempt) -> Figures:
        schedule: dict[str, Any] = SCHEDULE[run.scale]
        gan = run.fit(make(latent_dim=2, **schedule), draw(ROWS, run.seed))
        found = mode_coverage(gan.sample(SAMPLES, random_state=run.seed + 1), centres, std)
        return {"modes": found.found, "good": 100 * found.good, "reverse_kl": found.reverse_kl}

    return attempt


def _pac(samples: int) -> Callable[..., GAN]:
    return lambda **given: recipes.pac_gan(samples, **given, penalties="auto")


def _lines(
    draw: Callable[[int, int], np.ndarray], centres: np.ndarray, std: float, published: dict[str, Figures]
) -> list[Line]:
    makes: dict[str, Callable[..., GAN] | None] = {
        "GAN, minimax": recipes.minimax_gan,
        "GAN, default": GAN,
        "R3GAN's loss": recipes.r3gan,
        "PacGAN2": _pac(2),
        "PacGAN4": _pac(4),
    }
    makes |= dict.fromkeys(label for label in published if label not in makes)
    return [
        Line(label, published.get(label, {}), None if make is None else _attempt(make, draw, centres, std))
        for label, make in makes.items()
    ]


def _published(modes: float, good: float, reverse_kl: float) -> Figures:
    return {"modes": modes, "good": good, "reverse_kl": reverse_kl}


ABOUT = (
    f"{ROWS:,} training samples, {SAMPLES:,} drawn, z of two units. A sample is good if it lies within 3σ of the "
    "nearest mode, a mode is found if it has a good sample; reverse KL is that of the samples' shares from equal ones."
)

RING_OF_8 = Protocol(
    "ring",
    "Ring of 8 Gaussians",
    SOURCE,
    f"Eight Gaussians of σ = 0.01 on the unit circle. {ABOUT}",
    MEASURES,
    _lines(ring, RING, RING_STD, {"GAN, minimax": _published(6.3, 98.2, 0.45), "PacGAN2": _published(7.9, 95.6, 0.07)}),
    SETTINGS,
)

GRID_OF_25 = Protocol(
    "grid",
    "Grid of 25 Gaussians",
    SOURCE,
    f"Twenty-five Gaussians of σ = 0.05 at {{−4, −2, 0, 2, 4}}². {ABOUT}",
    MEASURES,
    _lines(
        grid,
        GRID,
        GRID_STD,
        {
            "GAN, minimax": _published(17.3, 94.8, 0.70),
            "PacGAN4": _published(24.8, 93.6, 0.04),
            "ALI": _published(24.1, 95.7, 0.14),
        },
    ),
    SETTINGS,
)
