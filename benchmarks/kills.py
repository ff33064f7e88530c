"""Fits killed at random moments and gone on with, held bit for bit against fits that never stopped."""

from __future__ import annotations

import os
import signal
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from isthmus import GAN, VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Training, load
from isthmus.networks import MLP

from .report import table

KILLS = 40
SMALL = {"network": MLP((32,)), "max_epochs": 12, "batch_size": 16, "random_state": 0}
SYSTEMS = {
    "autoencoder": Autoencoder(4, **SMALL),
    "denoising": DenoisingAutoencoder(4, validation_fraction=0.2, **SMALL),
    "contractive": ContractiveAutoencoder(4, **SMALL),
    "vae": VAE(4, validation_fraction=0.2, **SMALL),
    "gan": GAN(4, **SMALL),
}


def _child(work) -> int:
    """Start a process that is this one's twin, imports and all, and does the work; return its number."""
    number = os.fork()
    if number == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return number


def _fitted(name: str, out: Path, **training: object) -> None:
    X = np.random.default_rng(0).normal(size=(800, 10)).astype(np.float32)
    SYSTEMS[name].set_params(training=Training(averaging=0.9, **training)).fit(X).save(out)


def _same(a: Path, b: Path) -> bool:
    first, second = load(a), load(b)
    weights = [model.model_.state_dict() for model in (first, second)]
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in m.history_] for m in (first, second)]
    return rows[0] == rows[1] and all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def run(kills: int = KILLS) -> str:
    torch.set_num_threads(1)  # a forked process has no others
    warnings.filterwarnings("ignore", message="This process .* is multi-threaded")
    rng, rows = np.random.default_rng(0), []
    for name in SYSTEMS:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            started = time.perf_counter()
            os.waitpid(_child(lambda name=name, place=place: _fitted(name, place / "whole")), 0)
            length = time.perf_counter() - started
            killed = finished = same = unreadable = 0
            while killed < kills:
                kept, out = place / f"c{finished}", place / f"m{finished}"
                work = lambda: _fitted(name, out, checkpoint=str(kept), every=3, resume=True)  # noqa: B023, E731
                number = _child(work)
                time.sleep(float(rng.uniform(0, length / 2)))
                os.kill(number, signal.SIGKILL)
                died = os.WIFSIGNALED(os.waitpid(number, 0)[1])
                killed += died
                unreadable += not _readable(kept)
                if not died or killed == kills:
                    os.waitpid(_child(work), 0)
                    finished, same = finished + 1, same + _same(out, place / "whole")
            rows.append([name, killed, finished, same, unreadable])
            print(*rows[-1], flush=True)
    rows.append(["all", *(sum(row[i] for row in rows) for i in range(1, 5))])
    head = ["system", "SIGKILLs", "fits that came through", "bit-equal to one never stopped", "unreadable checkpoints"]
    return (
        "A fit of 800 rows, 12 epochs, a checkpoint every three steps, is killed after a time drawn from 0 to half its "
        "length, and gone on with until it is done; then the next one begins. Weights, averages and history are "
        "compared, times aside.\n\n" + table(head, rows)
    )


def _readable(folder: Path) -> bool:
    """Whether the newest checkpoint, if there is one, is whole."""
    from isthmus.training.checkpoint import _read

    newest = max(folder.glob("step-*"), default=None)
    try:
        return newest is None or bool(_read(newest))
    except Exception:
        return False
