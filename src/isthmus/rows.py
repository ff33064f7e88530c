"""The data edge: what comes in is checked here, in words a person can act on, and never copied without need."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from .data import Schema
from .data.schema import collected, is_table, names_of
from .errors import DataError
from .frames import refuse_nested, some

MOST_ARRAY_COLUMNS = 10_000
"""Columns of an array up to which each of them is looked at, to give it back in its own kind."""

__all__ = ["TakesTables", "check_finite", "check_rows", "check_target", "check_weights", "condition_rows"]


class TakesTables:
    """An estimator whose rows go through `check_rows`: numbers, or a table with columns of any kind."""

    takes_gaps: ClassVar[bool] = True
    """Whether entries of rows may be NaN, which is not observed."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = self.takes_gaps
        tags.input_tags.string = tags.input_tags.categorical = True
        return tags


def check_rows(
    estimator: BaseEstimator, X: Any, reset: bool, minimum: int = 1, without: Sequence[str] = ()
) -> np.ndarray:
    """Return X as a numeric array (N, ...), in its own dtype, without a copy where none is needed; gaps are NaN.

    A frame, or an array of objects, becomes float64 numbers by the estimator's ``schema_``, which is learnt of it at
    `reset`. An array of rows has one too, which says what its numbers are; pictures and series have none.

    Parameters
    ----------
    estimator : whose rows they are.
    X : an array or a table.
    reset : whether the estimator learns from X what its rows are.
    minimum : how many rows there must be.
    without : columns of a table that are not learnt, such as a condition.

    Raises
    ------
    DataError : infinity, or NaN where the estimator takes no gaps (naming rows and columns), a masked array, a column
        without a value.
    ValueError : what scikit-learn's own validation refuses: no rows, the wrong number of features, sparse matrices.
    """
    X = _refuse_form(X, "X")
    table = is_table(X)
    if table:
        x = _rows_of(estimator, X, reset, without)
        x = check_array(x, ensure_all_finite=False, ensure_min_samples=minimum, estimator=estimator)
    else:
        X = validate_data(
            estimator,
            X,
            reset=reset,
            dtype="numeric",
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=minimum,
        )
        x = _narrow(np.asarray(X))
    names = estimator.schema_.names if table else None
    check_finite(x, names, gaps=getattr(estimator, "takes_gaps", False))
    if reset and not table:
        said = getattr(estimator, "schema", None)
        known = x.ndim == 2 and x.shape[1] <= MOST_ARRAY_COLUMNS
        estimator.schema_ = Schema.learn(x, said) if known and not isinstance(said, Schema) else said
    return x


def _rows_of(estimator: Any, X: Any, reset: bool, without: Sequence[str]) -> np.ndarray:
    """Return a table as numbers, by the schema of the fit, or by one that is learnt of it."""
    X, _ = collected(X)
    names = names_of(X)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"columns {some(list(map(repr, twice)))} are there more than once; rename or drop them")
    if reset:
        said = getattr(estimator, "schema", None)
        if isinstance(said, Schema):
            estimator.schema_ = said.leaving_out(without)
        else:
            estimator.schema_ = Schema.learn(X, {**(said or {}), **dict.fromkeys(without)})
        for remark in estimator.schema_.remarks():
            warnings.warn(remark, UserWarning, stacklevel=2)
    schema = getattr(estimator, "schema_", None)
    if schema is None:
        raise DataError(f"{type(estimator).__name__} was fitted on arrays without a schema; give an array")
    if hasattr(X, "columns"):
        told = getattr(estimator, "condition_", None)
        ignored = {*schema.left_out, *(() if told is None else told.names)} - set(schema.names)
        kept = [column for column in X.columns if str(column) not in ignored]
        X = X[kept]
        _refuse_order(estimator, [str(name) for name in kept], reset)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    else:
        validate_data(estimator, np.empty((len(X), len(schema.columns))), reset=reset, skip_check_array=True)
    x: np.ndarray = schema.encode(X)
    narrow = {column.dtype for column in schema.columns} in ({"float32"}, {"Float32"})
    return x.astype(np.float32) if narrow else x


def check_target(y: Any, called: str = "y", schema: Schema | None = None) -> np.ndarray:
    """Return what comes with rows, such as the clean rows of pairs, as a numeric, finite array."""
    y = _refuse_form(y, called)
    if is_table(y):
        y = (schema or Schema.learn(y)).encode(y)
    target = _narrow(check_array(y, dtype="numeric", allow_nd=True, ensure_all_finite=False, input_name=called))
    check_finite(target, called=called)
    return target


