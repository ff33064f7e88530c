"""Seeds: torch's own generators within a fit, and generators from a scikit-learn style random state.

The weights of networks are drawn from torch's own generators; so are the masks of dropout layers. These generators
belong to the whole process. A fit therefore borrows them only while something may draw, and fits in several threads
take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from .typing import RandomState

__all__ = ["TorchRandom", "drawn_seed", "generator_for", "undisturbed"]

_TURN = threading.RLock()
"""Held by the thread that has borrowed torch's own generators."""


class TorchRandom:
    """The random numbers that one fit draws from torch's own generators, of the CPU and of its device.

    Parameters
    ----------
    seed : the seed of both generators.
    device : the device of the fit.

    Attributes
    ----------
    states : the states of the generators by type of device, for the next time that they are lent.

    >>> before, cpu = torch.get_rng_state(), torch.device("cpu")
    >>> a, b = TorchRandom(0, cpu), TorchRandom(0, cpu)
    >>> with a.lent():
    ...     first = torch.rand(2)
    >>> with b.lent():
    ...     both = torch.rand(4)
    >>> with a.lent():
    ...     second = torch.rand(2)
    >>> bool((torch.cat([first, second]) == both).all()), torch.equal(torch.get_rng_state(), before)
    (True, True)
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        places = {place.type: place for place in (torch.device("cpu"), device) if place.type in ("cpu", "cuda")}
        self.states: Mapping[str, Tensor] = {
            name: torch.Generator(place).manual_seed(seed).get_state() for name, place in places.items()
        }

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let torch draw these numbers in this context; other fits wait. Torch's own states are restored afterwards."""
        with undisturbed(self._device):
            torch.set_rng_state(self.states["cpu"])
            if "cuda" in self.states:
                torch.cuda.set_rng_state(self.states["cuda"], self._device)
            try:
                yield
            finally:
                self.states = {"cpu": torch.get_rng_state()}
                if self._device.type == "cuda":
                    self.states |= {"cuda": torch.cuda.get_rng_state(self._device)}


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """Restore the states of torch's own generators, of the CPU and of that device, afterwards."""
    with _TURN, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def drawn_seed(random_state: RandomState) -> int:
    """Draw a seed from a scikit-learn style random state or a NumPy generator, below 2³¹.

    >>> drawn_seed(0) == drawn_seed(np.random.RandomState(0))
    True
    >>> drawn_seed(np.random.default_rng(0)) == drawn_seed(np.random.default_rng(0))
    True
    """
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(check_random_state(random_state).randint(2**31))


def generator_for(random_state: RandomState, device: torch.device) -> torch.Generator:
    """Return a torch generator seeded from a scikit-learn style random state or a NumPy generator."""
    return torch.Generator(device).manual_seed(drawn_seed(random_state))
