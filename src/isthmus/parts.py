"""Parts: small objects whose constructor arguments are their whole configuration.

A part declares its arguments as annotated class attributes, as a dataclass does; from those alone it prints,
compares, clones, answers ``get_params`` and round-trips through JSON. Adding a variant is writing one short class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from numbers import Integral
from pathlib import PurePath
from typing import Any, ClassVar, dataclass_transform

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

from .errors import CompositionError, ModelFileError, how_to_get
from .facts import Facts
from .part_language import add, find, known, literal, parse

__all__ = ["Part", "from_json", "known", "literal", "own_copy", "own_defaults", "parse", "resolve", "same", "to_json"]


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
            add(cls)

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
        return all(same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))

    __hash__ = None  # type: ignore[assignment]  # set_params can change a part

    def require_count(self, name: str, value: Any) -> None:
        """Raise `CompositionError` unless `value` is a whole number of at least 1."""
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        self.require(whole and value >= 1, f"{name} must be at least 1 and whole, got {value!r}")

    def require_positive(self, name: str, value: float) -> None:
        """Raise `CompositionError` unless `value` is greater than 0."""
        self.require(value > 0, f"{name} must be positive, got {value}")

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


def own_copy(value: Any) -> Any:
    """Return an argument with copies of the parts in it, which `set_params` can change; all else is shared.

    >>> class Inner(Part, kind="example"):
    ...     size: int = 1
    >>> inner = Inner()
    >>> copy = own_copy((inner, "auto"))
    >>> _ = inner.set_params(size=2)
    >>> copy
    (Inner(), 'auto')
    """
    match value:
        case Part():
            return type(value)(**{name: own_copy(item) for name, item in value.get_params(deep=False).items()})
        case list():
            return [own_copy(item) for item in value]
        case tuple():
            return tuple(own_copy(item) for item in value)
        case dict():
            return {name: own_copy(item) for name, item in value.items()}
    return value


def same(a: Any, b: Any) -> bool:
    """Return whether two arguments are the same; a list is as good as a tuple, a function is only itself.

    >>> same([1, {"a": np.eye(2)}], (1, {"a": np.eye(2)})), same(torch.zeros(2), torch.ones(2))
    (True, False)
    """
    if a is b:
        return True
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    arrays = np.ndarray | torch.Tensor
    if isinstance(a, arrays) or isinstance(b, arrays):
        return type(a) is type(b) and bool(np.array_equal(a, b))
    try:
        return bool(a == b)
    except (TypeError, ValueError):  # frames and their like have no single answer
        return False


def to_json(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Turn a configuration value into JSON; arrays are put into `arrays` and referred to by name.

    A device and a path become their names, a generator of random numbers None. Any other function or object of the
    user's own becomes ``{"own": name, "from": module}``: it is named, never stored, and must be handed over again on
    loading.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case np.generic():
            return to_json(value.item(), arrays)
        case np.ndarray() if value.dtype.kind in "biuf":
            return {"array": _kept(value, arrays)}
        case np.ndarray():
            return to_json(value.tolist(), arrays)
        case torch.Tensor() if value.dtype in _TENSORS:
            return {"tensor": _kept(value.detach().cpu().numpy(), arrays)}
        case list() | tuple():
            return [to_json(item, arrays) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {"dict": {key: to_json(item, arrays) for key, item in value.items()}}
        case torch.device() | PurePath():
            return str(value)
        case np.random.RandomState() | np.random.Generator():
            return None
        case Part() if (cls := type(value)) and find(cls.kind, cls.__name__, cls.__module__):
            config = {key: to_json(item, arrays) for key, item in value.get_params(deep=False).items()}
            place = {} if cls.__module__.partition(".")[0] == "isthmus" else {"from": cls.__module__}
            return {"part": f"{cls.kind}.{cls.__name__}", **place, **config}
        case _:
            code = value if hasattr(value, "__qualname__") else type(value)
            return {"own": code.__qualname__, "from": str(code.__module__)}


_TENSORS = (torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8, torch.bool)
"""The dtypes of the tensors that an argument may hold: those that NumPy has too, in the same range."""


def _kept(array: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    """Put an array among the others, once, and return its name."""
    name = next((name for name, known in arrays.items() if known is array), f"array.{len(arrays)}")
    arrays[name] = array
    return name


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
    if "part" in value:
        return _part(value, arrays, own, where)
    module = str(value.get("from", ""))
    match value:
        case {"array": name} | {"tensor": name}:
            if name not in arrays:
                raise ModelFileError(f"{where}: the array {name!r} is missing from the model's folder")
            return arrays[name] if "array" in value else torch.as_tensor(arrays[name])
        case {"dict": dict(items)}:
            return {key: from_json(item, arrays, own, f"{where}.{key}") for key, item in items.items()}
        case {"own": name}:
            argument = where.split(".")[0]
            place = f" from {module!r}" if module else ""
            raise ModelFileError(
                f"{where}: {name!r} is your own code{place}; hand it over again: load(path, {argument}=...)"
            )
    raise ModelFileError(f"{where}: {value!r:.80} is no value of an argument")


def _part(value: Mapping[str, Any], arrays: Mapping[str, np.ndarray], own: Mapping[str, Any], where: str) -> Any:
    """Make a part from JSON."""
    module = str(value.get("from", ""))
    kind, _, name = str(value["part"]).partition(".")
    cls = find(kind, name, module)
    if cls is None and module:
        raise ModelFileError(f"{where}: the {kind.replace('_', ' ')} {name!r} {how_to_get(module)}")
    if cls is None:
        raise ModelFileError(f"{where}: unknown part {value['part']!r}")
    config = {key: item for key, item in value.items() if key not in ("part", "from")}
    try:
        return cls(**{key: from_json(item, arrays, own, f"{where}.{key}") for key, item in config.items()})
    except (TypeError, CompositionError) as error:
        raise ModelFileError(f"{where}: cannot make {value['part']}: {error}") from None


def resolve(kind: str, value: Any, auto: Callable[[], Any] | None = None) -> Any:
    """Turn an estimator's argument into a part of its own.

    ``"auto"`` is picked by `auto`, a name is looked up, an object is copied: what is set on it later changes no fit.
    """
    if isinstance(value, str):
        if value == "auto" and auto is not None:
            return auto()
        return parse(kind, value)
    return own_copy(value)
