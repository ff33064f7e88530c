"""What one row costs: a score beside a bare forward pass of that row through the same networks."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

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
    row, lines = X[:1], []
    for cls in (Autoencoder, VAE):
        model = cls(max_epochs=1, random_state=0).fit(X)
        bound = isinstance(model, VAE)
        who = {
            "bare": _median(lambda model=model: _bare(model, row)),
            "score": _median(
                lambda model=model, bound=bound: model.score_samples(row, **({"n_draws": 1} if bound else {}))
            ),
            "transform": _median(lambda model=model: model.transform(row)),
            "reconstruct": _median(lambda model=model: model.reconstruct(row)),
        }
        if not bound:
            who["score"] = _median(lambda model=model: model.score_samples(row))
        found = take_turns(who, TURNS)
        name = f"{cls.__name__}()"
        for what in ("score", "transform", "reconstruct"):
            label = f"{name}: {what}{', one draw' if bound and what == 'score' else ''}"
            lines.append(
                [
                    label,
                    f"{np.median(found[what]):.2f}",
                    f"{np.median(found['bare']):.2f}",
                    *verdict(ratio(found[what], found["bare"]), MOST_PASSES, at_most=True),
                ]
            )
        same = all(np.array_equal(model.score_samples(X[:n]), model.score_samples(X)[:n]) for n in (1, 3, 20, 100))
        lines.append(
            [f"{name}: the row has the same bits alone, among 3, 20, 100 and {ROWS:,}", "", "", str(same), "", ""]
        )
    hundred = float(np.median([_median(lambda: model.score_samples(row, n_draws=100), 10)() for _ in range(TURNS)]))
    lines.append(
        [
            "VAE(): score, 100 draws",
            f"{hundred:.2f}",
            "",
            "",
            f"≤ {MOST_MILLISECONDS:g} ms",
            "met" if hundred <= MOST_MILLISECONDS else "missed",
        ]
    )
    return (
        f"One row of {COLUMNS} columns, 256 hidden units, one thread; medians of {CALLS} calls in milliseconds, {TURNS} turns. "
        "A bare forward pass is units, encoder, decoder and log p(x|x̂) of that row by the model's own modules, in a block of "
        "its own, with nothing checked.\n\n"
        + table(["what", "milliseconds", "a bare pass", "ratio", "held to", ""], lines)
    )


def _bare(model, row: np.ndarray) -> torch.Tensor:
    module = model.model_
    with torch.no_grad():
        x = module.scaled(torch.as_tensor(row))
        return module.decode(module.encode(x).mean).log_prob(x)


def _median(call: Callable[[], object], calls: int = CALLS) -> Callable[[], float]:
    """Return what measures the median milliseconds of a call."""

    def measure() -> float:
        seconds = []
        for _ in range(calls):
            started = perf_counter()
            call()
            seconds.append(perf_counter() - started)
        return 1_000 * float(np.median(seconds))

    return measure
