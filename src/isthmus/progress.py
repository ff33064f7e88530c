"""A progress bar with the time left, for fits that say something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]


@contextmanager
def progress(title: str, epochs: int, verbose: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """Yield what to call after every epoch with its row; if `verbose`, a bar with losses and time left."""
    if not verbose:
        yield lambda row: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=epochs, losses="")

        def report(row: dict[str, float]) -> None:
            losses = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name.endswith("loss"))
            bar.update(task, completed=row["epoch"], losses=losses)

        yield report
