"""Where and in which precision a model computes."""

from __future__ import annotations

import torch

from .errors import CompositionError, UnknownNameError

__all__ = ["PRECISIONS", "check_precision", "has_bfloat16", "pick_device"]

PRECISIONS = ("auto", "float32", "bfloat16", "float64")


def pick_device(name: str) -> torch.device:
    """Return the device of that name; ``"auto"`` is the first GPU if there is one, else the CPU.

    Raises
    ------
    CompositionError : there is no such device here; the message says which there are.
    """
    here = ["cpu"]
    if torch.cuda.is_available():
        here += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    if name == "auto":
        name = "cuda" if "cuda" in here else "cpu"
    if str(name) not in here:
        raise CompositionError(f"device {str(name)!r} is not there; this machine has {', '.join(here)}")
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
