"""Start-up: `import isthmus` beyond what it imports, and `isthmus --help`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .report import table
from .timing import clock, take_turns, verdict

BEYOND = "import numpy, sklearn.base, torch"
HELP = 0.5


def run(turns: int = 7) -> str:
    script = Path(sys.executable).with_name("isthmus")
    commands = {
        "`python -c pass`": [sys.executable, "-c", "pass"],
        f"`{BEYOND}`": [sys.executable, "-c", BEYOND],
        "`import isthmus`": [sys.executable, "-c", f"{BEYOND}; import isthmus"],
        "`from isthmus import VAE`": [sys.executable, "-c", f"{BEYOND}; from isthmus import VAE"],
        "`isthmus --help`": [str(script), "--help"],
    }
    cases = {name: _process(command) for name, command in commands.items()}
    for case in cases.values():
        case()  # the files are in memory from here on
    measured = take_turns(cases, turns)
    lines = [[name, f"{np.median(t):.3f}", f"{t.min():.3f}"] for name, t in measured.items()]
    base = measured[f"`{BEYOND}`"]
    held = [
        [f"{name} beyond `{BEYOND}`, seconds", f"{np.median(measured[name] - base):.3f}", "", ""]
        for name in ("`import isthmus`", "`from isthmus import VAE`")
    ]
    held.append(
        ["`isthmus --help`, seconds", *verdict(float(np.median(measured["`isthmus --help`"])), HELP, at_most=True)]
    )
    return (
        f"Wall time of whole processes that take turns, {turns} turns after one that warms the file cache; "
        "differences are "
        "medians of paired differences.\n\n"
        + table(["process", "median, seconds", "fastest, seconds"], lines)
        + "\n\n"
        + table(["held to account", "measured", "held to", ""], held)
    )


def _process(command: Sequence[str]) -> Callable[[], float]:
    return lambda: clock(lambda: subprocess.run(command, check=True, capture_output=True))
