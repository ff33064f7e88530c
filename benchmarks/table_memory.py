"""Peak memory of a fit on a million rows of thirty columns that are streamed from a Parquet file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .memory import Peak

ROWS, COLUMNS, BLOCK_ROWS = 1_000_000, 30, 50_000
FIT_SECONDS = 30.0


def peak_megabytes() -> float:
    """Return the megabytes that a fit holds beyond what the process held before, from Parquet to a fitted model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.mkdir()
        subprocess.run([sys.executable, "-m", __spec__.name, "write", str(path)], check=True)
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, "fit", str(path)], check=True, capture_output=True, text=True
        )
    return float(json.loads(done.stdout.splitlines()[-1]))


def _write(folder: Path) -> None:
    """Write numbers of several kinds that depend on each other: continuous, whole, mostly zero, of few values."""
    import polars as pl

    rng = np.random.default_rng(0)
    loading = rng.normal(size=(4, COLUMNS))
    for number in range(ROWS // BLOCK_ROWS):
        x = rng.normal(size=(BLOCK_ROWS, 4)) @ loading + rng.normal(size=(BLOCK_ROWS, COLUMNS))
        x[:, 1::4], x[:, 2::4], x[:, 3::4] = x[:, 1::4].round(), x[:, 2::4].clip(min=0), x[:, 3::4] > 0
        pl.DataFrame(x, schema=[f"x{i}" for i in range(COLUMNS)]).write_parquet(folder / f"{number:03}.parquet")


def _fit(folder: Path) -> float:
    import torch

    from isthmus import MaskedAutoencoder, Training, spool

    torch.set_num_threads(1)
    with Peak() as before:
        time.sleep(0.2)
    with Peak() as peak:
        X = spool(folder)
        MaskedAutoencoder(random_state=0, training=Training(max_time=FIT_SECONDS)).fit(X).sample(1000)
    return peak.megabytes - before.megabytes


if __name__ == "__main__":
    if sys.argv[1] == "write":
        _write(Path(sys.argv[2]))
    else:
        print(json.dumps(_fit(Path(sys.argv[2]))))