def check_weights(weight: Any, rows: int) -> np.ndarray | None:
    """Return how much each row counts as float64, (N,), or None for all the same.

    Raises
    ------
    DataError : the weights are not one finite number a row, one is negative, or all are zero.
    """
    if weight is None:
        return None
    w = np.asarray(weight, dtype=np.float64)
    if w.ndim != 1:
        raise DataError(f"Sample weights must be 1D array or scalar: sample_weight has shape {w.shape}, one a row")
    if len(w) != rows:
        raise DataError(f"sample_weight.shape == {w.shape}, expected {(rows,)}: one weight a row")
    if not np.isfinite(w).all() or (w < 0).any():
        first = int(np.flatnonzero(~np.isfinite(w) | (w < 0))[0])
        raise DataError(f"sample_weight must be finite and not negative; row {first} has {w[first]:g}")
    if not w.any():
        raise DataError("Sample weights must contain at least one non-zero number")
    return w


def condition_rows(condition: Any, rows: int, width: int | None = None) -> np.ndarray | None:
    """Return the conditions as finite numbers, (N, c) in float32, or None.

    Parameters
    ----------
    condition : (N, c), or (N,) for a single number a row.
    rows : N.
    width : c of the fit; None is any.

    Raises
    ------
    DataError : there are more or fewer rows than N, another width, or values that are not finite numbers.
    """
    if condition is None:
        if width:
            raise DataError(
                f"this model was fitted with a condition of width {width}; give one: condition=C, (N, {width})"
            )
        return None
    if width == 0:
        raise DataError("this model was fitted without a condition; leave condition out")
    c = check_target(np.asarray(condition).reshape(len(condition), -1), "condition").astype(np.float32)
    if len(c) != rows or (width is not None and c.shape[1] != width):
        raise DataError(f"condition must be of shape ({rows}, {width or 'c'}), got {c.shape}")
    return c


def _refuse_form(X: Any, name: str) -> Any:
    """Return an array or frame; raise for forms that hold more, or other things, than numbers in rows."""
    if isinstance(X, torch.Tensor):
        if X.layout != torch.strided:
            raise TypeError(f"Sparse data was passed for {name}, but dense data is required: {name}.to_dense()")
        X = X.detach().cpu()
        return (X.float() if X.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2) else X).numpy()
    if isinstance(X, np.ma.MaskedArray):
        raise DataError(f"{name} is a masked array; fill or drop what is masked first: {name}.filled(value)")
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "c":
        raise DataError(f"Complex data not supported: {name} holds them; give real and imaginary parts as two columns")
    if isinstance(dtype, np.dtype) and dtype.kind in "mMV":
        what = {"m": "time differences", "M": "dates", "V": "records with fields"}[dtype.kind]
        how = "one column a field" if dtype.kind == "V" else "numbers, such as seconds since a start"
        raise DataError(f"{name} holds {what}; turn them into {how}")
    refuse_nested(X, name)
    return X


def _narrow(x: np.ndarray) -> np.ndarray:
    """Return numbers wider than torch knows, long doubles and integers from 2⁶³ on, as float64."""
    wide = x.dtype.kind == "f" and x.dtype.itemsize > 8
    beyond = x.dtype.kind == "u" and x.dtype.itemsize == 8 and x.size > 0 and int(x.max()) >= 2**63
    return x.astype(np.float64) if wide or beyond else x


def _refuse_order(estimator: BaseEstimator, names: list[str], reset: bool) -> None:
    """Raise if the columns are those of the fit in another order."""
    fitted = None if reset else getattr(estimator, "feature_names_in_", None)
    if fitted is None or sorted(fitted) != sorted(names):
        return
    moved = [(i, old, new) for i, (old, new) in enumerate(zip(fitted, names, strict=True)) if old != new]
    if moved:
        place, old, new = moved[0]
        raise DataError(
            "The feature names should match those that were passed during fit. Feature names must be in the same order "
            f"as they were in fit: column {place} was {old!r} and is {new!r}; reorder: X[model.feature_names_in_]"
        )


def check_finite(X: np.ndarray, names: list[str] | None = None, called: str = "X", *, gaps: bool = False) -> None:
    """Raise `DataError` naming rows and columns if an array, `called` by that name, holds infinity, or NaN.

    Where `gaps` are welcome, NaN is one.
    """
    if X.dtype.kind != "f" or X.size == 0:
        return

    def wrong(block: np.ndarray) -> np.ndarray:
        flat = block.reshape(len(block), -1)
        found: np.ndarray = np.isinf(flat) if gaps else ~np.isfinite(flat)
        return found

    rows = max(1, 2**20 // max(1, math.prod(X.shape[1:])))
    bad = [start + np.flatnonzero(wrong(X[start : start + rows]).any(axis=1)) for start in range(0, len(X), rows)]
    where = np.concatenate(bad)
    if len(where) == 0:
        return
    columns = np.flatnonzero(wrong(X[where]).any(axis=0))
    what, how = "infinity", "drop the rows, or make gaps of the values (NaN)"
    if not gaps:
        what = "NaN" if np.isnan(X[where]).any() else "infinity"
        how = "drop the rows or fill the values in (SimpleImputer)"
    labels = [repr(names[c]) if names and X.ndim == 2 else str(c) for c in columns[:3]]
    raise DataError(
        f"Input {called} contains {what} in {len(where)} of {len(X)} rows: rows {some(where.tolist())}, "
        f"columns {some(labels, len(columns))}; {how}"
    )
