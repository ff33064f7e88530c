"""A user's own estimator and part, in a file outside the package, used from the command line in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from command import run
from isthmus import files

BESIDE = "STEP = 0.25\n"

OWN = '''
"""A user's own code."""

import numpy as np
import torch
from beside import STEP
from isthmus import VAE, DenoisingAutoencoder
from isthmus.corruption import Corruption


class Rounding(Corruption):
    """Values rounded to a grid."""

    step: float = STEP

    def __call__(self, x, generator):
        return torch.round(x / self.step) * self.step


class GridVAE(VAE):
    """A variational autoencoder whose samples lie on a grid."""

    step: float = STEP

    def sample(self, n_samples=1, random_state=None):
        drawn = np.asarray(super().sample(n_samples, random_state))
        return np.round(drawn / self.step) * self.step


class Restorer(DenoisingAutoencoder):
    """A denoising autoencoder."""

    corruption: Corruption | str = "rounding"
'''

SCRIPT = """
import shlex, sys
from isthmus.cli import main
for line in sys.argv[1:]:
    sys.argv = ["isthmus", *shlex.split(line)]
    try:
        main()
    except SystemExit as done:
        if done.code:
            sys.exit(f"{line}: exit status {done.code}")
"""


def run_each(*lines: str, **environment: str) -> str:
    """Run command lines one after the other in one fresh process and return what they print."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *lines],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_estimator_of_your_own_is_used_like_ours(here, capsys):
    Path("code").mkdir()
    Path("code/own.py").write_text(OWN)
    Path("code/beside.py").write_text(BESIDE)
    run_each(
        "--import code/own.py fit gridvae x.csv -o grid --epochs 2 --set step=0.5 --seed 1 -q",
        "fit restorer x.csv -o restorer --epochs 2 --set 'corruption=rounding(step=0.5)' -q",
    )
    run("encode", "grid", "x.csv", "-o", "codes.csv", expect=2)
    assert "import own first, or at the command line: isthmus --import own" in capsys.readouterr().err
    assert not Path("codes.csv").exists()
    out = run_each(
        "inspect grid",
        "encode grid x.csv -o codes.csv",
        "score grid x.csv -o scores.csv",
        "sample grid -n 20 -o samples.csv",
        "reconstruct restorer x.csv -o clean.csv",
        "diagnose grid x.csv",
        "report restorer x.csv -o report.html",
        "compare x.csv -o compared -s 'gridvae(step=2)' -s 'restorer corruption=rounding:1' -s ae --epochs 1",
        "models",
        "models restorer",
        "parts corruption",
        ISTHMUS_IMPORT="code/own.py",
    )
    assert files.read("codes.csv").columns == ["gridvae0"]
    assert files.read("scores.csv").values.shape == (60, 1)
    samples = files.read("samples.csv").values
    np.testing.assert_array_equal(samples, np.round(2 * samples) / 2)
    assert files.read("clean.csv").values.shape == (60, 4)
    assert "Restorer" in Path("report.html").read_text()
    assert {path.name for path in Path("compared/models").iterdir()} == {
        "gridvae-step-2-0",
        "restorer-corruption-rounding-1-0",
        "ae-0",
    }
    assert "GridVAE" in out
    assert "A variational autoencoder whose samples lie on a grid." in out
    assert "rounding(step=0.25)" in out
    assert "posterior collapse" in out
