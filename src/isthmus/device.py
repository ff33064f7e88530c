"""Where and in which precision a model computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from .errors import CompositionError, UnknownNameError

__all__ = ["PRECISIONS", "check_precision", "has_bfloat16", "pick_device", "plain_modes"]

PRECISIONS = ("auto", "float32", "bfloat16", "float64")


def pick_device(name: str | torch.device) -> torch.device:
    """Return the device, or that of that name; ``"auto"`` is the first GPU if there is one, else the CPU.

    Raises
    ------
    CompositionError : there is no such device here; the message says which there are.
    """
    here = ["cpu"]
    if torch.cuda.is_available():
        here += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    name = "cpu" if str(name) == "cpu:0" else str(name)
    if name == "auto":
        name = "cuda" if "cuda" in here else "cpu"
    if name not in here:
        raise CompositionError(f"device {name!r} is not there; this machine has {', '.join(here)}")
    return torch.empty(0, device=name).device  # with its number, which a tensor's has and "cuda" has not


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def check_precision(name: str) -> None:
    """Refuse an unknown precision."""
    if name not in PRECISIONS:
        raise UnknownNameError("precision", name, PRECISIONS)


@contextmanager
def plain_modes() -> Iterator[None]:
    """Leave the modes of torch that a caller may be in: inference, no gradients, autocasting.

    All of them belong to a thread; the caller is in them again afterwards.

    >>> with torch.inference_mode(), plain_modes():
    ...     print(torch.ones(1, requires_grad=True).mul(2).requires_grad)
    True
    """
    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        yield
