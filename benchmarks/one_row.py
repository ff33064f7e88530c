"""What one row costs: a score beside a bare forward pass of that row through the same networks."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import torch

from isthmus import VAE, Autoencoder

from .report import table
from .timing import ratio, take_turns, verdict

COLUMNS, ROWS, TURNS, CALLS = 20, 2_000, 9, 100
MOST_PASSES = 3.0
MOST_MILLISECONDS = 10.0
"""A tenth of what a hundred draws of one row took when all rows went through in blocks of 256."""


def run() -> str:
    torch.set_num_threads(1)
    X = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
    row = X[:1]
    autoencoder, vae = (cls(max_epochs=1, random_state=0).fit(X) for cls in (Autoencoder, VAE))
    calls: dict[str, tuple[Any, Callable[[], object]]] = {
        "Autoencoder(): score": (autoencoder, lambda: autoencoder.score_samples(row)),
        "Autoencoder(): codes": (autoencoder, lambda: autoencoder.transform(row)),
        "Autoencoder(): reconstruction": (autoencoder, lambda: autoencoder.reconstruct(row)),
        "VAE(): codes": (vae, lambda: vae.transform(row)),
        "VAE(): reconstruction": (vae, lambda: vae.reconstruct(row)),
    }
    lines = []
    for what, (model, call) in calls.items():
        found = take_turns({"ours": _median(call), "bare": _median(lambda model=model: _bare(model, row))}, TURNS)
        ours, bare = (f"{np.median(found[who]):.2f}" for who in ("ours", "bare"))
        lines.append([what, ours, bare, *verdict(ratio(found["ours"], found["bare"]), MOST_PASSES, at_most=True)])
    hundred = take_turns({"vae": _median(lambda: vae.score_samples(row, n_draws=100), 10)}, TURNS)["vae"]
    lines.append(
        ["VAE(): score, 100 draws", f"{np.median(hundred):.2f}", "", "", f"≤ {MOST_MILLISECONDS:g} ms",
         "met" if np.median(hundred) <= MOST_MILLISECONDS else "missed"]
    )  # fmt: skip
    same = all(
        np.array_equal(model.score_samples(X[:n]), model.score_samples(X)[:n])
        for model in (autoencoder, vae)
        for n in (1, 3, 20, 100)
    )
    return (
        f"One row of {COLUMNS} columns, 256 hidden units, one thread; medians of {CALLS} calls, {TURNS} turns, in "
        "milliseconds of the processor. A bare pass is the units, the encoder, the decoder and log p(x|x̂) of that row "
        "by the model's own modules, with nothing checked.\n\n"
        + table(["what", "milliseconds", "a bare pass", "ratio", "held to", ""], lines)
        + f"\n\nScores of 1, 3, 20 and 100 rows are, bit for bit, those of the same rows among {ROWS:,}: "
        + ("yes." if same else "no.")
    )


def _bare(model: Any, row: np.ndarray) -> torch.Tensor:
    module = model.model_
    with torch.no_grad():
        x = module.scaled(torch.as_tensor(row))
        return module.decode(module.encode(x).mean).log_prob(x)


def _median(call: Callable[[], object], calls: int = CALLS) -> Callable[[], float]:
    """Return what measures the median milliseconds of a call."""

    def measure() -> float:
        seconds = []
        for _ in range(calls):
            started = process_time()
            call()
            seconds.append(process_time() - started)
        return 1_000 * float(np.median(seconds))

    return measure
