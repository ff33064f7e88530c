"""Units: the data's own, and the model's, in which features are of one size."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from .errors import DataError

__all__ = ["Scaling", "moments"]


class Scaling(nn.Module):
    r"""The affine map between the data's units and the model's: x_model = (x − shift) / scale.

    Parameters
    ----------
    shift, scale : broadcastable to one sample; a constant feature has scale 1.
    shape : the shape of one sample.
    centre : what is taken off an encoder's input, of that shape, in the model's units; None is nothing.
    """

    shift: Tensor
    scale: Tensor
    centre: Tensor | None

    def __init__(self, shift: Tensor, scale: Tensor, shape: tuple[int, ...], centre: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)
        self.register_buffer("centre", centre)
        self._size = math.prod(shape)

    @classmethod
    def identity(cls, shape: tuple[int, ...], scale: float = 1.0) -> Scaling:
        """Return the map that only divides by `scale`: 255 for grey values kept as uint8."""
        return cls(torch.zeros((), dtype=torch.float64), torch.full((), scale, dtype=torch.float64), shape)

    @classmethod
    def standard(cls, mean: np.ndarray, variance: np.ndarray) -> Scaling:
        """Return the map to zero mean and unit variance: a feature at a time for rows, as a whole for images.

        Pixels share one scale, since they share one unit; features of a table do not. A constant feature keeps its
        size: its scale is 1.
        """
        shape = mean.shape
        if mean.ndim > 1:
            mean, variance = mean.mean(), variance.mean() + mean.var()
        std = np.sqrt(variance)
        std = np.where(std <= 1e-12 * np.maximum(np.abs(mean), 1e-30), 1.0, std)
        return cls(torch.as_tensor(mean), torch.as_tensor(std), shape)

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Map from the data's units to the model's, in the model's dtype.

        The shift is taken off in the data's own precision: a column such as a time in seconds, with a large mean and
        a small spread, would lose its digits otherwise.
        """
        if x.dtype in (torch.float64, torch.int64):
            return ((x - self.shift) / self.scale).to(dtype)
        return (x.to(dtype) - self.shift.to(dtype)) / self.scale.to(dtype)

    def centred(self, x: Tensor) -> Tensor:
        """Return what an encoder looks at for x in the model's units: x less the mean of what it met in training.

        Its biases could take the mean up, so that the functions are the same; but where all inputs are positive, a
        step moves a unit's sum the same way for every row, and units die of it. Features that hardly vary stay as
        they are: what little a mean would leave of them in every row, Adam takes for a gradient like any other, and
        their weights wander until a row where they do vary is far off.
        """
        return x if self.centre is None else x - self.centre.to(x.dtype)

    def inverse(self, x: Tensor) -> Tensor:
        """Map from the model's units to the data's, in the precision of the shift."""
        return x * self.scale + self.shift

    def log_volume(self) -> Tensor:
        """Return Σᵢ log scaleᵢ: what a log-density in the model's units loses in the data's."""
        return torch.log(self.scale).sum() * (self._size / self.scale.numel())


def moments(X: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance over the chosen rows, in float64, a block at a time so that no copy of X is made."""
    size = max(1, 2**20 // max(1, math.prod(X.shape[1:])))
    blocks = [rows[start : start + size] for start in range(0, len(rows), size)]
    total = np.zeros(X.shape[1:])
    for block in blocks:
        total += X[block].sum(axis=0, dtype=np.float64)
    mean = total / len(rows)
    squares = np.zeros(X.shape[1:])
    with np.errstate(over="ignore"):
        for block in blocks:
            squares += np.square(X[block] - mean).sum(axis=0)
    if not np.isfinite(squares).all():
        where = ", ".join(str(i) for i in np.argwhere(~np.isfinite(squares))[0])
        raise DataError(f"column {where} has values too large to be squared in float64; rescale X")
    return mean, squares / len(rows)
