"""What an estimator can be asked for that is made elsewhere: files, reports, pictures.

The estimators know nothing of how a model is kept or shown. The package's root, which knows both, says with `offer`
what each verb stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["offer", "verb"]

_OFFERED: dict[str, Callable[..., Any]] = {}


def offer(**verbs: Callable[..., Any]) -> None:
    """Say what verbs stand for: functions of a fitted estimator."""
    _OFFERED.update(verbs)


def verb(name: str) -> Callable[..., Any]:
    """Return what a verb stands for."""
    return _OFFERED[name]
