"""Conditions that are columns of a table: what a model is told beside each row, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from torch import Tensor

from ..errors import DataError, nearest
from ..parts import Part
from . import array_columns
from .category import Category
from .schema import Edits, Schema, collected, library_of, names_of

__all__ = ["Conditions", "asked_of", "columns_named"]


class Conditions(Part, kind="conditions", final=True):
    """The columns that a model is told beside each row, c of p(x|c): numbers standardised, categories one-hot.

    Parameters
    ----------
    schema : of these columns.
    means, stds : of each column's numbers in the fit; 0 and 1 for a category.

    >>> import pandas as pd
    >>> told = Conditions.learn(pd.DataFrame({"sex": ["f", "m", "f"], "age": [30, 50, 40]}))
    >>> told.encode({"sex": "m", "age": 40}).tolist(), told.width
    ([[0.0, 1.0, 0.0]], 3)
    """

    schema: Schema = Schema()
    means: Sequence[float] = ()
    stds: Sequence[float] = ()

    def check(self) -> None:
        self.require_part("schema", self.schema, Schema)
        alike = len(self.means) == len(self.stds) == len(self.schema.columns)
        self.require(alike, "there must be one mean and one standard deviation for each column")

    @classmethod
    def learn(cls, table: Any, edits: Schema | Edits | None = None) -> Self:
        """Return what is learnt of the columns of a table.

        Parameters
        ----------
        table : a frame, or an array (N, k), perhaps of objects.
        edits : what is said of columns before, as in `Schema.learn`; what is said of other columns is ignored.

        Raises
        ------
        DataError : a column has gaps.
        """
        names = names_of(collected(table)[0])
        said = {column.name: column for column in edits.columns} if isinstance(edits, Schema) else dict(edits or {})
        schema = Schema.learn(table, {name: edit for name, edit in said.items() if name in names and edit is not None})
        x = schema.encode(table)
        category = [isinstance(column, Category) for column in schema.columns]
        std = x.std(0)
        means = np.where(category, 0.0, x.mean(0))
        stds = np.where(category | (std == 0), 1.0, std)
        return cls(schema, tuple(means.tolist()), tuple(stds.tolist()))

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return self.schema.names

    @property
    def width(self) -> int:
        """How many numbers c has."""
        return sum(column.levels if isinstance(column, Category) else 1 for column in self.schema.columns)

    def encode(self, condition: Any) -> np.ndarray:
        """Return the numbers that networks read, (N, c).

        Parameters
        ----------
        condition : a table that has the columns by name; a value or N values for each name; or an array of them, (N, k)
            or, of a single row, (k,).

        Raises
        ------
        DataError : a column is missing, has gaps, or holds something else than in the fit.
        """
        parts = []
        columns = zip(self.schema.columns, self._levels(condition).T, self.means, self.stds, strict=True)
        for column, x, mean, std in columns:
            if np.isnan(x).any():
                raise DataError(
                    f"condition {column.name!r} has no value in row {np.isnan(x).argmax()}; fill it in, or leave the "
                    "row out"
                )
            hot = isinstance(column, Category)
            parts.append(np.eye(column.levels)[x.astype(int)] if hot else ((x - mean) / std)[:, None])
        return np.concatenate(parts, axis=1)

    def __str__(self) -> str:
        return str(self.schema)

    def _levels(self, condition: Any) -> np.ndarray:
        """Return each column as its schema makes numbers of it, (N, k)."""
        names = self.names
        if hasattr(condition, "columns"):
            return self.schema.encode(condition)
        if isinstance(condition, Mapping):
            for name in condition:
                if name not in names:
                    raise DataError(f"there is no condition {name!r}{nearest(str(name), names)}")
            missing = [name for name in names if name not in condition]
            if missing:
                raise DataError(f"the condition {missing[0]!r} is missing; give {', '.join(map(repr, names))}")
            given = [np.array(condition[name], dtype=object, ndmin=1) for name in names]
            given = list(np.broadcast_arrays(*given))
        else:
            values = np.asarray(condition, dtype=object)
            values = values.reshape(1, -1) if values.ndim == 1 < len(names) else values.reshape(len(values), -1)
            if values.shape[1] != len(names):
                raise DataError(f"condition must hold {', '.join(map(repr, names))}: it has {values.shape[1]} columns")
            given = list(values.T)
        read = [array_columns.read(name, values) for name, values in zip(names, given, strict=True)]
        return np.stack([column.encode(c) for column, c in zip(self.schema.columns, read, strict=True)], axis=1)


def columns_named(condition: Any) -> list[str]:
    """Return the names of columns that a condition is, or none if it is something else.

    >>> columns_named("sex"), columns_named(["sex", "age"]), columns_named([0.5, 1.0])
    (['sex'], ['sex', 'age'], [])
    """
    if isinstance(condition, str):
        return [condition]
    named = isinstance(condition, list | tuple) and all(isinstance(name, str) for name in condition)
    return list(condition) if named else []


def asked_of(X: Any, condition: Any, learnt: Conditions | None = None) -> Any:
    """Return what comes with rows X: the columns of X that `condition` names as a table, or the condition itself.

    Text and objects, which no network reads, and columns of a frame come as tables (N, k).

    Parameters
    ----------
    X : the rows, or None where there are none: then text is a value, and no name.
    condition : names of columns, a table, anything else, or None.
    learnt : of the fit; where no condition is given, X has it.

    Raises
    ------
    DataError : X has no such columns.
    """
    if condition is None and learnt is not None and X is not None and library_of(X) not in ("", "numpy"):
        frame, _ = collected(X)
        return frame if set(learnt.names) <= set(names_of(frame)) else None
    names = [] if X is None else columns_named(condition)
    if names:
        if library_of(X) in ("", "numpy"):
            raise DataError(f"condition names columns ({', '.join(names)}), and the rows are an array without names")
        frame, _ = collected(X)
        labels = {str(label): label for label in frame.columns}
        for name in names:
            if name not in labels:
                raise DataError(f"condition: there is no column {name!r}{nearest(name, labels)}")
        return frame[[labels[name] for name in names]]
    if hasattr(condition, "to_frame"):
        return condition.to_frame()
    if condition is None or isinstance(condition, Tensor | Mapping) or library_of(condition) not in ("", "numpy"):
        return condition
    array = np.atleast_1d(condition)
    return array.reshape(len(array), -1) if array.dtype.kind in "OUS" else condition
