"""A progress bar with the time left, for fits that say something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["progress"]

LINES = 10
"""Lines, at most, that a fit prints where there is no room for a bar."""


@contextmanager
def progress(title: str, epochs: int, verbose: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """Yield what to call after every epoch with its row.

    If `verbose`, it shows a bar with losses and time left; in a file, or in a notebook without ipywidgets, lines.
    """
    if not verbose:
        yield lambda row: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not (find_spec("ipywidgets") if console.is_jupyter else console.is_terminal):

        def say(row: dict[str, float]) -> None:
            done = round(row["epoch"])
            if done * LINES // epochs > (done - 1) * LINES // epochs:
                print(f"{title} {done}/{epochs} epochs  {_losses(row)}", file=console.file, flush=True)

        yield say
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=epochs, losses="")
        yield lambda row: bar.update(task, completed=row["epoch"], losses=_losses(row))


def _losses(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name.endswith("loss"))
