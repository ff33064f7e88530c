"""The quality that fits reach with matrix products in bfloat16, beside float32."""

from __future__ import annotations

import numpy as np
import torch
from joblib import Parallel, delayed

from .report import spread, table
from .tasks import TASKS

CHOSEN = (
    "autoencoder, 784-512-32",
    "denoising, 784-512-32",
    "contractive, 784-200",
    "VAE, 784-400-20",
    "VAE, convolutional, 10,000 images",
)
ROWS, SEEDS = 10_000, 4


def run() -> str:
    jobs = [
        (name, precision, seed) for name in CHOSEN for precision in ("float32", "bfloat16") for seed in range(SEEDS)
    ]
    found = dict(zip(jobs, Parallel(-1, verbose=5)(delayed(_value)(*job) for job in jobs), strict=True))
    lines = []
    for name in CHOSEN:
        single, half = (np.array([found[name, p, s] for s in range(SEEDS)]) for p in ("float32", "bfloat16"))
        pooled = np.sqrt((single.var(ddof=1) + half.var(ddof=1)) / SEEDS)
        task, gap = TASKS[name], (half.mean() - single.mean()) / pooled
        lines.append([name, task.what, spread(single, task.digits), spread(half, task.digits), f"{gap:+.1f}"])
    return (
        f"Fashion-MNIST, {ROWS:,} training images, 10 epochs, {SEEDS} seeds, mean ± standard deviation; lower is "
        "better. The last column is the difference of the means over its standard error. The products are in bfloat16 "
        "whether or not the processor has them natively; only the speed depends on that.\n\n"
        + table(["task", "measured", "float32", "bfloat16", "difference ÷ standard error"], lines)
    )


def _value(name: str, precision: str, seed: int) -> float:
    torch.set_num_threads(1)
    return TASKS[name].value(seed, ROWS, precision=precision)
