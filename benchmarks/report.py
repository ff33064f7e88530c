"""Sections of docs/benchmarks.md and docs/metrics.md: what was run, where, when, and its table."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from isthmus import __version__

DOCS = Path(__file__).parent.parent / "docs"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *[[str(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values: Sequence[float], digits: int) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def put(name: str, text: str) -> None:
    """Replace the section between the markers of that name, wherever it is; say where and when it was measured."""
    stamp = (
        f"`python -m benchmarks {name}`, {datetime.date.today()}, isthmus {__version__}, torch {torch.__version__}, "
        f"{_cpu()}, {torch.get_num_threads()} threads."
    )
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    path = next(p for p in sorted(DOCS.glob("*.md")) if start in p.read_text(encoding="utf-8"))
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{start}\n{text}\n\n{stamp}\n{end}{after}", encoding="utf-8")
    print(f"{text}\n\n{stamp}\n", flush=True)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model} ({os.cpu_count()} cores)"
