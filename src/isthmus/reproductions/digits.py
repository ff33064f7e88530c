"""A check that takes minutes: recipes whose score is a bound, on scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import recipes
from ..datasets import load
from ..estimators import VAE
from ..metrics import active_units
from ..networks import MLP
from .protocol import Attempt, Figures, Line, Measure, Protocol

__all__ = ["DIGITS"]

DRAWS, EPOCHS = 500, 200


def _attempt(make: Callable[..., VAE]) -> Callable[[Attempt], Figures]:
    def attempt(run: Attempt) -> Figures:
        data = load("digits")
        train, test = ((rows.reshape(len(rows), -1) > 0.5).astype(np.float32) for rows in (data.train, data.test))
        vae = run.fit(make(latent_dim=8, network=MLP((128, 128)), max_epochs=EPOCHS, batch_size=64), train)
        nll = -float(np.mean(vae.score_samples(test, n_draws=DRAWS)))
        return {"nll": nll, "active": active_units(vae.transform(test))}

    return attempt


DIGITS = Protocol(
    "digits",
    "Recipes on digits",
    "No paper: a check that a change of the library keeps what recipes are for.",
    "1,437 training and 360 test rows of 8 × 8, black where the grey value is above a half; 64-128-128-8 and back. "
    "−L₅₀₀ is the bound on −log p(x) by 500 draws, in nats.",
    (Measure("nll", "−L₅₀₀"), Measure("active", "active units", 1)),
    tuple(
        Line(label, {}, _attempt(make))
        for label, make in {
            "VAE": VAE,
            "IWAE, k = 5": recipes.iwae,
            "MIWAE, 2 × 4": recipes.miwae,
            "CIWAE": recipes.ciwae,
            "PIWAE": recipes.piwae,
            "DReG, k = 8": recipes.dreg,
            "VampPrior": recipes.vamp_prior,
            "flow posterior": recipes.flow_posterior,
            "flow prior": recipes.flow_prior,
            "sphere": recipes.hyperspherical_vae,
        }.items()
    ),
    {"fast": f"{EPOCHS} epochs at batch 64"},
)
