"""This code beside that of an earlier revision: the same fits in a process each, taking turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .report import table
from .timing import ratio, take_turns

REVISION = os.environ.get("AGAINST", "0d46397")
"""The revision to measure against; 0d46397 is the last before the parts were redrawn."""

ROOT = Path(__file__).parents[1]
TURNS = 5
CASES = {
    "VAE, batch 100": "VAE(20, network=MLP((400,)), **grey, batch_size=100, max_epochs=4, training=compiled, {seed})",
    "VAE, not compiled": "VAE(20, network=MLP((400,)), **grey, batch_size=100, max_epochs=4, training=plain, {seed})",
    "VAE, batch 1024": "VAE(20, network=MLP((400,)), **grey, batch_size=1024, max_epochs=5, training=compiled, {seed})",
    "autoencoder, batch 256": "Autoencoder(32, network=MLP((512,)), **grey, max_epochs=4, training=compiled, {seed})",
    "denoising, batch 256": "DenoisingAutoencoder(32, network=MLP((512,)), corruption='masking:0.25', **grey, "
    "max_epochs=4, training=compiled, {seed})",
    "contractive, batch 256": "ContractiveAutoencoder(32, **grey, max_epochs=3, training=compiled, {seed})",
    "adversarial autoencoder": "AdversarialAutoencoder(8, network=MLP((400,)), **grey, max_epochs=3, training=plain, "
    "{seed})",
    "GAN": "GAN(16, max_epochs=3, training=plain, {seed})",
}
WORKER = """
import json, sys
import numpy as np
from isthmus import *
from isthmus.datasets import load
from isthmus.networks import MLP
data = load("fashion-mnist")
X, test = data.train[:30_000].reshape(-1, 784), data.test[:2_000].reshape(-1, 784)
compiled, plain = Training(compile=True), Training(compile=False)
grey = {"likelihood": "bernoulli"}  # what the earlier revision takes for grey values
for line in sys.stdin:
    model = eval(json.loads(line)).fit(X)
    seconds = float(np.median(model.history_["seconds"][1:]))
    quality = float(model.score(test)) if hasattr(model, "reconstruct") else float("nan")
    print(json.dumps([len(X) / seconds, quality]), flush=True)
"""


class Side:
    """A process that fits with the code of one checkout."""

    def __init__(self, root: Path, cache: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(root / "src"), "TORCHINDUCTOR_CACHE_DIR": cache}
        command = [sys.executable, "-W", "ignore", "-c", WORKER]
        self.process = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.qualities: list[float] = []

    def fit(self, expression: str) -> float:
        """Fit once with a seed of its own; return rows a second and keep the score of test rows."""
        assert self.process.stdin
        assert self.process.stdout
        text = expression.format(seed=f"random_state={len(self.qualities)}")
        print(json.dumps(text), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that fits {text} has died")
        speed, quality = json.loads(answer)
        self.qualities.append(quality)
        return float(speed)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def run(turns: int = TURNS) -> str:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder, "earlier")
        subprocess.run(["git", "worktree", "add", "-q", "--detach", earlier, REVISION], cwd=ROOT, check=True)
        try:
            for name, expression in CASES.items():
                sides = {"now": Side(ROOT, f"{folder}/now"), "before": Side(earlier, f"{folder}/before")}
                try:
                    for side in sides.values():  # compiled, and warm
                        side.fit(expression)
                        side.qualities.clear()
                    fits = {who: lambda s=side, e=expression: s.fit(e) for who, side in sides.items()}
                    speeds = take_turns(fits, turns)
                finally:
                    for side in sides.values():
                        side.close()
                print(name, speeds, {who: side.qualities for who, side in sides.items()}, flush=True)
                rows.append([name, *_cells(speeds, {who: side.qualities for who, side in sides.items()})])
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", earlier], cwd=ROOT, check=True)
    heads = ["fit", "before", "now", "now ÷ before", "score before", "score now"]
    return _text(turns) + table(heads, rows)


def _cells(speeds: dict[str, np.ndarray], qualities: dict[str, list[float]]) -> list[str]:
    fast = [f"{np.median(speeds[who]) / 1e3:.1f}" for who in ("before", "now")]
    good = [f"{np.mean(qualities[who]):.5g} ± {np.std(qualities[who], ddof=1):.2g}" for who in ("before", "now")]
    return [*fast, f"{ratio(speeds['now'], speeds['before']):.3f}", *("–" if "nan" in cell else cell for cell in good)]


def _text(turns: int) -> str:
    return (
        f"Fashion-MNIST, 30,000 rows. The same fit by this code and by revision {REVISION}, in a process each, taking "
        f"turns ({turns} turns, a seed each): thousand rows a second by the history's epochs, the first left out; the "
        "ratio is the median of paired ratios. The score is `score` of 2,000 test rows after those few epochs, with "
        "the deviation between seeds (equal where both codes draw the same numbers).\n\n"
    )
