"""Seeds: torch's own random state for a while, and generators of a scikit-learn style random state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from sklearn.utils import check_random_state

from .typing import RandomState

__all__ = ["generator_for", "seeded"]


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's own generators of the CPU and of that device for a while; the global state comes back afterwards.

    The weights of networks are drawn from them, and a user's dropout layer draws from them in the fit.
    """
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def generator_for(random_state: RandomState, device: torch.device) -> torch.Generator:
    """Return a torch generator seeded from a scikit-learn style random state."""
    return torch.Generator(device).manual_seed(int(check_random_state(random_state).randint(2**31)))
