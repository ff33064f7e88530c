"""``isthmus datasets | models | parts``: what has a name."""

from __future__ import annotations

import inspect
import re
from inspect import Parameter
from typing import Annotated

import typer

from ..errors import UnknownNameError
from .systems import SHORT_NAMES, VERBS, recipes, system_named, systems

__all__ = ["datasets", "models", "parts"]


def datasets() -> None:
    """List the data sets that have names, and whether they are on this machine.

    Example: isthmus datasets
    """
    from rich.console import Console
    from rich.table import Table

    from .. import datasets

    caption = "isthmus looks for the files first in the folder that the variable ISTHMUS_DATA names"
    table = Table("name", "samples", "what it is", "here", caption=caption)
    for known in datasets.available():
        table.add_row(known.name, known.size, known.what, "yes" if known.here else "no")
    Console().print(table)


def models(
    system: Annotated[str | None, typer.Argument(help="A system or a recipe whose arguments are listed.")] = None,
) -> None:
    """List the systems and what each can do, and the recipes; with a name, list the arguments that --set takes.

    Example: isthmus models vae
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..part_language import arguments

    if system is None:
        table = Table("system", "what it is", "commands", caption="isthmus models NAME lists a system's arguments")
        for name, cls in sorted(systems().items()):
            short = [alias for alias, full in SHORT_NAMES.items() if full == name]
            can = ", ".join(verb for verb, method in VERBS.items() if hasattr(cls, method))
            table.add_row(", ".join([name, *short]), Text(_summary(cls)), can)
        Console().print(table)
        table = Table(
            "recipe", "a paper's model", "of", caption="isthmus models NAME lists its arguments and its source"
        )
        for name, recipe in sorted(recipes().items()):
            table.add_row(name, Text(recipe.summary), recipe.system.__name__)
    else:
        make = system_named(system)
        of = next((recipe.system for recipe in recipes().values() if recipe.make is make), make)
        caption = "isthmus parts lists the parts, such as vampprior, that arguments take"
        table = Table("argument", "default", "what it is", title=Text(_described(make)), caption=caption)
        explained = _explanations(make)
        for ancestor in inspect.getmro(of) if isinstance(of, type) else ():
            explained = _explanations(ancestor) | explained
        for name, argument in arguments(make).items():
            default = "required" if argument.default is Parameter.empty else f"{argument.default}"
            table.add_row(name, Text(default), Text(explained.get(name, "")))
    Console().print(table)


def parts(
    kind: Annotated[
        str | None, typer.Argument(help="A kind of part: prior, likelihood, corruption, network, ...")
    ] = None,
) -> None:
    """List the parts, which systems are made of, with their arguments.

    A part is the value of an argument: --set prior=vampprior:100, --set 'prior=vampprior(components=100)'.

    Example: isthmus parts prior
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..part_language import VOCABULARY, arguments, known

    kinds = sorted(VOCABULARY) if systems() else []
    if kind is not None:
        key = re.sub("[-_ ]", "", kind.lower())
        wanted = [each for each in kinds if each.replace("_", "") == key]
        if not wanted:
            raise UnknownNameError("kind of part", kind, kinds)
        kinds = wanted
    table = Table("kind", "part", "what it is")
    for each in kinds:
        named = [(name, cls) for name, cls in sorted(known(each).items()) if not name.startswith("_")]
        for i, (name, cls) in enumerate(named):
            shown = ", ".join(
                argument if given.default is Parameter.empty else f"{argument}={given.default!r}"
                for argument, given in arguments(cls).items()
            )
            label = each.replace("_", " ") if i == 0 else ""
            table.add_row(label, Text(f"{name}({shown})"), Text(_summary(cls)), end_section=i == len(named) - 1)
    Console().print(table)


def _summary(cls: object) -> str:
    """Return the first sentence or paragraph of a docstring on one line."""
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


def _described(make: object) -> str:
    """Return the summary of a system, or all that a recipe's docstring says before its arguments."""
    if isinstance(make, type):
        return _summary(make)
    return inspect.cleandoc(make.__doc__ or "").partition("\n\nParameters\n")[0]


def _explanations(cls: object) -> dict[str, str]:
    """Return what a docstring says of each argument in its section "Parameters", without markup."""
    _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Parameters\n----------\n")
    section = re.split(r"\n\w[\w ]*\n-{3,}\n", section)[0]
    _, *entries = re.split(r"^(\w+(?:, \w+)*) : ", section, flags=re.MULTILINE)
    pairs = zip(entries[::2], entries[1::2], strict=True)
    return {name: " ".join(text.replace("``", "").split()) for names, text in pairs for name in names.split(", ")}
