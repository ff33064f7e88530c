"""Systems by name: every estimator registers when its class is defined, a user's own included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["defined_in", "find", "known", "put", "register"]

_SYSTEMS: dict[str, type[Any]] = {}


def register(cls: type[Any]) -> None:
    """Register a class under its name, as `put` does."""
    put(_SYSTEMS, cls.__name__.lower(), cls)


def put(known: dict[str, type[Any]], name: str, cls: type[Any]) -> None:
    """Put a class among others by its name.

    A class that is defined again replaces the earlier one. A user's class that has the name of one of isthmus is known
    as ``module.name``, whichever of them comes first.
    """
    taken = known.get(name)
    if taken is not None and taken.__module__ != cls.__module__:
        if taken.__module__.startswith("isthmus."):
            name = f"{cls.__module__}.{name}"
        elif cls.__module__.startswith("isthmus."):
            known[f"{taken.__module__}.{name}"] = taken
    known[name] = cls


def known() -> dict[str, type[Any]]:
    """Return the systems by their lower-case names.

    >>> import isthmus.estimators
    >>> {"vae", "gan", "autoencoder"} <= set(known())
    True
    """
    return dict(_SYSTEMS)


def find(name: str, module: str) -> type[Any] | None:
    """Return the system of that name from that module, or None if it is not imported.

    A class that moved between two modules of a user is found, too. A user's class is never confused with one of isthmus
    of the same name. An empty module stands for isthmus.
    """
    return defined_in(_SYSTEMS.values(), name, module)


def defined_in(classes: Iterable[type[Any]], name: str, module: str) -> type[Any] | None:
    """Return the class of that name which is defined in that module, else one that moved there from a like place."""
    named = [cls for cls in classes if cls.__name__ == name]
    ours = module.partition(".")[0] in ("", "isthmus")
    moved = [cls for cls in named if (cls.__module__.partition(".")[0] == "isthmus") == ours]
    return next((cls for cls in named if cls.__module__ == module), moved[0] if moved else None)
