"""Turns captured as CUDA graphs, so that a GPU does not wait while the kernels of a small model are launched singly.

Vinh Nguyen et al., "Accelerating PyTorch with CUDA Graphs", 2021,
https://pytorch.org/blog/accelerating-pytorch-with-cuda-graphs/.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch

from ..batch import Batch
from ..model import Model
from .compiled import all_own
from .mover import Turn
from .player import Player
from .settings import Training

__all__ = ["Captured", "Take", "can_capture"]

WARM_UP_TURNS = 3
"""Turns of each kind that run uncaptured first: in these, steps are compiled and optimisers allocate their state."""

SYNCHRONISING_WARNING = "called a synchronizing CUDA operation"
"""The words of torch's warning that the processor waited for the device."""


_RECORDING_LOCK = threading.Lock()
"""Held while a turn is recorded: torch can record only one at a time."""


class Take(Protocol):
    """A function that takes the turns that are due on a batch."""

    def __call__(self, due: Sequence[Turn], batch: Batch) -> None: ...


def can_capture(model: Model, players: Sequence[Player], settings: Training, device: torch.device) -> bool:
    """Return whether turns may be captured: on a GPU, if every part is this library's or `capture` is True."""
    optimizers = (player.optimizer or settings.make_optimizer() for player in players)
    allowed = settings.capture is True or all_own(model, *(player.objective for player in players), *optimizers)
    return device.type == "cuda" and settings.capture is not False and allowed


class _Tape(NamedTuple):
    """A recorded turn: the batch that it reads, and the function that replays it."""

    held: Batch
    replay: Callable[[], None]


class Captured:
    """Takes turns; from the fourth turn of a kind on, it replays a recording, which launches all kernels at once.

    Two turns are of one kind if the same players move on batches of the same shape. A recording reads the batch, the
    learning rates and the weights of terms from fixed places in memory and draws from the fit's own generator. Its
    numbers are therefore those of an uncaptured turn. If the processor has to wait for the device during a turn, that
    kind of turn cannot be captured and always runs uncaptured.

    Parameters
    ----------
    take : takes a turn without capture.
    generator : the source of all randomness in the fit.
    loud : whether to warn of turns that cannot be captured.
    """

    def __init__(self, take: Take, generator: torch.Generator, *, loud: bool) -> None:
        self.take, self.generator, self.loud = take, generator, loud
        self.pool: Any = None
        self.failed = False
        self.forget()

    def forget(self) -> None:
        """Drop all recordings, because the tensors that they read and write have been replaced."""
        self.taken: dict[Hashable, int] = {}
        self.tapes: dict[Hashable, _Tape | None] = {}

    def __call__(self, due: Sequence[Turn], batch: Batch) -> None:
        """Take a turn."""
        kind = (*(turn.name for turn in due), batch.x.shape)
        self.taken[kind] = self.taken.get(kind, 0) + 1
        if self.failed or self.taken[kind] < WARM_UP_TURNS:
            self.take(due, batch)
        elif self.taken[kind] == WARM_UP_TURNS:
            if self._waits(due, batch):
                self._refuse(kind, "a part waits for the device")
        else:
            if kind not in self.tapes:
                self._tape(kind, due, batch)
            self._play(self.tapes[kind], due, batch)

    def _play(self, tape: _Tape | None, due: Sequence[Turn], batch: Batch) -> None:
        if tape is None:
            self.take(due, batch)
            return
        for name, held in tape.held.items():
            held.copy_(batch[name])
        tape.replay()

    def _waits(self, due: Sequence[Turn], batch: Batch) -> bool:
        """Take a turn and return whether the processor waited for the device in it."""
        with warnings.catch_warnings(record=True) as caught, _warning_of_waits():
            warnings.simplefilter("always")
            self.take(due, batch)
        waits = [warning for warning in caught if SYNCHRONISING_WARNING in str(warning.message)]
        for warning in caught:
            if warning not in waits:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        return bool(waits)

    def _tape(self, kind: Hashable, due: Sequence[Turn], batch: Batch) -> None:
        held = batch.map(torch.Tensor.clone)
        if self.pool is None:
            self.pool = torch.cuda.graph_pool_handle()
        before = self.generator.get_state()
        try:
            self.tapes[kind] = _Tape(held, _record(lambda: self.take(due, held), self.generator, self.pool, due))
        except RuntimeError as error:
            _recover(self.generator, before)
            self.tapes, self.failed = {}, True  # the recordings draw from a state that the generator no longer uses
            self._refuse(kind, str(error).strip().splitlines()[0])

    def _refuse(self, kind: Hashable, reason: str) -> None:
        self.tapes[kind] = None
        if self.loud:
            warnings.warn(f"the step cannot be captured and runs uncaptured: {reason}", stacklevel=4)


@contextmanager
def _warning_of_waits() -> Iterator[None]:
    """Have torch warn wherever the processor waits for the device."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that this mode may miss some waits
        torch.cuda.set_sync_debug_mode("warn")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _record(work: Callable[[], None], generator: torch.Generator, pool: Any, due: Sequence[Turn]) -> Callable[[], None]:
    """Record work without doing it, and return the function that does it.

    Recordings share one pool of memory. They may, because the results of a turn are kept outside that pool.
    """
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    movers = [mover for turn in due for mover in turn.movers]
    groups = [group for mover in movers for group in mover.optimizer.param_groups if "capturable" in group]
    for group in groups:
        group["capturable"] = True
    try:
        with (
            _RECORDING_LOCK,
            torch.cuda.device(generator.device),
            torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"),
        ):
            work()
    finally:
        for group in groups:
            group["capturable"] = False
    return graph.replay


def _recover(generator: torch.Generator, before: torch.Tensor) -> None:
    """Give the generators back their own states: after a failed capture they still hold the capture's state."""
    device = generator.device
    for broken, state in (
        (generator, before),
        (torch.cuda.default_generators[device.index], torch.cuda.get_rng_state(device)),
    ):
        broken.graphsafe_set_state(torch.Generator(device).set_state(state).graphsafe_get_state())
