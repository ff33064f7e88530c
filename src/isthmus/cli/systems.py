"""Systems by name, a user's own included, and their arguments from text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import CompositionError, UnknownNameError

if TYPE_CHECKING:
    from ..estimators import Estimator

__all__ = ["SHORT_NAMES", "VERBS", "arguments_from", "estimators_from", "recipes", "system_named", "systems"]

SHORT_NAMES = {
    "ae": "autoencoder",
    "denoising": "denoisingautoencoder",
    "dae": "denoisingautoencoder",
    "contractive": "contractiveautoencoder",
    "cae": "contractiveautoencoder",
    "adversarial": "adversarialautoencoder",
    "aae": "adversarialautoencoder",
    "masked": "maskedautoencoder",
    "mae": "maskedautoencoder",
    "variational": "vae",
}
VERBS = {
    "encode": "transform",
    "reconstruct": "reconstruct",
    "score": "score_samples",
    "sample": "sample",
    "complete": "complete",
}
"""The commands that apply a model, and the method that each needs."""


def systems() -> dict[str, type[Estimator]]:
    """Return every system by its name: isthmus's own and those of the modules that ``--import`` named.

    Those that a recipe makes are left out.
    """
    from .. import recipes, systems

    made = f"{recipes.__name__}."
    return {name: cls for name, cls in systems.known().items() if not cls.__module__.startswith(made)}


def recipes() -> dict[str, Any]:
    """Return every recipe by its name."""
    from .. import recipes

    return recipes.known()


def system_named(name: str) -> Callable[..., Estimator]:
    """Return the system or the recipe of that name; case, hyphens and underscores do not matter."""
    known, key = systems(), name.lower().replace("-", "").replace("_", "")
    key = key if key in known else SHORT_NAMES.get(key, key)
    if key in known:
        return known[key]
    made = {found.replace("_", ""): recipe for found, recipe in recipes().items()}
    if key not in made:
        raise UnknownNameError("system", name, [*known, *SHORT_NAMES, *recipes()])
    make: Callable[..., Estimator] = made[key].make
    return make


def arguments_from(
    cls: Callable[..., Estimator], settings: Sequence[str], training: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a system's arguments from texts ``name=value``.

    ``prior=vampprior:100`` sets an argument, ``training__averaging=0.99`` an argument of the part that is an argument,
    to any depth.

    Parameters
    ----------
    cls : the system or the recipe.
    settings : the texts.
    training : arguments of `Training` that have options of their own.

    Raises
    ------
    UnknownNameError : there is no such argument or part; the message gives the nearest name.
    CompositionError : a text cannot be read, or a value is outside its argument's range.
    """
    from ..part_language import arguments, read
    from ..parts import own_copy
    from ..training import Training

    texts: dict[tuple[str, ...], dict[str, str]] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise CompositionError(f"--set {setting}: write --set name=value")
        *parts, last = name.strip().split("__")
        texts.setdefault(tuple(parts), {})[last] = text
    given = {name: read(cls, name, text) for name, text in texts.pop((), {}).items()}
    if training:
        texts.setdefault(("training",), {})
    for owners in sorted(texts, key=len):  # a part is set before the parts inside it
        first, *inner = owners
        if first not in arguments(cls):
            raise UnknownNameError(f"argument of {cls.__name__}", first, arguments(cls))
        default = own_copy(arguments(cls)[first].default)
        part: Any = given.setdefault(first, default or Training() if first == "training" else default)
        for name in inner:
            part = getattr(part, name, None)
        if not hasattr(part, "set_params"):
            path = "__".join(owners)
            raise CompositionError(f"--set {path}__...: {path} is {part!r}, not a part; first --set {path}=NAME")
        values = {name: read(type(part), name, text) for name, text in texts[owners].items()}
        part.set_params(**(dict(training or {}) if owners == ("training",) else {}), **values)
    return given


def estimators_from(texts: Sequence[str]) -> dict[str, Estimator]:
    """Return estimators by the texts that describe them.

    A text is a system's or a recipe's name, alone (``vae``), with arguments in brackets
    (``vae(prior=vampprior(100))``) or with arguments after spaces (``vae prior=vampprior:100``).

    Raises
    ------
    CompositionError : a text is given twice or cannot be read.
    """
    from ..part_language import construct, make

    found: dict[str, Estimator] = {}
    for text in texts:
        if text in found:
            raise CompositionError(f"--system {text!r} is given twice; --seeds fits a system more than once")
        name, bracket, _ = text.strip().partition("(")
        if bracket and not re.search(r"\s", name):
            found[text] = make(system_named(name), text)
        else:
            name, *settings = shlex.split(text)
            cls = system_named(name)
            found[text] = construct(cls, arguments_from(cls, settings))
    return found
