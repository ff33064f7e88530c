"""``isthmus encode | reconstruct | score | sample``: apply a fitted model and write what comes out."""

from __future__ import annotations

import warnings
from enum import Enum
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CompositionError
from .asking import given_from
from .options import Data, Device, GivenValues, ModelFolder, OutFile, Seed, WhereTexts
from .rows import as_frame, column_names, read_rows
from .systems import VERBS

if TYPE_CHECKING:
    from ..files import Table

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
    estimator, codes, table = _apply("encode", model, data, out, device)
    _write(out, codes, list(estimator.get_feature_names_out()), table)


def reconstruct(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write each row as the model reconstructs it: compressed and decoded, or cleaned by a denoising model.

    Example: isthmus reconstruct model/ noisy.csv --out clean.csv
    """
    estimator, rows, table = _apply("reconstruct", model, data, out, device)
    _write(out, rows, table.columns or column_names(estimator), table)


def score(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write the log-likelihood of each row in nats; a low one marks an unusual row.

    Example: isthmus score model/ data.csv --out scores.csv
    """
    _, scores, table = _apply("score", model, data, out, device)
    _write(out, scores, ["score"], table)


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
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Write new rows, drawn from the model.

    Example: isthmus sample model/ -n 1000 --out new.csv --given sex=Female --where 'age > 60'
    """
    from .. import files

    files.check_writable(out)
    estimator = model_for("sample", model, device)
    asked: dict[str, Any] = {
        "draw": None if draw is Draw.auto else draw.value,
        "given": given_from(given, estimator.schema_, column_names(estimator)),
        "where": where,
        "gaps": gaps or None,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    can = signature(estimator.sample).parameters
    for name in asked:
        if name not in can:
            raise CompositionError(f"--{name}: a {type(estimator).__name__} cannot draw this way; leave the option out")
    estimator.verbose = 1  # so that the share of rows that satisfy conditions is said
    files.write(out, estimator.sample(n, random_state=seed, **asked), column_names(estimator))


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


def _apply(verb: str, folder: Path, data: str, out: Path, device: str) -> tuple[Any, Any, Table]:
    """Return a model, the result of its method for the data, and the data."""
    from .. import files

    files.check_writable(out)
    model = model_for(verb, folder, device)
    table = read_rows(data, training=False, columns=column_names(model))
    with warnings.catch_warnings(record=True) as caught:  # an error is printed alone, without the warnings before it
        result = getattr(model, VERBS[verb])(as_frame(table))
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return model, result, table


def _write(out: Path, values: Any, columns: list[str] | None, table: Table) -> None:
    """Write what was made of the rows of a table, beside what names them, and say what was written."""
    from .. import files

    print(f"wrote {out}: {files.write(out, values, columns, table.ids)}")
