"""Named types of public arguments.

Rows, codes, labels, weights and conditions are `ArrayLike`: an array, a tensor, a memory map, a nested sequence of
numbers, or a frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["ArrayLike", "RandomState"]

RandomState = int | np.random.RandomState | np.random.Generator | None
"""A seed, a generator of numbers, or None for a different result at every call."""
