"""The language of parts: how a part is written as text, at the command line and in an estimator's arguments.

=====  ============================================  =============================================
part   ``NAME``                                      ``vampprior``
       ``NAME:VALUE:VALUE``                          ``vampprior:500``, ``mlp:512,256``
       ``NAME(VALUE, ..., ARGUMENT=VALUE, ...)``     ``elbo(divergence=kl(weight=4, warmup=0.1))``
value  a number, ``true``, ``false``, ``none``       ``4``, ``0.1``, ``1e-3``
       a word, or any text in quotes                 ``cosine``, ``"runs/first try"``
       several values                                ``512,256`` outside brackets, ``[512, 256]``
       a part                                        ``kl(4)``; in quotes also ``"kl:4"``
=====  ============================================  =============================================

A name may say its kind, as ``corruption.gaussian(0.1)`` does; case, hyphens and underscores do not matter. Python's own
parser reads the brackets, and nothing is ever evaluated: what is not in the table is refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import CompositionError, IsthmusError, UnknownNameError
from .systems import defined_in, put

__all__ = ["VOCABULARY", "add", "arguments", "construct", "find", "known", "literal", "make", "parse", "read"]

VOCABULARY: dict[str, dict[str, type[Any]]] = {}
"""The class of every part: kind → name → class. `Part` adds a class when it is defined, a user's own included."""

_CALL = re.compile(r"[A-Za-z_][\w.-]*\(")


def add(cls: type[Any]) -> None:
    """Take the class of a part into the vocabulary of its kind, under its name, as `isthmus.systems.put` does."""
    put(VOCABULARY.setdefault(cls.kind, {}), cls.__name__, cls)


def find(kind: str, name: str, module: str) -> type[Any] | None:
    """Return the part of that kind and name which is defined in that module, as `isthmus.systems.find` does."""
    return defined_in(VOCABULARY.get(kind, {}).values(), name, module)


def known(kind: str) -> dict[str, type[Any]]:
    """Return the parts of a kind by their lower-case names."""
    return {name.lower(): cls for name, cls in VOCABULARY.get(kind, {}).items()}


def arguments(cls: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the arguments of a class by name."""
    variadic = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return {name: argument for name, argument in signature(cls).parameters.items() if argument.kind not in variadic}


def parse(kind: str, text: str) -> Any:
    """Make a part of a kind from text.

    >>> from isthmus.parts import parse
    >>> import isthmus.corruption, isthmus.objective
    >>> parse("corruption", "masking:0.5"), parse("objective", "elbo(divergence=kl(weight=4), draws=2)")
    (Masking(), ELBO(divergence=KL(weight=4), draws=2))

    Raises
    ------
    UnknownNameError : there is no such part, or it has no such argument; the message gives the nearest name.
    CompositionError : the text is not in the language, or a value is outside its argument's range.
    """
    part = _read(text, (kind,))
    if not isinstance(part, tuple(known(kind).values())):
        raise UnknownNameError(kind.replace("_", " "), text, known(kind))
    return part


def make(cls: Callable[..., Any], text: str) -> Any:
    """Make an object of any class from ``NAME(VALUE, ARGUMENT=VALUE, ...)``; the name is the caller's to look up.

    >>> from isthmus import VAE
    >>> make(VAE, "vae(16, prior=vampprior(100), max_epochs=5)")
    VAE(latent_dim=16, max_epochs=5, prior=VampPrior(components=100))
    """
    call = _tree(text)
    if not isinstance(call, ast.Call):
        raise CompositionError(f"cannot read {text!r}: write NAME(argument=value, ...)")
    return _build(cls, call.args, call.keywords)


def read(cls: Callable[..., Any], argument: str, text: str) -> Any:
    """Read text as the value of a class's argument, whose annotation says whether words are text or names of parts.

    >>> from isthmus.training import Training
    >>> read(Training, "optimizer", "sgd(momentum=0.5)"), read(Training, "compile", "false")
    (SGD(momentum=0.5), False)

    Raises
    ------
    UnknownNameError : the class has no such argument, or there is no such part.
    CompositionError : the text is not in the language, or a value is outside its argument's range.
    """
    if argument not in arguments(cls):
        raise UnknownNameError(f"argument of {cls.__name__}", argument, arguments(cls))
    types, text = _types(cls, argument), text.strip()
    if text[:1] not in ("'", '"') and str in types and types <= {str, type(None)}:
        return None if text.lower() == "none" and type(None) in types else text
    return _read(text, _kinds(cls, argument))


def construct(cls: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Make an object of a class from its arguments.

    Raises
    ------
    CompositionError : an argument is missing or outside its range.
    """
    called = cls.__name__.lower()
    needed = [name for name, argument in arguments(cls).items() if argument.default is Parameter.empty]
    missing = [name for name in needed if name not in given]
    if missing:
        raise CompositionError(f"{called} needs {', '.join(missing)}: {called}({missing[0]}=...)")
    try:
        return cls(**given)
    except IsthmusError:
        raise
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise CompositionError(f"{called}({shown}): {error}") from None


def literal(text: str) -> Any:
    """Read a number, a truth value, None or a comma-separated tuple of them; anything else stays text.

    >>> literal("0.5"), literal("512,256"), literal("true"), literal("masking:0.5")
    (0.5, (512, 256), True, 'masking:0.5')
    """
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    if text.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text.lower()]
    if "," in text and ":" not in text:
        return tuple(literal(item) for item in text.split(",") if item)
    return text


