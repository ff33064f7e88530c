"""Units: the data's own, and the model's, in which features are of one size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .errors import DataError
from .layout import unit_axis
from .source import Source

__all__ = ["Scaling", "has_gaps", "is_wide", "moments"]

VARIES_FROM = 0.3
"""A feature varies, and is centred, from this share of the largest standard deviation on."""

CONSTANT_BELOW = 1e-12
"""A feature is constant where its standard deviation is at most this share of its mean: that is rounding."""

CONSTANT_SCALE = 1e-4
"""A constant feature's scale is this share of the median standard deviation of those that vary."""


class Scaling(nn.Module):
    r"""The affine map between the data's units and the model's: x_model = (x − shift) / scale.

    A likelihood picks it (`Likelihood.units`). One whose map is another overrides `forward`, `inverse`, `inputs` and
    `log_volume`, and says with `input_shape` what an encoder gets to look at.

    Parameters
    ----------
    shift, scale : broadcastable to one sample.
    shape : the shape of one sample.
    centre : what is taken off an encoder's input, of that shape, in the model's units; None is nothing.
    varying : 1 for a feature that varied in training, 0 for one that did not, of that shape; None is all.
    discrete : whether p(x|z) is a probability, which is the same in any units, and not a density, which is not.

    Attributes
    ----------
    masked : whether an encoder also looks at which entries are observed, beside the values, as it has to where the fit
        met gaps: Pierre-Alexandre Mattei and Jes Frellsen, "MIWAE: Deep Generative Modelling and Imputation of
        Incomplete Data Sets", 2019, https://arxiv.org/abs/1812.02633.
    """

    reads_gaps: ClassVar[bool] = False
    """Whether the map takes NaN, so that a fit need not say beside x which entries are observed."""

    shift: Tensor
    scale: Tensor
    centre: Tensor | None
    varying: Tensor | None

    def __init__(
        self,
        shift: Tensor,
        scale: Tensor,
        shape: tuple[int, ...],
        centre: Tensor | None = None,
        *,
        varying: Tensor | None = None,
        discrete: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)
        self.register_buffer("centre", centre)
        self.register_buffer("varying", varying)
        self.shape, self.discrete, self.masked = shape, discrete, False

    @classmethod
    def identity(cls, shape: tuple[int, ...], scale: float = 1.0, *, discrete: bool = False) -> Scaling:
        """Return the map that only divides by `scale`: 255 for grey values kept as uint8."""
        one = torch.full((), scale, dtype=torch.float64)
        return cls(torch.zeros((), dtype=torch.float64), one, shape, discrete=discrete)

    @classmethod
    def standard(cls, mean: Tensor, std: Tensor, dtype: str = "float64") -> Scaling:
        """Return the map to zero mean and unit variance of all values that share a unit.

        The pixels of a picture do, as do the values of one channel of a series; features of a table do not
        (`isthmus.layout.unit_axis`). A feature or channel that is constant in training has nothing to teach, but if it
        moves later, that is a sure sign of an unusual row. So its scale is small, and a density falls steeply where it
        moves; an encoder does not see it.

        Parameters
        ----------
        mean, std : of the training rows, of the shape of one sample.
        dtype : the data's, by name, which says how coarsely a constant is rounded.
        """
        shape = tuple(mean.shape)
        if mean.ndim > 1:
            own = unit_axis(mean, std)
            shared = [axis for axis in range(mean.ndim) if axis != own]
            spread = mean.var(shared, correction=0, keepdim=own is not None)
            std = (std.square().mean(shared, keepdim=own is not None) + spread).sqrt()
            mean = mean.mean(shared, keepdim=own is not None)
        constant = std <= CONSTANT_BELOW * mean.abs()
        if mean.is_meta or not constant.any():
            return cls(mean, std.clone(), shape)
        rounding = max(10 * CONSTANT_BELOW, 16 * float(np.finfo(dtype).eps) if np.dtype(dtype).kind == "f" else 0.0)
        least = CONSTANT_SCALE * std[~constant].median() if not constant.all() else torch.full_like(std.min(), rounding)
        scale = torch.where(constant, torch.maximum(rounding * mean.abs(), least), std)
        return cls(mean, scale, shape, varying=(~constant).to(mean.dtype).expand(shape).clone())

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of what an encoder looks at: where it sees the mask too, twice the features or the channels."""
        if not self.masked:
            return self.shape
        return (2, *self.shape) if len(self.shape) == 2 else (2 * self.shape[0], *self.shape[1:])

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Map from the data's units to the model's, in the model's dtype.

        The shift is taken off in the data's own precision: a column such as a time in seconds, with a large mean and
        a small spread, would lose its digits otherwise.
        """
        if is_wide(x.dtype):
            return ((x.to(self.shift.dtype) - self.shift) / self.scale).to(dtype)
        return (x.to(dtype) - self.shift.to(dtype)) / self.scale.to(dtype)

    def inputs(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return what an encoder looks at for x in the model's units: x less the mean of what it met in training.

        Its biases could take the mean up, so that the functions are the same; but where all inputs are positive, a
        step moves a unit's sum the same way for every row, and units die of it. Features that hardly vary stay in
        place: what little a mean would leave of them in every row, Adam takes for a gradient like any other, and
        their weights wander until a row where they do vary is far off. Features that are constant, and entries that
        are not observed, are zero.
        """
        x = x if self.centre is None else x - self.centre.to(x.dtype)
        x = x if self.varying is None else torch.where(self.varying > 0, x, 0.0)
        return self.with_mask(x if observed is None else torch.where(observed, x, 0.0), x, observed)

    def with_mask(self, seen: Tensor, x: Tensor, observed: Tensor | None) -> Tensor:
        """Return what is seen of x, with 1 for each observed entry beside it and 0 for the others, if it is masked."""
        if not self.masked:
            return seen
        mask = torch.ones_like(x) if observed is None else observed.to(x.dtype)
        return torch.stack([seen, mask], 1) if len(self.shape) == 2 else torch.cat([seen, mask], 1)

    def inputs_of(self, p: Distribution) -> Tensor:
        """Return what a network looks at for the mean of p(x|z), with its gradients."""
        return self.inputs(p.mean)

    def centre_at(self, met: Tensor, std: Tensor) -> None:
        """Centre an encoder's input at the mean of what it meets, in the data's units, where features vary."""
        std = std / self.scale
        self.centre = torch.where(std >= VARIES_FROM * std.max(), self(met, torch.float64), 0.0)

    def with_room(self, shapes: Mapping[str, tuple[int, ...]]) -> Self:
        """Return the map with room for a saved model's numbers: its data said what shares a unit and what is centred.

        Parameters
        ----------
        shapes : of the model's tensors by name; those that cannot be a sample's are left to whoever reads them.
        """
        for name in ("centre", "varying"):
            if f"scaling.{name}" in shapes:
                setattr(self, name, torch.empty(self.shape, dtype=torch.float64))
        for name in ("shift", "scale") if type(self) is Scaling and len(self.shape) > 1 else ():
            found = shapes.get(f"scaling.{name}", ())
            fits = len(found) == len(self.shape) and all(n in (1, m) for n, m in zip(found, self.shape, strict=True))
            if fits or found == ():
                setattr(self, name, torch.empty(found, dtype=torch.float64))
        return self

    def inverse(self, x: Tensor) -> Tensor:
        """Map from the model's units to the data's, in the precision of the shift."""
        return x * self.scale + self.shift

    def example(self, u: Tensor) -> Tensor:
        """Return samples in the data's units that uniform numbers (N, *shape) stand for, to try a model with."""
        return self.inverse(u)

    def in_data_units(self, log_p: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return the log-densities of rows, of the model's units, as those of the data's.

        Parameters
        ----------
        log_p : (N,).
        x : the rows in the data's units, (N, ...).
        observed : as in `log_volume`.
        """
        return log_p - self.log_volume(observed)

    def drawn(self, x: Tensor, source: Source) -> Tensor:
        """Return what was drawn in the model's units as values in the data's: draws too, where a unit is coarser."""
        return self.inverse(x)

    def log_volume(self, observed: Tensor | None = None) -> Tensor:
        """Return Σᵢ log scaleᵢ, by which a log-density in the model's units exceeds the one in the data's; or 0.

        Parameters
        ----------
        observed : the entries that the density is of, (N, ...), which make it one value a row; None is all.
        """
        if self.discrete:
            return torch.zeros_like(self.scale.sum())
        if observed is not None:
            return torch.where(observed, torch.log(self.scale), 0.0).flatten(1).sum(1)
        return torch.log(self.scale).sum() * (math.prod(self.shape) / self.scale.numel())


def is_wide(dtype: torch.dtype) -> bool:
    """Return whether numbers of that type may have more digits than float32 keeps: float64, and integers of 32 bits.

    >>> is_wide(torch.int32), is_wide(torch.uint8), is_wide(torch.float32)
    (True, False, False)
    """
    return dtype == torch.float64 or (not dtype.is_floating_point and dtype.itemsize >= 4)


def has_gaps(X: np.ndarray) -> bool:
    """Return whether an array holds NaN, without a copy of it."""
    return X.dtype.kind == "f" and bool(np.isnan(np.min(X, initial=0.0)))


def moments(X: np.ndarray, rows: np.ndarray, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance over the chosen rows, in float64, a block at a time so that no copy of X is made.

    What is NaN is not observed, and does not count.

    Parameters
    ----------
    X : (N, ...).
    rows : which rows.
    weight : how much each row of X counts, (N,); None is all the same.
    """
    size = max(1, 2**20 // max(1, math.prod(X.shape[1:])))
    blocks = [rows[start : start + size] for start in range(0, len(rows), size)]
    weights = [None if weight is None else weight[block].reshape(-1, *[1] * (X.ndim - 1)) for block in blocks]
    gaps = has_gaps(X)
    count: float | np.ndarray = len(rows) if weight is None else float(weight[rows].sum())
    if gaps:
        count = sum(((~np.isnan(X[b])) * (1 if w is None else w)).sum(0) for b, w in zip(blocks, weights, strict=True))
        count = np.maximum(count, np.finfo(np.float64).tiny)
    total = np.zeros(X.shape[1:])
    for block, w in zip(blocks, weights, strict=True):
        x = np.nan_to_num(X[block]) if gaps else X[block]
        total += x.sum(axis=0, dtype=np.float64) if w is None else (w * x).sum(axis=0)
    mean = total / count
    squares = np.zeros(X.shape[1:])
    with np.errstate(over="ignore"):
        for block, w in zip(blocks, weights, strict=True):
            deviations = np.square(X[block] - mean)
            deviations = np.where(np.isnan(deviations), 0.0, deviations) if gaps else deviations
            squares += (deviations if w is None else w * deviations).sum(axis=0)
    if not np.isfinite(squares).all():
        where = ", ".join(str(i) for i in np.argwhere(~np.isfinite(squares))[0])
        raise DataError(f"column {where} has values too large to be squared in float64; rescale X")
    return mean, squares / count
