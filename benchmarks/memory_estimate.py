"""`isthmus.memory.estimate` against the growth of a process's high-water mark, each fit in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .report import table

LOWEST, HIGHEST = 0.67, 1.5

CASES = {
    "wide": ("Autoencoder(8, network=MLP((4096,)), batch_size=16)", (32, 4000)),
    "wide and deep": ("Autoencoder(8, network=MLP((4096, 4096)), batch_size=16)", (128, 4000)),
    "large batch": ("VAE(8, network=MLP((512,) * 4), batch_size=8192)", (8192, 64)),
    "large batch, wide": ("VAE(8, network=MLP((1024,) * 4), batch_size=16384)", (32768, 64)),
    "convolutions": ("VAE(8, network=Conv(), batch_size=2048)", (2048, 1, 32, 32)),
    "adversarial": ("GAN(8, network=MLP((1024,) * 3), discriminator=MLP((1024,) * 3), batch_size=8192)", (8192, 64)),
}


def run() -> str | None:
    if not Path("/proc/self/clear_refs").exists():
        return None
    lines = []
    for case, (model, shape) in CASES.items():
        for precision in ("float32", "bfloat16"):
            found = _apart(case, precision)
            ratio = found["estimated"] / found["measured"]
            lines.append(
                [
                    f"`{model}`",
                    " × ".join(map(str, shape)),
                    precision,
                    f"{found['estimated'] / 1e6:.0f}",
                    f"{found['measured'] / 1e6:.0f}",
                    f"{ratio:.2f}",
                    "met" if LOWEST <= ratio <= HIGHEST else "missed",
                ]
            )
    head = ["model", "data", "precision", "estimated, MB", "measured, MB", "ratio", f"held to {LOWEST} to {HIGHEST}"]
    return (
        "Each fit of one epoch runs in a fresh process, after a small fit that loads the libraries. Measured is the "
        "growth of the process's high-water mark (`VmHWM` in /proc/self/status, set back by /proc/self/clear_refs). "
        "glibc's allocator would keep freed blocks of up to 32 MB for later; `MALLOC_MMAP_THRESHOLD_` makes it give "
        "back blocks of 1 MB and more, so that what is measured is what is in use. One thread.\n\n" + table(head, lines)
    )


def _apart(case: str, precision: str) -> dict[str, int]:
    """Run `main` in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, case, precision]
    megabyte = str(2**20)
    settings = {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": megabyte, "MALLOC_TRIM_THRESHOLD_": megabyte}
    done = subprocess.run(
        command, cwd=Path(__file__).parent.parent, env=os.environ | settings, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(case: str, precision: str) -> None:
    import numpy as np

    from isthmus import GAN, VAE, Autoencoder, Training, memory
    from isthmus.networks import MLP, Conv

    expression, shape = CASES[case]
    X = np.random.default_rng(0).normal(size=shape)
    model = eval(expression, {part.__name__: part for part in (GAN, VAE, Autoencoder, MLP, Conv)})
    model.set_params(precision=precision, max_epochs=1, training=Training(compile=False))
    Autoencoder(2, max_epochs=1, precision=precision).fit(np.random.default_rng(0).normal(size=(64, 20)))
    before = _status("VmRSS:")
    Path("/proc/self/clear_refs").write_text("5")
    model.fit(X)
    print(json.dumps({"estimated": memory.estimate(model, X).total, "measured": _status("VmHWM:") - before}))


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
