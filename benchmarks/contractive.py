"""What the contractive penalty costs: its step over a plain step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isthmus import Autoencoder, ContractiveAutoencoder
from isthmus.datasets import load
from isthmus.networks import MLP, Conv

from .report import table
from .timing import ratio, take_turns, verdict

CASES = {
    "`MLP((512,))`, any encoder": (MLP((512,)), 20_000, 2.5),
    "`Conv()`, any encoder": (Conv(), 4_000, 2.5),
    "`MLP((), code_activation='sigmoid')`, closed form": (MLP((), code_activation="sigmoid"), 20_000, 1.3),
}
WIDTH = 32


def run(turns: int = 5, share: float = 1.0) -> str:
    data, rows = load("fashion-mnist").train, []
    for name, (network, n, target) in CASES.items():
        X = data[: max(512, int(n * share))]
        plain = Autoencoder(WIDTH, network=network, max_epochs=4, batch_size=256, tied=_ties(network), random_state=0)
        contractive = ContractiveAutoencoder(
            WIDTH, network=network, max_epochs=4, batch_size=256, tied=_ties(network), random_state=0
        )
        measured = take_turns({"plain": _epoch(plain, X), "contractive": _epoch(contractive, X)}, turns)
        cost = ratio(measured["contractive"], measured["plain"])
        steps = max(1, len(X) // 256)
        times = [f"{np.median(measured[who]) / steps * 1e3:.2f}" for who in ("plain", "contractive")]
        rows.append([name, *times, *verdict(cost, target, at_most=True)])
    return (
        "A step of `ContractiveAutoencoder` over a step of `Autoencoder`, width 32, batch 256, everything "
        "else equal and "
        "at its default; epochs of fits that take turns, the first of each left out, medians of paired ratios.\n\n"
        + table(["encoder", "plain, ms a step", "contractive, ms a step", "ratio", "held to", ""], rows)
    )


def _ties(network: MLP | Conv) -> bool:
    return isinstance(network, MLP)


def _epoch(model: Autoencoder | ContractiveAutoencoder, X: np.ndarray) -> Callable[[], float]:
    return lambda: float(np.median(model.fit(X).history_["seconds"][1:]))
