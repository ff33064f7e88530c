"""What a model gives back: rows in the form that it was fitted on, or in the one that ``set_output`` asks for."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import get_config

from .schema import Schema, library_of

__all__ = ["of_arrays", "rows_back", "values_back"]


def rows_back(estimator: Any, x: np.ndarray, like: Any = None, *, drawn: bool = False) -> Any:
    """Return rows that a model made, (N, ...): a frame where it was fitted on one, or ``set_output`` asks for one.

    A frame has the names, the order and the types of the fit's, and the index of `like`; an array stays an array.

    Parameters
    ----------
    estimator : fitted.
    x : rows in the data's units, categories as the numbers of their levels.
    like : what the rows come of, one for one, or None.
    drawn : whether they were drawn, and so are to be whole, rounded and within bounds as the data are. What is
        estimated stays as it is, but for types that hold whole numbers alone.
    """
    schema: Schema | None = estimator.schema_
    if schema is None:
        return x
    x, asked = schema.settle(x) if drawn else x, _asked(estimator)
    if not schema.library:
        return x
    if asked not in ("", schema.library):
        names = getattr(estimator, "feature_names_in_", [f"x{place}" for place in range(x.shape[1])])
        named = [replace(column, name=str(name)) for column, name in zip(schema.columns, names, strict=True)]
        return replace(schema, columns=tuple(named)).given_by(asked).decode(x, like)
    numbers = schema.library == "numpy" and all(column.sort in ("number", "boolean") for column in schema.columns)
    if numbers and (not drawn or all(column.dtype.startswith("float") for column in schema.columns)):
        return x
    return schema.decode(x, like)


def of_arrays(estimator: Any) -> Any:
    """Return the estimator as one that takes arrays of numbers and gives them back, whatever it was fitted on.

    It shares all that was learnt; what measures and draws a model works with it.
    """
    view = copy.copy(estimator)
    for name in ("feature_names_in_", "_sklearn_output_config", "condition_"):
        vars(view).pop(name, None)
    view.schema_ = None if estimator.schema_ is None else replace(estimator.schema_, library="")
    return view


def values_back(estimator: Any, values: np.ndarray, name: str, like: Any = None) -> Any:
    """Return one number a row, (N,): a column of that name where ``set_output`` asks for frames, an array otherwise."""
    asked = _asked(estimator)
    if asked == "pandas":
        import pandas as pd

        return pd.Series(values, name=name, index=like.index if library_of(like) == "pandas" else None)
    if asked == "polars":
        import polars as pl

        return pl.Series(name, values)
    return values


def _asked(estimator: Any) -> str:
    """Return the library that ``set_output``, or scikit-learn's own configuration, asks for; "" is none."""
    own = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    asked = str(own or get_config()["transform_output"])
    return "" if asked == "default" else asked
