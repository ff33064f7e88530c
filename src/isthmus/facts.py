"""What is known of the data when a model is put together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor
from torch.distributions import Distribution

if TYPE_CHECKING:
    from .data import Column

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """What a part may know of the data when its module is built.

    What a module's shape depends on (the first four, `columns` and `gaps`) is known when a saved model is loaded, too;
    what only its first values depend on is not, and is None then.

    Attributes
    ----------
    shape : the shape of one sample, in the data's own form: ``(n,)``, ``(H, W)``, ``(C, H, W)``, ...
    latent_dim : d, the width of the code.
    condition : the width of the condition c that comes with every row, 0 without one.
    rows : the number of rows that are trained on.
    mean, std : the training mean and standard deviation in the data's units, of shape `shape`.
    bounds : the least and the largest value.
    binary : whether every value is 0 or 1, or, in pictures kept as uint8, black or white.
    dtype : the data's NumPy dtype, by name.
    centre : the training mean in the model's units, once these are chosen.
    encode : x ↦ q(z|x), for a prior that is made of the posterior.
    columns : what is known of each column of rows, (n,), of a table or of an array; None for pictures and series.
    gaps : whether entries of the training rows are not observed.
    entry : i ↦ the values of entry i of the flattened samples, (N,), and how much each row counts, (N,) or None, those
        that are held out included: for a part whose shape depends on values. It keeps what it learnt among its own
        arguments.
    """

    shape: tuple[int, ...]
    latent_dim: int
    condition: int = 0
    rows: int = 0
    mean: Tensor | None = None
    std: Tensor | None = None
    bounds: tuple[float, float] | None = None
    binary: bool = False
    dtype: str = "float32"
    centre: Tensor | None = None
    encode: Callable[[Tensor], Distribution] | None = None
    columns: tuple[Column, ...] | None = None
    gaps: bool = False
    entry: Callable[[int], tuple[np.ndarray, np.ndarray | None]] | None = None

    @property
    def features(self) -> int:
        """The number of values of one sample."""
        return math.prod(self.shape)
