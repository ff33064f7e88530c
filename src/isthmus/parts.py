"""Parts: small objects whose constructor arguments are their whole configuration.

A part declares its arguments as annotated class attributes, as a dataclass does; from those alone it prints,
compares, clones, answers ``get_params`` and round-trips through JSON. Adding a variant is writing one short class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, dataclass_transform

import numpy as np
from sklearn.base import BaseEstimator, clone

from .errors import CompositionError, ModelFileError
from .facts import Facts
from .part_language import VOCABULARY, known, literal, parse

__all__ = ["Part", "from_json", "known", "literal", "own_defaults", "parse", "resolve", "to_json"]


@dataclass_transform(field_specifiers=(field,))
class Part(BaseEstimator):  # type: ignore[misc]
    """Base of every part; subclasses list their arguments as annotated attributes with defaults.

    A direct subclass names its `kind` (``class Corruption(Part, kind="corruption")``); final classes below it are
    known by their class name within that kind. A kind with a single class is both (``final=True``). A class of no
    kind, or whose name begins with an underscore, has no name that a file or a command could give.
    """

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, kind: str | None = None, final: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own_defaults(cls)
        dataclass(eq=False, repr=False)(cls)
        cls.kind = kind or cls.kind
        if (kind is None or final) and cls.kind and not cls.__name__.startswith("_"):
            VOCABULARY.setdefault(cls.kind, {})[cls.__name__] = cls

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise `CompositionError` if an argument is outside its range."""

    def set_params(self, **params: Any) -> Part:
        """Set arguments by name, as scikit-learn does, and check them."""
        super().set_params(**params)
        self.check()
        return self

    def build(self, facts: Facts) -> Any:
        """Return what does the work once the data's shape is known: the part itself unless it has weights."""
        return self

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))

    __hash__ = None  # type: ignore[assignment]  # set_params can change a part

    def require_count(self, name: str, value: Any) -> None:
        """Raise `CompositionError` unless `value` is a whole number of at least 1."""
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        self.require(whole and value >= 1, f"{name} must be at least 1 and whole, got {value!r}")

    def require_part(self, name: str, value: Any, kind: type, or_none: bool = False) -> None:
        """Raise `CompositionError` unless `value` is of that kind."""
        fits = isinstance(value, kind) or (or_none and value is None)
        self.require(fits, f"{name} must be of class {kind.__name__}, got {value!r}")

    def require(self, condition: bool, message: str) -> None:
        """Raise ``CompositionError("Name: message")`` unless `condition` holds."""
        if not condition:
            raise CompositionError(f"{type(self).__name__}: {message}")


def own_defaults(cls: type) -> None:
    """Give every instance a copy of its own where the default of an argument is a part, which `set_params` can change.

    >>> class Inner(Part, kind="example"):
    ...     size: int = 1
    >>> class Outer(Part, kind="example"):
    ...     inner: Inner = Inner(2)
    >>> Outer().set_params(inner__size=3).inner, Outer().inner
    (Inner(size=3), Inner(size=2))
    """
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        value = vars(cls).get(name)
        if isinstance(value, Part) and "ClassVar" not in str(annotation):
            setattr(cls, name, field(default_factory=partial(clone, value)))


def _same(a: Any, b: Any) -> bool:
    """Return whether two arguments are the same; a list is as good as a tuple, a function is only itself."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(a == b)


def to_json(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Turn a configuration value into JSON; arrays are put into `arrays` and referred to by name.

    A function or module of the user's own becomes ``{"own": name}``: it is named, never stored, and must be
    handed over again on loading.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case np.generic():
            return to_json(value.item(), arrays)
        case np.ndarray():
            name = next((n for n, a in arrays.items() if a is value), f"array.{len(arrays)}")
            arrays[name] = value
            return {"array": name}
        case list() | tuple():
            return [to_json(item, arrays) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {"dict": {key: to_json(item, arrays) for key, item in value.items()}}
        case Part() if type(value).__name__ in VOCABULARY.get(value.kind, {}):
            config = {key: to_json(item, arrays) for key, item in value.get_params(deep=False).items()}
            return {"part": f"{value.kind}.{type(value).__name__}", **config}
        case _:
            return {"own": getattr(value, "__qualname__", type(value).__qualname__)}


def from_json(
    value: Any, arrays: Mapping[str, np.ndarray], own: Mapping[str, Any] | None = None, where: str = ""
) -> Any:
    """Turn JSON back into a configuration value; only classes already registered as parts are made.

    Raises
    ------
    ModelFileError : the file names an unknown part, argument or array, or something of the user's own that was
        not handed over in `own` (by argument name).
    """
    own = own or {}
    if where in own:
        return own[where]
    if isinstance(value, list):
        return tuple(from_json(item, arrays, own, where) for item in value)
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("dict"), dict):
        return {key: from_json(item, arrays, own, f"{where}.{key}") for key, item in value["dict"].items()}
    if "array" in value:
        if value["array"] not in arrays:
            raise ModelFileError(f"{where}: the array {value['array']!r} is missing from the model's folder")
        return arrays[value["array"]]
    if "own" in value:
        name = where.split(".")[0]
        raise ModelFileError(f"{where}: {value['own']!r} is your own code; hand it over again: load(path, {name}=...)")
    kind, _, name = str(value.get("part", "")).partition(".")
    cls = VOCABULARY.get(kind, {}).get(name)
    if cls is None:
        raise ModelFileError(f"{where}: unknown part {value.get('part')!r}")
    config = {key: item for key, item in value.items() if key != "part"}
    try:
        return cls(**{key: from_json(item, arrays, own, f"{where}.{key}") for key, item in config.items()})
    except (TypeError, CompositionError) as error:
        raise ModelFileError(f"{where}: cannot make {value['part']}: {error}") from None


def resolve(kind: str, value: Any, auto: Callable[[], Any] | None = None) -> Any:
    """Turn an estimator's argument into a part: ``"auto"`` is picked by `auto`, a name is looked up, an object kept."""
    if isinstance(value, str):
        if value == "auto" and auto is not None:
            return auto()
        return parse(kind, value)
    return value
