"""The page of all protocols: paper, others and isthmus side by side, made of the results alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..atomic import atomic_file
from ..errors import DataError
from .protocol import SCALES, Line, Measure, Protocol
from .running import Result

__all__ = ["cells", "page", "write"]

HEAD = """# Reproductions

What papers report, what others found when they repeated it, and what isthmus finds: mean ± standard deviation over
seeds. This page is made by `isthmus reproduce`, from the results in the folder of the same name; none of isthmus's
figures is typed. A figure that falls short stands as it fell. Cost is the time that the fits of one seed took, on the
machine that is named.
"""


def page(found: Mapping[str, Sequence[Result]], protocols: Sequence[Protocol]) -> str:
    """Return the whole page as Markdown.

    Parameters
    ----------
    found : the results of each protocol by its name; none where it has not been run.
    protocols : in the order of the page.
    """
    scales = "\n".join(f"- `{name}`: {what}" for name, what in SCALES.items())
    parts = [f"{HEAD}\n{scales}\n", *(section(protocol, found.get(protocol.name, ())) for protocol in protocols)]
    return "\n".join(parts)


def section(protocol: Protocol, found: Sequence[Result]) -> str:
    """Return one protocol's section."""
    scales = [scale for scale in protocol.settings if any(result["scale"] == scale for result in found)]
    settings = "\n".join(f"- `{scale}`: {what}" for scale, what in protocol.settings.items())
    lines = [f"## {protocol.title}", f"{protocol.about}\n\n{protocol.source}", settings]
    lines.append(_table(*cells(protocol, found, scales)))
    if scales:
        where = {f"{r['machine']}; isthmus {r['isthmus']}, torch {r['torch']}, {r['date']}" for r in found}
        loads = [r["load"] for r in found if r.get("load") is not None]
        busy = f"; load average {min(loads):.0f} to {max(loads):.0f} in the end" if loads else ""
        lines.append("Run on: " + " · ".join(sorted(where)) + busy + ".")
    waiting = [line.label for line in protocol.lines if line.attempt and not _of(found, line)]
    if waiting:
        lines.append(f"Registered, not run yet: {'; '.join(waiting)}.")
    lines.append(f"`isthmus reproduce {protocol.name} --scale {(scales or list(protocol.settings))[0]}`")
    return "\n\n".join(lines) + "\n"


def cells(protocol: Protocol, found: Sequence[Result], scales: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a protocol's table, with columns for each scale that was run."""
    others = any(line.others for line in protocol.lines)
    head = ["model"]
    for measure in protocol.measures:
        head += [f"{measure.title}, paper", *(f"{measure.title}, isthmus `{scale}`" for scale in scales)]
    head += ["others"] * others + [f"seeds, cost `{scale}`" for scale in scales]
    rows = []
    for line in protocol.lines:
        row = [line.label]
        for measure in protocol.measures:
            row.append(f"{line.published[measure.name]:.{measure.digits}f}" if measure.name in line.published else "–")
            row += [_ours(_of(found, line, scale), measure) for scale in scales]
        row += [line.others or "–"] * others
        row += [_cost(_of(found, line, scale)) for scale in scales]
        rows.append(row)
    return head, rows


def _of(found: Sequence[Result], line: Line, scale: str | None = None) -> list[Result]:
    return [r for r in found if r["line"] == line.label and scale in (None, r["scale"])]


def _ours(results: Sequence[Result], measure: Measure) -> str:
    values = [result["figures"][measure.name] for result in results if measure.name in result["figures"]]
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.{measure.digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{measure.digits}f}{spread}"


def _cost(results: Sequence[Result]) -> str:
    if not results:
        return "–"
    return f"{len(results)}, {np.mean([result['seconds'] for result in results]):.0f} s"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(text: str, path: Path) -> None:
    """Write the page, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, DataError) as draft:
        draft.write_text(text, encoding="utf-8")
