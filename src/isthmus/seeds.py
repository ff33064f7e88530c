"""Seeds: torch's own generators as one fit has them, and generators of a scikit-learn style random state.

The weights of networks are drawn from torch's own generators, and so does a user's dropout layer draw in a fit. They
belong to the whole process, so a fit only borrows them, for as long as something may draw, and fits in several threads
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
"""Held by the thread that has torch's own generators."""


class TorchRandom:
    """The random numbers that one fit draws from torch's own generators, of the CPU and of its device.

    Parameters
    ----------
    seed : where they begin.
    device : of the fit.

    Attributes
    ----------
    states : the states of the generators, by the kind of device, when they are lent next.

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
        """Have torch draw these numbers for a while; other fits wait, and torch's own states come back afterwards."""
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
    """Put torch's own generators, of the CPU and of that device, back into their states afterwards."""
    with _TURN, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def drawn_seed(random_state: RandomState) -> int:
    """Draw a seed from a scikit-learn style random state or a NumPy generator, below 2³¹.

    >>> drawn_seed(0) == drawn_seed(np.random.RandomState(0)), drawn_seed(np.random.default_rng(0))
    (True, 1826701614)
    """
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(check_random_state(random_state).randint(2**31))


def generator_for(random_state: RandomState, device: torch.device) -> torch.Generator:
    """Return a torch generator seeded from a scikit-learn style random state or a NumPy generator."""
    return torch.Generator(device).manual_seed(drawn_seed(random_state))