def _read(text: str, kinds: Sequence[str]) -> Any:
    """Read text as a value; where `kinds` are given, a word is the name of a part of one of them."""
    text = text.strip()
    if _CALL.match(text) or text.startswith(("[", "(", "'", '"')):
        return _value(_tree(text), kinds)
    value = literal(text)
    if not kinds or not isinstance(value, str) or value == "auto":
        return value
    name, *values = text.split(":")
    return _build(_class_named(name, kinds), values, ())


def _tree(text: str) -> ast.expr:
    """Return the syntax tree of text with brackets or quotes."""
    text = text.strip()
    if _CALL.match(text):
        head, _, rest = text.partition("(")
        text = f"{head.replace('-', '_')}({rest}"
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        inside = " (inside brackets a part is kl(4), not kl:4)" if ":" in text else ""
        raise CompositionError(
            f"cannot read {text[:80]!r}{place}: write NAME(value, argument=value, ...), other text in quotes{inside}"
        ) from None


def _value(node: ast.expr, kinds: Sequence[str]) -> Any:
    """Return the value of a syntax tree."""
    match node:
        case ast.Constant(value=str(text)) if kinds:
            return _read(text, kinds)
        case ast.Constant(value=None | bool() | int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return tuple(_value(item, kinds) for item in items)
        case ast.Name(id=word) if not kinds or word == "auto" or not isinstance(literal(word), str):
            return literal(word)
        case ast.Name() | ast.Attribute(value=ast.Name()):
            return _build(_class_named(ast.unparse(node), kinds), (), ())
        case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name()) as name):
            return _build(_class_named(ast.unparse(name), kinds), node.args, node.keywords)
    raise CompositionError(
        f"cannot read {ast.unparse(node)!r}: a value is a number, true, false, none, a word, text in quotes, a list in "
        "square brackets, or a part such as kl(weight=4)"
    )


def _build(cls: Callable[..., Any], values: Sequence[str | ast.expr], keywords: Sequence[ast.keyword]) -> Any:
    """Make an object of a class from values by position and by name; whatever goes wrong is one line."""
    known_arguments, called = arguments(cls), cls.__name__.lower()
    by_position = [name for name, argument in known_arguments.items() if argument.kind != Parameter.KEYWORD_ONLY]
    if len(values) > len(by_position):
        most = f"{len(by_position)} argument" + ("" if len(by_position) == 1 else "s")
        names = ", ".join(by_position) or "none"
        raise CompositionError(f"{called} takes at most {most} by position ({names}), got {len(values)}")
    said = [*zip(by_position, values, strict=False), *((keyword.arg or "**", keyword.value) for keyword in keywords)]
    given: dict[str, Any] = {}
    for name, value in said:
        if name not in known_arguments:
            raise UnknownNameError(f"argument of {cls.__name__}", name, known_arguments)
        if name in given:
            raise CompositionError(f"{called}(...): {name} is given twice")
        given[name] = read(cls, name, value) if isinstance(value, str) else _value(value, _kinds(cls, name))
    return construct(cls, given)


def _class_named(name: str, kinds: Sequence[str]) -> type[Any]:
    """Return the part of that name: of one of `kinds`, of the kind that the name itself says, or of any kind."""
    kind, _, last = name.strip().rpartition(".")
    wanted = [one for one in kinds or VOCABULARY if kind in ("", one)]
    key = last.strip().lower().replace("-", "").replace("_", "")
    found = {kind: known(kind)[key] for kind in wanted if key in known(kind)}
    if len(found) > 1:
        raise CompositionError(
            f"{key!r} is the name of several parts: write {' or '.join(f'{k}.{key}' for k in sorted(found))}"
        )
    if not found:
        what = " or ".join(kinds).replace("_", " ") or "part"
        raise UnknownNameError(what, name.strip(), {other for one in kinds or VOCABULARY for other in known(one)})
    return next(iter(found.values()))


def _kinds(cls: Callable[..., Any], argument: str) -> list[str]:
    """Return the kinds of parts that an argument takes, by its annotation, its default or, failing these, its name."""
    types = _types(cls, argument)
    kinds = {
        kind
        for named in types
        if isinstance(named, type) and hasattr(named, "kind")
        for kind, classes in VOCABULARY.items()
        if any(issubclass(part, named) for part in classes.values())
    }
    if types == {Any}:
        kinds = {getattr(arguments(cls)[argument].default, "kind", argument)}
    return [kind for kind in VOCABULARY if kind in kinds]


def _types(cls: Callable[..., Any], argument: str) -> set[Any]:
    """Return every type that an argument's annotation names; `Any` where it is unknown at run time."""
    try:
        waiting = [get_type_hints(cls).get(argument, Any)]
    except NameError:
        waiting = [Any]
    found: set[Any] = set()
    while waiting:
        hint = waiting.pop()
        if get_origin(hint) is Literal:
            found |= {type(value) for value in get_args(hint)}
        elif get_args(hint):
            waiting += get_args(hint)
        else:
            found.add(hint)
    return found
