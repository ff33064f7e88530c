"""Rows through a model a block at a time, such that a row has its own bits in whatever company it comes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from .placing import AnyPlace

__all__ = ["BLOCK_ROWS", "block_rows", "fewest_rows", "values_at_once"]

BLOCK_ROWS = 256
"""Rows go through a fitted model in blocks of exactly this size, the last one filled up, so that a row's result does
not depend, to the bit, on how many others came with it."""

BLOCK_DRAWS = 1024
"""Rows times draws of a block in which every row is drawn for more than once, on a CPU, and again at least
`LEAST_ROWS` rows: a filled-up row costs as much as a real one."""

LEAST_ROWS = 4

FEW_ROWS = (1, 4, 16, 64)
"""Sizes of smaller blocks, which few rows go through where they get the same bits in them."""

TRIED_ROWS = 64
"""Rows whose bits are compared: many, since a sum in another order often rounds to the same."""

GPU_BLOCK_VALUES = 2**22
"""Values that a GPU is given at once: enough to keep it busy."""

_TRIED: WeakKeyDictionary[nn.Module, dict[Hashable, list[tuple[int, bool]]]] = WeakKeyDictionary()


def block_rows(device: torch.device, features: int, draws: int = 1) -> int:
    """Return how many rows go through at once: whatever their number, so that a row has its own bits."""
    if device.type == "cpu":
        fitting = BLOCK_ROWS if draws == 1 else 1 << max(1, BLOCK_DRAWS // draws).bit_length() - 1
        return max(LEAST_ROWS, min(BLOCK_ROWS, fitting))
    fitting = GPU_BLOCK_VALUES // (draws * features)
    return max(BLOCK_ROWS, min(32 * BLOCK_ROWS, 1 << max(0, fitting.bit_length() - 1)))


def fewest_rows(
    model: nn.Module,
    called: Hashable,
    rows: int,
    f: Callable[..., Tensor],
    example: Callable[[], Sequence[Tensor | None]],
) -> tuple[int, bool]:
    """Return the size of the smallest block for that many rows in which a row has the bits of a full block, and in
    which way: whether it goes through as it is, or under `AnyPlace`, as full blocks do.

    In which order a matrix product sums depends on its shape, on the machine and on the number of threads, but not on
    the numbers. So it is tried, once for each function of a model: `TRIED_ROWS` random rows go through it in a full
    block and in smaller ones, and the sizes that give them the same bits are kept.

    Parameters
    ----------
    model : whose function f is.
    called : what the order may depend on besides the model and the size: a name for f, shapes, dtypes.
    rows : how many there are.
    f : maps a block to a tensor with one row each.
    example : makes what f is given for a full block of random rows.
    """
    tried, key = _TRIED.setdefault(model, {}), (called, torch.get_num_threads())
    if key not in tried:
        full = example()
        with AnyPlace():
            whole = f(*full)

        def same(start: int, size: int, plain: bool) -> bool:
            block = (None if t is None else t[start : start + size].clone() for t in full)
            with nullcontext() if plain else AnyPlace():
                return torch.equal(f(*block), whole[start : start + size])

        ways = [(size, plain) for size in FEW_ROWS for plain in (True, False)]
        tried[key] = [way for way in ways if all(same(start, *way) for start in range(0, TRIED_ROWS, way[0]))]
    return next((way for way in tried[key] if way[0] >= rows), (BLOCK_ROWS, False))


def values_at_once(device: torch.device) -> int:
    """Return how many values a decoder had best return at once: what stays in a CPU's cache, what fills a GPU."""
    return 2**20 if device.type == "cpu" else 2**26
