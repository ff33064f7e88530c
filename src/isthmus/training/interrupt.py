"""Interrupts: Ctrl-C and SIGTERM end a fit at the edge of a step, and then reach whoever handled them before."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self

__all__ = ["Interrupts"]

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None


class Interrupts:
    """A context that notes the first SIGINT and the first SIGTERM; `pass_on` then calls their own handlers.

    A fit checks `met` after each step. A second signal of the same kind reaches its own handler at once. Signals that
    are ignored, or whose handler Python does not know, are not changed. Signals can only be handled in the main thread;
    in other threads nothing is changed.

    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    ...     print(interrupts.met)
    True
    >>> try:
    ...     interrupts.pass_on()
    ... except KeyboardInterrupt:
    ...     print("ended")
    ended
    """

    def __init__(self) -> None:
        self._noted: dict[signal.Signals, Handler] = {}
        self._before: dict[signal.Signals, Handler] = {}

    @property
    def met(self) -> bool:
        """Whether a signal has been noted and not yet passed on."""
        return bool(self._noted)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    self._before[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._before):
            self._restored(number)

    def pass_on(self) -> None:
        """Hand each signal that was noted to its own handler: Ctrl-C's raises KeyboardInterrupt, SIGTERM's ends us."""
        if not self._noted:
            return
        number = next(iter(self._noted))
        handler = self._noted.pop(number)
        try:
            if callable(handler):
                handler(number, sys._getframe())
            else:
                signal.raise_signal(number)
        finally:
            self.pass_on()

    def _note(self, number: int, frame: FrameType | None) -> None:
        noted = signal.Signals(number)
        self._noted[noted] = self._restored(noted)

    def _restored(self, number: signal.Signals) -> Handler:
        """Put a signal's own handler back in its place and return it."""
        handler = self._before.pop(number)
        signal.signal(number, handler)
        return handler
