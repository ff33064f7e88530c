"""The registry of recipes: functions that put a paper's model together, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, TypeVar, get_type_hints

from ..errors import UnknownNameError
from ..estimators import Estimator
from ..part_language import arguments

__all__ = ["Recipe", "known", "named", "recipe", "settings"]

Made = TypeVar("Made", bound=Callable[..., Estimator])


@dataclass(frozen=True)
class Recipe:
    """A paper's model.

    Attributes
    ----------
    name : as in Python and at the command line.
    make : returns an unfitted estimator; its arguments are the recipe's own and those of the estimator.
    system : the class of the estimator.
    """

    name: str
    make: Callable[..., Estimator]
    system: type[Estimator]

    @property
    def summary(self) -> str:
        """The first paragraph of its docstring, on one line."""
        return " ".join((self.make.__doc__ or "").split("\n\n")[0].split())


_RECIPES: dict[str, Recipe] = {}


def recipe(make: Made) -> Made:
    """Register a function that returns an estimator and passes ``**given`` on to it.

    The function gets a signature: its own arguments, and those of the estimator with the values that the recipe gives
    them. It must be callable without arguments.
    """
    made = make()
    system, own = type(made), arguments(make)
    values = made.get_params(deep=False)
    inherited = [
        argument.replace(default=values[name], kind=Parameter.KEYWORD_ONLY)
        for name, argument in arguments(system).items()
        if name not in own
    ]
    hints = get_type_hints(system) | get_type_hints(make)
    make.__signature__ = inspect.Signature([*own.values(), *inherited])  # type: ignore[attr-defined]
    make.__annotations__ = {name: hints.get(name, Any) for name in make.__signature__.parameters}  # type: ignore[attr-defined]
    _RECIPES[make.__name__] = Recipe(make.__name__, make, system)
    return make


def settings(given: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """Return a recipe's settings, which a caller's arguments replace.

    >>> settings({"max_epochs": 3}, max_epochs=100, batch_size=20)
    {'max_epochs': 3, 'batch_size': 20}
    """
    return own | dict(given)


def known() -> dict[str, Recipe]:
    """Return all recipes by name.

    >>> import isthmus.recipes
    >>> {"iwae", "beta_tc_vae", "r3gan"} <= set(known())
    True
    """
    return dict(_RECIPES)


def named(name: str) -> Recipe:
    """Return the recipe of that name; case, hyphens and underscores do not matter.

    Raises
    ------
    UnknownNameError : there is none; the message gives the nearest name.
    """
    bare = {known.replace("_", ""): found for known, found in _RECIPES.items()}
    key = name.lower().replace("-", "").replace("_", "")
    if key not in bare:
        raise UnknownNameError("recipe", name, _RECIPES)
    return bare[key]
