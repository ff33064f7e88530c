"""The errors that isthmus raises: one line each, with what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "CompositionError",
    "DataError",
    "FitError",
    "IsthmusError",
    "MissingExtraError",
    "ModelFileError",
    "UnknownNameError",
    "first_line",
    "how_to_get",
    "nearest",
]


class IsthmusError(Exception):
    """Base of all errors of isthmus; the command line prints them as one line and exits with status 2."""


class DataError(IsthmusError, ValueError):
    """The data cannot be used; the message names rows, columns or the file."""


class CompositionError(IsthmusError, ValueError):
    """The parts do not fit together, or an argument is out of range; the message gives the reason."""


class FitError(IsthmusError, RuntimeError):
    """Training cannot continue; the message names the term and the epoch."""


class ModelFileError(IsthmusError, ValueError):
    """A model folder is missing, damaged or not one of isthmus."""


class UnknownNameError(IsthmusError, ValueError):
    """A name is unknown; the message suggests the nearest known one."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        known = sorted(known)
        super().__init__(f"unknown {kind} {name!r}{nearest(str(name), known)}; known: {', '.join(known)}")


class MissingExtraError(IsthmusError, ImportError):
    """An optional dependency is not installed; the message says how to install it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'isthmus[{extra}]'")


def first_line(error: Exception) -> str:
    """Return the first line of another library's error, or the error's class name if it has no message.

    >>> first_line(ValueError("it is damaged\\nsee the manual")), first_line(EOFError())
    ('it is damaged', 'EOFError')
    """
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def how_to_get(module: str) -> str:
    """Return where code of a user's own is defined, and how it is made known before a model is loaded.

    >>> how_to_get("mine")
    "is defined in 'mine': import mine first, or at the command line: isthmus --import mine"
    """
    if module in ("", "__main__"):
        return "is defined in the script or notebook that saved the model: run its definition first"
    return f"is defined in {module!r}: import {module} first, or at the command line: isthmus --import {module}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"`` for the known name closest to `name`, or nothing."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.5)
    return f", did you mean {by_lower[close[0]]!r}?" if close else ""
