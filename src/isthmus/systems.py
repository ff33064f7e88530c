"""The systems that have names: every estimator that can be fitted, a user's own included."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .estimators import Estimator

__all__ = ["known", "register"]

_REGISTRY: dict[str, type[Estimator]] = {}


def register(cls: type[Estimator]) -> None:
    """Give a system its name, the class's; a class that is defined again replaces the earlier one."""
    _REGISTRY[cls.__name__.lower()] = cls


def known() -> dict[str, type[Estimator]]:
    """Return every system by its lower-case class name."""
    return dict(_REGISTRY)
