"""``isthmus encode | reconstruct | score | sample``: apply a fitted model and write what comes out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from enum import Enum
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import CompositionError, nearest
from .asking import given_from
from .options import Data, Device, GivenValues, ModelFolder, OutFile, Seed, WhereTexts
from .rows import as_frame, column_names, conditions_of, rows_for
from .systems import VERBS

__all__ = ["encode", "model_for", "reconstruct", "sample", "score"]


class Draw(Enum):
    """How samples are made of codes."""

    auto = "auto"
    values = "values"
    mean = "mean"


def encode(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write the code of each row.

    Example: isthmus encode model/ digits --out codes.parquet
    """
    estimator, codes, beside, _ = _apply("encode", model, data, out, device)
    _write(out, codes, list(estimator.get_feature_names_out()), beside)


def reconstruct(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write each row as the model reconstructs it: compressed and decoded, or cleaned by a denoising model.

    Example: isthmus reconstruct model/ noisy.csv --out clean.csv
    """
    estimator, rows, beside, columns = _apply("reconstruct", model, data, out, device)
    _write(out, rows, column_names(estimator) or columns, beside)


def score(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write the log-likelihood of each row in nats; a low one marks an unusual row.

    Example: isthmus score model/ data.csv --out scores.csv
    """
    _, scores, beside, _ = _apply("score", model, data, out, device)
    _write(out, scores, ["score"], beside)


def sample(
    model: ModelFolder,
    out: OutFile,
    n: Annotated[int, typer.Option("-n", help="The number of rows to draw.")] = 100,
    draw: Annotated[
        Draw,
        typer.Option(
            help="How a row is made of its code z: values draws it from p(x|z), mean takes the mean of p(x|z), auto "
            "draws the rows of a table and takes the mean of pictures."
        ),
    ] = Draw.auto,
    given: GivenValues = None,
    where: WhereTexts = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Leave cells empty as often as the data do.")] = False,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What a column of the fit's --condition is in all rows: --condition sex=f. Repeat the option for "
            "several.",
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Write new rows, drawn from the model.

    Example: isthmus sample model/ -n 1000 --out new.csv --given sex=Female --where 'age > 60'
    """
    from .. import files

    files.check_writable(out)
    estimator = model_for("sample", model, device)
    told = _told(estimator, condition or ())
    asked: dict[str, Any] = {
        "draw": None if draw is Draw.auto else draw.value,
        "given": given_from(given, estimator.schema_, column_names(estimator)),
        "where": where,
        "gaps": gaps or None,
        "condition": told or None,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    can = signature(estimator.sample).parameters
    for name in asked:
        if name not in can:
            raise CompositionError(f"--{name}: a {type(estimator).__name__} cannot draw this way; leave the option out")
    estimator.verbose = 1  # so that the share of rows that satisfy conditions is said
    rows = estimator.sample(n, random_state=seed, **asked)
    _write(out, rows, column_names(estimator), {name: [value] * n for name, value in told.items()})


def _told(estimator: Any, settings: Sequence[str]) -> dict[str, Any]:
    """Return the condition that texts ``name=value`` describe."""
    from ..part_language import literal

    known, told = conditions_of(estimator), {}
    columns = {} if not known else {column.name: column for column in estimator.condition_.schema.columns}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in known:
            names = f"it was fitted with {', '.join(known)}" if known else "it was fitted without"
            hint = nearest(name, known)
            raise CompositionError(f"--condition {setting}: write --condition name=value{hint}; {names}")
        words = columns[name].sort == "label" and all(isinstance(one, str) for one in columns[name].categories)
        told[name] = text if words or columns[name].sort not in ("label", "number", "boolean") else literal(text)
    missing = [name for name in known if name not in told]
    if missing:
        raise CompositionError(
            f"this model was fitted with the condition {', '.join(known)}: give --condition {missing[0]}=..."
        )
    return told


def model_for(verb: str, folder: Path, device: str) -> Any:
    """Return the model in a folder; raise unless it has the method that a command needs."""
    from .. import load

    model = load(folder, device=device)
    if not hasattr(model, VERBS[verb]):
        can = ", ".join(verb for verb, method in VERBS.items() if hasattr(model, method))
        why = "has no prior to sample from; use a VAE or GAN" if verb == "sample" else f"cannot {verb}; it can {can}"
        raise CompositionError(f"{folder} holds a {type(model).__name__}, which {why}")
    if model.schema_ is not None and model.schema_.library in ("pandas", "arrow"):
        model.schema_ = model.schema_.given_by("polars")
    return model


def _apply(
    verb: str, folder: Path, data: str, out: Path, device: str
) -> tuple[Any, Any, dict[str, Sequence[Any]], list[str] | None]:
    """Return a model, the result of its method for data, and of the data what stands beside it and the columns' names.

    What stands beside the result names the rows, and is their condition.
    """
    from .. import files

    files.check_writable(out)
    model = model_for(verb, folder, device)
    table = rows_for(model, data)
    with warnings.catch_warnings(record=True) as caught:  # an error is printed alone, without the warnings before it
        result = getattr(model, VERBS[verb])(as_frame(table))
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    told = [name for name in conditions_of(model) if name not in (column_names(model) or ())]
    beside = dict(table.ids) | {name: table.frame[name].to_list() for name in told if table.frame is not None}
    return model, result, beside, table.columns


def _write(out: Path, values: Any, columns: list[str] | None, beside: Mapping[str, Sequence[Any]]) -> None:
    """Write what was made, beside what names its rows, and say what was written."""
    from .. import files

    print(f"wrote {out}: {files.write(out, values, columns, beside)}")
