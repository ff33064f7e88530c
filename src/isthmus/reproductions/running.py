"""Attempts at a protocol: each is run once and kept as JSON, so that what was stopped goes on where it was."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..atomic import atomic_file
from ..errors import CompositionError, DataError, UnknownNameError, first_line
from ..version import VERSION
from .protocol import Attempt, Line, Protocol, figures_of

__all__ = ["Result", "machine", "reproduce", "results"]

Result = dict[str, Any]
"""A finished attempt: protocol, line, scale, seed, figures, seconds of its fits, machine and its load in the end,
versions, date."""


def reproduce(
    protocol: Protocol,
    folder: Path,
    *,
    scale: str = "fast",
    seeds: int = 1,
    lines: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Run a protocol's attempts that are not finished yet, and return all that are.

    Parameters
    ----------
    protocol : what is reproduced.
    folder : where results are kept, a file for each line, scale and seed, and meanwhile the states of fits.
    scale : ``"full"``, ``"fast"`` or ``"part"``.
    seeds : the number of attempts at each line, with seeds 0, 1, ...
    lines : labels of the lines to run; none is all.
    say : is told what begins and what was found.

    Raises
    ------
    CompositionError : the protocol has no such scale.
    UnknownNameError : it has no line of that label.
    """
    if scale not in protocol.settings:
        raise CompositionError(f"{protocol.name} has no scale {scale!r}; it has {', '.join(protocol.settings)}")
    labels = [line.label for line in protocol.lines if line.attempt is not None]
    for label in lines:
        if label not in labels:
            raise UnknownNameError(f"line of {protocol.name}", label, labels)
    for line in protocol.lines:
        for seed in range(seeds):
            if line.attempt is not None and (not lines or line.label in lines):
                _attempted(protocol, line, scale, seed, folder / protocol.name, say)
    return results(protocol, folder)


def results(protocol: Protocol, folder: Path) -> list[Result]:
    """Return the finished attempts at a protocol that a folder holds, in the order of lines, scales and seeds.

    Raises
    ------
    DataError : a file is damaged.
    """
    found: list[Result] = []
    for path in sorted((folder / protocol.name).glob("*.json")):
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is damaged: {first_line(error)}; remove it to run the attempt again") from None
    labels, scales = [line.label for line in protocol.lines], list(protocol.settings)
    known = [r for r in found if r["line"] in labels and r["scale"] in scales]
    return sorted(known, key=lambda r: (labels.index(r["line"]), scales.index(r["scale"]), r["seed"]))


def _attempted(protocol: Protocol, line: Line, scale: str, seed: int, folder: Path, say: Callable[[str], None]) -> None:
    """Run one attempt, unless it is finished."""
    name = f"{re.sub(r'[^a-z0-9]+', '-', line.label.lower()).strip('-')}-{scale}-{seed}"
    place, states = folder / f"{name}.json", folder / f"{name}.fits"
    if place.exists():
        return
    assert line.attempt is not None
    states.mkdir(parents=True, exist_ok=True)
    say(f"{protocol.name}: {line.label}, {scale}, seed {seed}")
    attempt = Attempt(scale, seed, states)
    figures = figures_of(line.attempt(attempt), protocol.measures)
    result: Result = {
        "protocol": protocol.name,
        "line": line.label,
        "scale": scale,
        "seed": seed,
        "figures": figures,
        "seconds": round(attempt.seconds, 1),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "isthmus": VERSION,
        "torch": str(torch.__version__),
        "date": str(datetime.date.today()),
    }
    with atomic_file(place, DataError) as draft:
        draft.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(states, ignore_errors=True)
    say(", ".join(f"{measure} {value:.4g}" for measure, value in figures.items()))


def machine() -> str:
    """Return the machine in words: its GPU, or its processor and the threads in use."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":")[1].strip() for line in told if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {torch.get_num_threads()} of {os.cpu_count()} cores"
