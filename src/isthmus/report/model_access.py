"""What the report asks of a fitted model beyond its public methods: the one file that knows an estimator's insides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from ..corruption import AnySubset
from ..data.output import of_arrays
from ..errors import DataError
from ..fitted import Fitted
from ..persistence import resolved
from ..posterior import DiagonalGaussian
from ..prior import StandardNormal
from ..source import Generated

__all__ = [
    "check_rows",
    "decoder_of",
    "feature_names",
    "first_layer_networks",
    "has_evidence_bound",
    "has_prior",
    "nameless",
    "numbers_of_rows",
    "prior_draws",
    "scores_bound_the_evidence",
    "settings",
    "told",
    "units_have_divergences",
    "weight_count",
]


def check_rows(model: Any, X: Any) -> np.ndarray:
    """Return rows as the model takes them; a `DataError` says what is wrong with them."""
    rows, reads_gaps = Fitted(model).rows(X), Fitted(model).model.scaling.reads_gaps
    if reads_gaps:
        return rows
    gaps = np.isnan(rows.reshape(len(rows), -1)).any(axis=1) if rows.dtype.kind == "f" else np.zeros(0)
    if gaps.any():
        raise DataError(
            f"a report is of rows without gaps, and {gaps.sum()} of {len(rows)} have some; leave these rows out, or "
            "fill the gaps in before"
        )
    return rows


def numbers_of_rows(model: Any, X: Any) -> np.ndarray:
    """Return rows in the form of the data as numbers."""
    return Fitted(model).rows(X)


def told(model: Any, X: Any, condition: Any) -> Any:
    """Return the condition of rows as a `nameless` model takes it."""
    fitted = Fitted(model)
    return fitted.told(X, condition, len(fitted.rows(X)))


def nameless(model: Any) -> Any:
    """Return the model without the names of its columns: it takes arrays of a frame's rows, and gives arrays back."""
    return of_arrays(model)


def decoder_of(model: Any, condition: Any = None) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the map from codes to rows in the data's units, under one condition.

    None where there is none, or where a code merely holds what is seen of a row, as it does if entries are hidden.
    """
    if isinstance(Fitted(model).model.corruption, AnySubset):
        return None
    decode: Callable[..., np.ndarray] | None = getattr(model, "inverse_transform", getattr(model, "generate", None))
    return decode if decode is None or condition is None else partial(decode, condition=condition)


def has_prior(model: Any) -> bool:
    """Whether codes can be drawn."""
    return Fitted(model).model.prior is not None


def prior_draws(model: Any, n: int, seed: int) -> np.ndarray:
    """Return n codes from the prior, (n, d)."""
    module = Fitted(model).model
    source = Generated(torch.Generator(module.device).manual_seed(seed))
    with torch.no_grad():
        z: np.ndarray = module.prior_codes(n, source).cpu().numpy()
    return z


def scores_bound_the_evidence(model: Any) -> bool:
    """Whether scores are an importance-weighted bound on log p(x), with draws."""
    return hasattr(model, "model_") and "density" in Fitted(model).abilities  # PCA has no composition


def has_evidence_bound(model: Any) -> bool:
    """Whether the posterior has a density, so that the evidence bound exists."""
    module = Fitted(model).model
    return module.has_density and module.prior is not None


def units_have_divergences(model: Any) -> bool:
    """Whether posterior and prior have independent normal units, so that each unit has a divergence of its own."""
    return isinstance(model.prior_, StandardNormal) and isinstance(model.posterior_, DiagonalGaussian)


def first_layer_networks(model: Any) -> dict[str, nn.Module]:
    """Return the networks by name, of which those that look at data have a first layer to be seen as pictures."""
    return dict(Fitted(model).model.networks.items())


def weight_count(model: Any) -> int:
    """Return how many numbers training could move, in all networks."""
    return sum(p.numel() for p in Fitted(model).model.parameters())


def feature_names(model: Any, X: Any = None) -> list[str] | None:
    """Return the names of a table's columns as they were fitted, or as X names them; None where they have none."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = getattr(X, "columns", None)
    return None if names is None else [str(name) for name in names]


def settings(model: Any) -> dict[str, Any]:
    """Return every argument that has a value, and what ``"auto"`` and names were resolved to."""
    given = {name: value for name, value in model.get_params(deep=False).items() if value is not None}
    return given | {name.rstrip("_"): value for name, value in resolved(model).items()}
