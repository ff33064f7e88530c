"""Matrix products that give a row the same bits in whatever place of a block it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.nn.functional import linear, pad
from torch.overrides import TorchFunctionMode

__all__ = ["AnyPlace"]

_STEP = 16


class AnyPlace(TorchFunctionMode):
    """While entered, linear layers see rows and columns filled up with zeros to a multiple of 16 numbers.

    A BLAS rounds a row by where it starts in memory, unless every row starts at a full vector: 16 numbers are 64 bytes
    or more. What is added is exactly zero.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is not linear or kwargs or len(args) != 3 or args[2] is None:
            return func(*args, **(kwargs or {}))
        x, W, b = args
        rows, columns = -W.shape[0] % _STEP, -W.shape[1] % _STEP
        if not (rows or columns):
            return func(x, W, b)
        out = linear(pad(x, (0, columns)), pad(W, (0, columns, 0, rows)), pad(b, (0, rows)))
        return out[..., : W.shape[0]]
