"""What rows are asked for: values of columns from text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import CompositionError, nearest

if TYPE_CHECKING:
    from ..data import Schema

__all__ = ["given_from"]


def given_from(
    texts: Sequence[str] | None, schema: Schema | None, names: Sequence[str] | None
) -> dict[str | int, Any] | None:
    """Return values by column from texts ``column=value``; None if there are none.

    Parameters
    ----------
    texts : the texts.
    schema : what the columns are, or None.
    names : of the columns; without names, columns are asked for by their number.

    Raises
    ------
    CompositionError : a text has no ``=``, or there is no column of that name.
    """
    if not texts:
        return None
    places = {name: i for i, name in enumerate(names or [])}
    if not places and schema is not None:
        places = {str(i): i for i in range(len(schema.columns))}
    found: dict[str | int, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise CompositionError(f"--given {text}: write --given COLUMN=VALUE")
        if name not in places:
            known = list(places)
            shown = ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
            raise CompositionError(f"--given {text}: there is no column {name!r}{nearest(name, known)}; it has {shown}")
        key = name if names else places[name]
        found[key] = _value(value.strip(), schema, places[name])
    return found


def _value(text: str, schema: Schema | None, place: int) -> Any:
    """Return the level of a category that is spelt like a text, or the text: columns read numbers and dates."""
    levels = () if schema is None else getattr(schema.columns[place], "categories", ())
    if schema is None or schema.columns[place].sort == "boolean":
        words = {"true": True, "false": False}
        return words.get(text.lower(), float(text) if _is_number(text) else text)
    return next((level for level in levels if str(level) == text), text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
