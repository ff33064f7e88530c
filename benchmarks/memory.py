"""Peak memory of a fit on a memory map of 1,000,000 × 784 bytes, against the same process with 10,000 rows."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from .report import table
from .timing import verdict

FEATURES, BLOCK = 784, 10_000
MEGABYTES, SLOWDOWN = 600.0, 0.15


def run(large: int = 1_000_000, small: int = 10_000, turns: int = 3) -> str:
    results: dict[int, list[dict[str, float]]] = {small: [], large: []}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        files = {n: _write(Path(folder) / f"{n}.npy", n) for n in results}
        for turn in range(turns):
            for n in sorted(files, reverse=turn % 2 == 1):
                epochs = 1 if n == large else max(2, min(20, large // small))
                results[n].append(_apart(files[n], epochs))
    middle = {n: {key: float(np.median([r[key] for r in runs])) for key in runs[0]} for n, runs in results.items()}
    lines = [
        [f"{n:,}", f"{m['rows_per_second'] / 1e3:.1f}", f"{m['anonymous']:.0f}", f"{m['resident']:.0f}"]
        for n, m in middle.items()
    ]
    above = middle[large]["anonymous"] - middle[small]["anonymous"]
    speed = float(
        np.median([b["rows_per_second"] / a["rows_per_second"] for a, b in zip(*results.values(), strict=True)])
    )
    held = [
        ["anonymous memory above the small set's, MB", *verdict(above, MEGABYTES, at_most=True)],
        ["throughput ÷ the small set's", *verdict(speed, 1 - SLOWDOWN)],
    ]
    return (
        f"`VAE(20, network=MLP((400,)), batch_size=256)` on a memory map of {large:,} × {FEATURES} uint8 "
        "(random bytes, one "
        f"pass) and of {small:,} (several), each fit in a process of its own, {turns} turns, medians. The "
        "pages of a mapped "
        "file count as resident, but the kernel takes them back whenever somebody needs the room: what the fit itself "
        "holds is its anonymous memory (`RssAnon` in /proc/self/status, sampled every 20 ms), and that is held to the "
        "figure; resident is `getrusage`'s maximum. Whole fits, set-up and checks of the data included, over "
        "their rows; "
        "compilation is off, so that it burdens neither.\n\n"
        + table(["rows", "thousand rows a second", "peak anonymous, MB", "peak resident, MB"], lines)
        + "\n\n"
        + table(["held to account", "measured", "held to", ""], held)
    )


def _write(path: Path, n: int) -> Path:
    """Write n rows of random bytes, a block at a time."""
    rng = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, "w+", np.uint8, (n, FEATURES))
    for start in range(0, n, BLOCK):
        rows[start : start + BLOCK] = rng.integers(0, 256, (min(BLOCK, n - start), FEATURES), dtype=np.uint8)
    rows.flush()
    return path


def _apart(path: Path, epochs: int) -> dict[str, float]:
    """Run `main` in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, str(path), str(epochs)]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(path: str, epochs: int) -> None:
    from isthmus import VAE, Training
    from isthmus.networks import MLP

    from .timing import clock

    X = np.load(path, mmap_mode="r")
    model = VAE(
        20,
        network=MLP((400,)),
        batch_size=256,
        max_epochs=epochs,
        random_state=0,
        training=Training(compile=False),
    )
    with Peak() as peak:
        seconds = clock(lambda: model.fit(X))
    print(
        json.dumps(
            {
                "rows_per_second": len(X) * epochs / seconds,
                "anonymous": peak.megabytes,
                "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


class Peak:
    """The largest anonymous memory of this process while it lasts, in MB."""

    def __enter__(self) -> Peak:
        self.megabytes, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            lines = Path("/proc/self/status").read_text().splitlines()
            kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
            self.megabytes = max(self.megabytes, kilobytes / 1024)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
