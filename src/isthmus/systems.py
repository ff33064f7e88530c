"""Systems by name: every estimator registers when its class is made, a user's own as those of isthmus do."""

from __future__ import annotations

from typing import Any

__all__ = ["known", "register"]

_SYSTEMS: dict[str, type[Any]] = {}


def register(cls: type[Any]) -> None:
    """Take a class into the list, under its name; a class of the same name replaces an earlier one."""
    _SYSTEMS[cls.__name__.lower()] = cls


def known() -> dict[str, type[Any]]:
    """Return the systems by their lower-case names.

    >>> import isthmus.estimators
    >>> sorted(known())[:3]
    ['adversarialautoencoder', 'autoencoder', 'contractiveautoencoder']
    """
    return dict(_SYSTEMS)
