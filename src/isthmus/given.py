"""What a fit is given: the rows, what is known of them, and what the machine makes of the arguments left open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .data import Column
from .device import has_bfloat16
from .errors import DataError
from .facts import Facts
from .scaling import Scaling, has_gaps, moments

__all__ = [
    "Given",
    "batch_size_for",
    "corruption_width_of",
    "facts_of",
    "precision_for",
    "share_held_out",
    "split",
    "units_of",
]

BFLOAT16_FROM_WEIGHTS = 2**18
"""The number of weights from which bfloat16 pays."""


@dataclass(frozen=True)
class Given:
    """The arrays of a fit, one row a sample.

    Attributes
    ----------
    x : what the model is to bring back, (N, ...).
    noisy : real noisy partners, or None.
    condition : (N, c), or None.
    weight : how much each row counts, (N,), or None.
    columns : what is known of each column of rows, or None.
    own : arrays of a system's own by name, such as labels, which its terms find in the batch.
    """

    x: np.ndarray
    noisy: np.ndarray | None = None
    condition: np.ndarray | None = None
    weight: np.ndarray | None = None
    columns: tuple[Column, ...] | None = None
    own: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def gaps(self) -> bool:
        """Whether entries of x are not observed, which are NaN."""
        return has_gaps(self.x)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that are there, by name."""
        named = {"x": self.x, "noisy": self.noisy, "condition": self.condition, "weight": self.weight}
        return {name: array for name, array in (named | dict(self.own)).items() if array is not None}

    def with_gaps_told(self, mean: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays, and which entries of x are observed where some are not; these hold the mean."""
        if not self.gaps:
            return self.arrays()
        observed = ~np.isnan(self.x)
        return self.arrays() | {"x": np.where(observed, self.x, mean.astype(self.x.dtype)), "observed": observed}

    def counted(self) -> Given:
        """Return the rows whose weight is not zero: a row that does not count is as good as one that is not there."""
        if self.weight is None or self.weight.all():
            return self
        counting = {name: array[self.weight > 0] for name, array in self.arrays().items()}
        own = {name: counting.pop(name) for name in self.own}
        return Given(**counting, columns=self.columns, own=own)


def facts_of(given: Given, rows: np.ndarray) -> Facts:
    """Return what is known of the data before anything is chosen; the width of the code is chosen last."""
    x = given.x
    mean, variance = moments(x, rows, given.weight)
    bounds = (float(np.nanmin(x)), float(np.nanmax(x)))
    return Facts(
        shape=tuple(x.shape[1:]),
        latent_dim=0,
        condition=0 if given.condition is None else given.condition.shape[1],
        rows=len(rows),
        mean=torch.as_tensor(mean),
        std=torch.as_tensor(np.sqrt(variance)),
        bounds=bounds,
        binary=_is_binary(x, bounds),
        dtype=x.dtype.name,
        columns=given.columns,
        gaps=given.gaps,
        entry=lambda i: (x.reshape(len(x), -1)[:, i], given.weight),
    )


def _is_binary(x: np.ndarray, bounds: tuple[float, float]) -> bool:
    """Return whether every value is 0 or 1; or 0 or 255 in pictures of uint8."""
    white = 255 if x.dtype == np.uint8 and x.ndim > 2 and bounds[1] > 1 else 1
    if not set(bounds) <= {0, white}:
        return False
    size = max(1, 2**20 // max(1, math.prod(x.shape[1:])))
    blocks = (x[start : start + size] for start in range(0, len(x), size))
    return all(bool(((block == 0) | (block == white) | (block != block)).all()) for block in blocks)


HELD_OUT_SHARE, HELD_OUT_FROM_ROWS = 0.1, 100
"""The share of rows that "auto" holds out, and from how many rows on."""


def share_held_out(estimator: Any, n: int) -> float:
    """Return the share of n rows that a fit holds out: a tenth of a hundred or more for "auto", none of fewer."""
    if estimator.validation_fraction != "auto":
        return float(estimator.validation_fraction)
    return HELD_OUT_SHARE if n >= HELD_OUT_FROM_ROWS else 0.0


def split(n: int, validation_fraction: float, seed: int) -> tuple[Tensor, Tensor | None]:
    """Return the rows to train on and those held out."""
    if not validation_fraction:
        return torch.arange(n), None
    held_out = max(1, round(n * validation_fraction))
    if held_out > n - 2:
        raise DataError(f"validation_fraction={validation_fraction} of {n} rows leaves fewer than 2 to train on")
    order = torch.as_tensor(np.random.default_rng(seed).permutation(n))
    return order[held_out:].sort().values, order[:held_out].sort().values


def precision_for(estimator: Any, model: nn.Module, device: torch.device) -> str:
    """Return the precision of a fit: bfloat16 for wide networks where the hardware has it, unless it is given."""
    if estimator.precision != "auto":
        return str(estimator.precision)
    wide = sum(p.numel() for p in model.parameters()) >= BFLOAT16_FROM_WEIGHTS
    return "bfloat16" if wide and has_bfloat16(device) else "float32"


def batch_size_for(estimator: Any, n: int) -> int:
    """Return the rows a step of a fit on n rows: those that suit the system, unless they are given."""
    return int(estimator.auto_batch_size(n) if estimator.batch_size == "auto" else estimator.batch_size)


def corruption_width_of(estimator: Any) -> int:
    """Return the width of the condition that the estimator's corruption returns."""
    return int(getattr(estimator.corruption_, "condition_width", 0))


def units_of(estimator: Any, facts: Facts) -> Scaling:
    """Return the units that the likelihood picks, or those of the data where the estimator's `scaling` says so."""
    likelihood, automatic = estimator.likelihood_, estimator.scaling == "auto"
    if likelihood is not None:
        scaling: Scaling = likelihood.units(facts) if automatic else likelihood.plain_units(facts)
    elif automatic and facts.mean is not None and facts.std is not None:
        scaling = Scaling.standard(facts.mean, facts.std, facts.dtype)
    else:
        scaling = Scaling.identity(facts.shape)
    scaling.masked = facts.gaps and not scaling.reads_gaps and not estimator.tied
    return scaling
