"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Data",
    "Device",
    "GivenValues",
    "Keep",
    "LeaveOut",
    "ModelFolder",
    "OutFile",
    "Seed",
    "Trackers",
    "Unseen",
    "UnseenOption",
    "WhereTexts",
    "several",
]

Data = Annotated[
    str,
    typer.Argument(
        help="The name of a data set (see `isthmus datasets`), or a path: CSV, TSV, Parquet, NPY, NPZ or a folder of "
        "images. Of a named data set, fit and compare take the training rows, the other commands the test rows."
    ),
]
ModelFolder = Annotated[Path, typer.Argument(help="A folder that `isthmus fit` wrote.")]
OutFile = Annotated[
    Path,
    typer.Option(
        "--out", "-o", help="The file to write; its ending says the format: csv, tsv, parquet, npy, npz. Images can "
        "also go to a folder."
    ),
]  # fmt: skip
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(help="A column of the table that is no feature. Repeat the option for several."),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        help="A column to learn from although every value differs, as in a name of the rows, which is otherwise left "
        "out. Repeat the option for several."
    ),
]


class Unseen(Enum):
    """What a category is that the fit did not meet."""

    error = "error"
    gap = "gap"
    nearest = "nearest"


UnseenOption = Annotated[
    Unseen,
    typer.Option(
        help="What a category is, in rows that come later, that the fit did not meet: an error that names it, a gap, "
        "or the nearest category."
    ),
]
Trackers = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        help="A tracker that records the fit as it runs, besides the model's own history: tensorboard:runs, "
        "mlflow:experiment or jsonlines:history.jsonl. Repeat the option for several.",
    ),
]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1, ...")]
Seed = Annotated[int, typer.Option(help="The seed of the random numbers.")]
GivenValues = Annotated[
    list[str] | None,
    typer.Option(
        "--given",
        metavar="COLUMN=VALUE",
        help="Draw only rows that have this value: --given sex=Female --given age=40. Repeat the option for several.",
    ),
]
WhereTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Draw only rows that satisfy a condition: --where 'age > 60', --where 'start < end and size in [1, 2]'. "
        "Repeat the option for several. The share of rows that do is said first.",
    ),
]


def several(names: Sequence[str] | None) -> list[str]:
    """Return names that an option gives, repeated or separated by commas.

    >>> several(["sex,age", "town"]), several(None)
    (['sex', 'age', 'town'], [])
    """
    return [name.strip() for given in names or () for name in given.split(",") if name.strip()]
