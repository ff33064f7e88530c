"""Matrix products in which the bits of a row's result do not depend on its position in the block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.nn.functional import linear, pad
from torch.overrides import TorchFunctionMode

__all__ = ["AnyPlace"]

_STEP = 16


class AnyPlace(TorchFunctionMode):
    """In this context, linear layers pad their rows and columns with zeros to a multiple of 16 numbers.

    The rounding of a BLAS depends on where a row starts in memory, unless every row is aligned with a full vector: 16
    numbers are 64 bytes or more. The padding adds exact zeros.
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
