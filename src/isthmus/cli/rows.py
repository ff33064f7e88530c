"""Rows for a command: from a named data set or a file, with the names of their columns."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, nearest
from .options import Unseen

if TYPE_CHECKING:
    from ..data import Schema
    from ..files import Table

__all__ = [
    "as_frame",
    "column_names",
    "conditions_of",
    "is_data_set",
    "read_rows",
    "rows_for",
    "schema_with",
    "without_ids",
]


def is_data_set(name: str) -> bool:
    """Return whether a data set has that name."""
    from .. import datasets

    return name in [known.name for known in datasets.available()]


def read_rows(name: str, *, training: bool, columns: Sequence[str] | None = None, without: Sequence[str] = ()) -> Table:
    """Return the training or the test rows of a named data set, or the rows of a file.

    Parameters
    ----------
    columns : those that a model takes, in its order, where the file names its columns; None is all.
    without : columns that are left out.

    Raises
    ------
    DataError : there is neither a data set nor a file of that name, or the file cannot be read.
    """
    from .. import datasets, files

    if is_data_set(name):
        if without:
            raise DataError(f"the columns of {name} have no names, so {without[0]!r} cannot be left out")
        found = datasets.load(name)
        return files.Table(found.train if training else found.test)
    if not Path(name.partition(".npz:")[0]).exists() and not Path(name).suffix and "/" not in name:
        names = [known.name for known in datasets.available()]
        here = sorted(path.name for path in Path().iterdir() if not path.name.startswith("."))
        same_stem = next((f", did you mean {file!r}?" for file in here if Path(file).stem == name), "")
        hint = same_stem or nearest(name, [*here, *names])
        raise DataError(f"{name!r} is neither a data set nor a file{hint}; data sets: {', '.join(names)}")
    return files.read_table(name, columns, without=without)


def rows_for(model: Any, name: str, *, training: bool = False, without: Sequence[str] = ()) -> Table:
    """Return the rows that a fitted model takes: columns by name, in any order; a line names others, which are ignored.

    Parameters
    ----------
    model : a fitted estimator or detector.
    name, training : as in `read_rows`.
    without : columns that no line need name.
    """
    taken = column_names(model)
    columns = None if taken is None else [*taken, *(name for name in conditions_of(model) if name not in taken)]
    return read_rows(name, training=training, columns=columns, without=without)


def without_ids(name: str, table: Table, keep: Sequence[str]) -> Table:
    """Return a table to learn from without the columns that only name its rows; a line says which these are.

    Parameters
    ----------
    name : of the file.
    table : read from it.
    keep : columns that are learnt whatever they look like.
    """
    from ..data import Schema
    from ..frames import table as as_table

    if table.frame is None:
        return table
    found = [column for column in Schema.learn(table.frame).ids if column not in keep]
    ids = [column for column in found if table.frame[column].n_unique() == table.frame.height]
    if not ids or len(ids) == table.frame.width:
        return table
    names = "which names the rows" if len(ids) == 1 else "which name the rows"
    warnings.warn(
        f"{name}: left out {' and '.join(map(repr, ids))}, {names}: every value differs; --keep {shlex.quote(ids[0])} "
        "learns it all the same",
        stacklevel=2,
    )
    return as_table(name, table.frame.drop(ids), {column: table.frame[column].to_list() for column in ids})


def schema_with(name: str, rows: Any, unseen: Unseen) -> Schema | None:
    """Return what is learnt of a table's columns where unseen categories are no error; otherwise None, for the fit."""
    from ..data import Category, Schema

    if unseen is Unseen.error:
        return None
    if not hasattr(rows, "columns"):
        raise DataError(f"{name}: its columns have no names, so --unseen says nothing of them")
    learnt = Schema.learn(rows)
    kinds = [replace(c, unseen=unseen.value) if isinstance(c, Category) else c for c in learnt.columns]
    return replace(learnt, columns=tuple(kinds))


def as_frame(table: Table) -> Any:
    """Return a table as an estimator takes it: a frame where the columns have names, otherwise the array itself.

    A memory map may be larger than memory, so it is never copied and comes without its names.
    """
    from ..tensors import is_mapped

    if table.frame is not None:
        return table.frame
    if table.columns is None or is_mapped(table.values):
        return table.values
    import polars as pl

    return pl.DataFrame(table.values, schema=table.columns, orient="row")


def column_names(estimator: Any) -> list[str] | None:
    """Return the names of the columns that a model was fitted on; None if they had no names."""
    return list(estimator.feature_names_in_) if hasattr(estimator, "feature_names_in_") else None


def conditions_of(estimator: Any) -> list[str]:
    """Return the names of the columns that a model is told beside each row."""
    learnt = getattr(estimator, "condition_", None)
    return [] if learnt is None else learnt.names
