"""Interrupts: Ctrl-C and SIGTERM ask a fit to end at the edge of a step, fitted and usable."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self

__all__ = ["Interrupts"]


class Interrupts:
    """While it lasts, the first SIGINT or SIGTERM is noted in `met`, and a second one does what it always did.

    Signals can only be handled in the main thread; elsewhere nothing is changed.
    """

    def __init__(self) -> None:
        self.met: signal.Signals | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._before):
            self._restore(number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.met = signal.Signals(number)
        self._restore(self.met)

    def _restore(self, number: signal.Signals) -> None:
        before = self._before.pop(number, None)
        if before is not None:
            signal.signal(number, before)  # type: ignore[arg-type]
