"""How far a comparison is, and how long what is left of it may take: a bar in a terminal, lines in a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from .trackers import Tracked, Tracker

__all__ = ["Pace", "duration"]

LINES = 20
"""Lines that all fits together print as they run, at most, where there is no bar."""


class Pace(Tracked):
    """Tells how far several fits are, after each epoch, and how long those that are left may take.

    A fit is as far as its epochs, or its budget of time, whichever is used up sooner. Fits that have not begun are
    taken to last as long as those before them, and no longer than the budget.

    Parameters
    ----------
    fits : how many there are.
    epochs : of each fit, at most.
    limit : seconds that a fit may take, or None.
    console : where lines are printed, and the bar shown.
    now : returns the time in seconds.

    >>> times = iter([0.0, 0.0, 0.0, 10.0, 10.0])
    >>> pace = Pace(2, 4, None, Console(quiet=True), lambda: next(times))
    >>> pace.begin("vae")
    >>> pace.epoch({"epoch": 1})
    >>> pace.left(10.0)
    70.0
    """

    def __init__(
        self, fits: int, epochs: int, limit: float | None, console: Console, now: Callable[[], float] | None = None
    ) -> None:
        self.fits, self.epochs, self.limit, self.console = fits, epochs, limit, console
        self.now = now or time.perf_counter
        self.started = self.fit_started = self.now()
        self.begun, self.share, self.told = 0, 0.0, 0
        self.finished: list[float] = []
        self.bar: Progress | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.console.quiet:
            share = TextColumn("{task.percentage:.0f} %{task.fields[left]}")
            self.bar = Progress(
                TextColumn("{task.description}"), BarColumn(), share, console=self.console, transient=True
            )
            self.bar.add_task("", total=1.0, left="")
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def begin(self, name: str) -> None:
        """Say that the next fit begins."""
        now = self.now()
        if self.share:
            self.finished.append(now - self.fit_started)
        self.begun, self.share, self.fit_started = self.begun + 1, 0.0, now
        self._say(f"fit {self.begun} of {self.fits}: {name}", now)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Say how far the fit is, if there is something new to say."""
        now = self.now()
        by_time = 0.0 if self.limit is None else (now - self.fit_started) / self.limit
        self.share = min(1.0, max(row["epoch"] / self.epochs, by_time))
        done = (self.begun - 1 + self.share) / self.fits
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=done, left=self._words(now))
        elif int(done * LINES) > self.told and self.share < 1:
            self.told = int(done * LINES)
            print_line(self.console, f"  epoch {row['epoch']:.0f}, {done:.0%} of all fits{self._words(now)}")

    def left(self, now: float) -> float | None:
        """Return the seconds that all fits may still take; None where nothing says how long a fit takes."""
        spent = now - self.fit_started
        this = spent / self.share if self.share else self.limit
        each = [*self.finished, *([] if this is None else [this])]
        if not each:
            return None
        mean = sum(each) / len(each)
        if self.limit is not None:
            mean = min(mean, self.limit)
        rest = mean if this is None else this
        return max(0.0, rest - spent) + (self.fits - self.begun) * mean

    def tracker(self) -> Tracker:
        """Return what tells a fit's epochs to this pace, as one of the trackers of its `Training`."""
        return _Paced(self)

    def measuring(self, done: int, systems: int, name: str) -> None:
        """Say that all fits are done, and which system is measured."""
        words = f"measuring {done + 1} of {systems}: {name}"
        if done == 0:
            print_line(self.console, f"{self.fits} fits done in {duration(self.now() - self.started)}")
            self.fit_started = self.now()
        else:
            left = (self.now() - self.fit_started) / done * (systems - done)
            words += f", about {duration(left)} left"
        print_line(self.console, words)

    def _say(self, words: str, now: float) -> None:
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], description=words)
        else:
            print_line(self.console, f"{words}{self._words(now)}")

    def _words(self, now: float) -> str:
        left = self.left(now)
        if left is None:
            return ""
        sure = "about" if self.finished or self.share else "at most"
        return f", {sure} {duration(left)} of fits left"


class _Paced(Tracker):
    """A tracker that tells the pace how far a fit is."""

    pace: Any = None

    def start(self, name: str, settings: Mapping[str, object]) -> Tracked:
        assert isinstance(self.pace, Pace)
        return self.pace


def print_line(console: Console, words: str) -> None:
    """Print a line as it is."""
    console.print(words, highlight=False, markup=False)


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(8.2), duration(200.0)
    ('8 s', '3 min 20 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
