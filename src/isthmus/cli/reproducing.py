"""``isthmus reproduce``: run papers' protocols, and write the page of what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UnknownNameError

__all__ = ["reproduce"]


def reproduce(
    name: Annotated[str | None, typer.Argument(help="A protocol; without one, the protocols are listed.")] = None,
    scale: Annotated[
        str,
        typer.Option(help="full is the paper's set-up, fast isthmus's own with a tenth of the epochs, part a part."),
    ] = "fast",
    seeds: Annotated[int, typer.Option(min=1, help="The number of attempts at each line, with seeds 0, 1, ...")] = 1,
    line: Annotated[
        list[str] | None, typer.Option(help="A line of the table to run. Repeat the option for several; default: all.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="The folder of results. The page of all protocols is written beside it."),
    ] = Path("reproductions"),
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads to compute with; default: as torch has it.")
    ] = None,
) -> None:
    """Run a paper's protocol, print its table beside the paper's, and write the page of all that was run.

    What was stopped goes on where it was: finished attempts are kept in the folder, fits have checkpoints.

    Example: isthmus reproduce grid --seeds 5
    """
    import torch
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..reproductions import PROTOCOLS, cells, page, results, write
    from ..reproductions import reproduce as run

    console = Console()
    if name is None:
        table = Table("protocol", "what it reproduces", "scales")
        for protocol in PROTOCOLS.values():
            table.add_row(protocol.name, Text(protocol.title), ", ".join(protocol.settings))
        console.print(table)
        return
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    if threads is not None:
        torch.set_num_threads(threads)
    protocol = PROTOCOLS[name]
    found = run(protocol, out, scale=scale, seeds=seeds, lines=line or ())
    head, rows = cells(protocol, found, [scale])
    table = Table(*head, title=Text(protocol.title))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
    place = out.with_suffix(".md")
    write(page({each.name: results(each, out) for each in PROTOCOLS.values()}, list(PROTOCOLS.values())), place)
    print(f"page: {place}")
