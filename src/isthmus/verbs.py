"""Verbs: methods of estimators whose functions live in higher layers, such as saving, reports and pictures.

Estimators do not import persistence or reports. The package's root imports both, and registers with `offer` the
function that each verb calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["offer", "verb"]

_OFFERED: dict[str, Callable[..., Any]] = {}


def offer(**verbs: Callable[..., Any]) -> None:
    """Register the functions of verbs; each takes a fitted estimator."""
    _OFFERED.update(verbs)


def verb(name: str) -> Callable[..., Any]:
    """Return the function of a verb."""
    return _OFFERED[name]
