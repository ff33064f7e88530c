"""How cost grows: in rows, in rows a step, in draws, over two orders of magnitude each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from isthmus import VAE, Training
from isthmus.datasets import load
from isthmus.networks import MLP

from .report import table
from .timing import clock, take_turns

MOST = 1.1  # linear, with a tenth for what is measured on a shared machine; a fixed part makes it less than 1


def run(turns: int = 3, share: float = 1.0) -> str:
    data = load("fashion-mnist")
    X, test = data.train.reshape(-1, 784), data.test.reshape(-1, 784)
    top = int(60_000 * share)
    fitted = _vae(256, 1).fit(X[:4_096])
    series: dict[str, tuple[str, Mapping[int, Callable[[], float]]]] = {
        "rows of a fit": ("an epoch, batch 256", {n: _epoch(X[:n], 256) for n in _sizes(top)}),
        "rows a step": ("a step", {b: _step(X[: max(4 * b, 8_000)], b) for b in _sizes(int(2_048 * share), least=16)}),
        "rows scored": ("`score_samples`, 2 draws", {n: _score(fitted, X[:n], 2) for n in _sizes(top)}),
        "draws": (
            "`score_samples`, 256 rows",
            {k: _score(fitted, test[:256], k) for k in _sizes(int(1_000 * share), least=5)},
        ),
    }
    lines, slopes = [], []
    for what, (unit, cases) in series.items():
        for case in cases.values():
            case()  # warm-up
        measured = {int(n): float(np.median(t)) for n, t in take_turns(_named(cases), turns).items()}
        sizes, seconds = np.array(list(measured)), np.array(list(measured.values()))
        lines += [[what, unit, f"{n:,}", f"{s * 1e3:.2f}", f"{s / n * 1e6:.1f}"] for n, s in measured.items()]
        half = len(sizes) // 2
        slope = [float(np.polyfit(np.log(sizes[i:]), np.log(seconds[i:]), 1)[0]) for i in (0, half)]
        slopes.append([what, *(f"{s:.2f}" for s in slope), f"≤ {MOST:g}", "met" if max(slope) <= MOST else "missed"])
    return (
        f"VAE 784-400-20, {turns} turns, medians. The slope is that of log seconds over log size by least "
        "squares: 1 is "
        "linear; less than 1 where a fixed part weighs, which the upper half of the sizes has less of.\n\n"
        + table(["grows", "what is timed", "size", "ms", "µs a unit"], lines)
        + "\n\n"
        + table(["grows", "slope, all sizes", "slope, upper half", "held to", ""], slopes)
    )


def _sizes(top: int, least: int = 256) -> list[int]:
    """Return sizes up to `top` in steps of about √10, over two orders of magnitude or down to `least`."""
    return sorted({max(least, round(top / 10 ** (i / 2))) for i in range(5)})


def _named(cases: Mapping[int, Callable[[], float]]) -> dict[str, Callable[[], float]]:
    return {str(n): case for n, case in cases.items()}


def _vae(batch: int, epochs: int) -> VAE:
    return VAE(
        20,
        network=MLP((400,)),
        batch_size=batch,
        max_epochs=epochs,
        training=Training(compile=False),
        random_state=0,
    )


def _epoch(X: np.ndarray, batch: int, epochs: int = 3) -> Callable[[], float]:
    return lambda: float(np.median(_vae(batch, epochs).fit(X).history_["seconds"][1:]))


def _step(X: np.ndarray, batch: int) -> Callable[[], float]:
    epoch = _epoch(X, batch)
    return lambda: epoch() / max(1, len(X) // batch)


def _score(model: VAE, X: np.ndarray, draws: int) -> Callable[[], float]:
    return lambda: clock(lambda: model.score_samples(X, n_draws=draws))
