"""Steps compiled: a step is traced once, with its draws lifted out, and the trace handed to `torch.compile`.

The trace holds forward pass, backward pass and penalties on gradients alike. Random numbers are drawn outside, by the
same generator in the same order, so that a compiled fit sees the very draws of one that is not.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

from ..model import Batch, Model
from ..objective import Objective
from ..parts import Part
from .player import Player
from .settings import Training
from .step import Step, gradients

__all__ = ["REPAID", "REPAID_SECONDS", "all_own", "compiled", "pays"]

REPAID = {"cpu": 1_500_000, "cuda": 20_000_000}
"""Rows a fit must visit until compiling has paid for itself, by measurement: see docs/benchmarks.md."""

REPAID_SECONDS = 600.0
"""The least budget of time in which compiling pays for itself."""

_DRAWS = (torch.randn, torch.rand, torch.randint)
"""What is lifted out of a trace: draws that depend on nothing but their arguments."""

_UNGUARDED: Any = getattr(torch.compiler, "skip_all_guards_unsafe", None)
"""Spares each step a look at everything that the trace holds for: the key below holds it. Absent from older torch."""

_CACHE: dict[str, Callable[..., Any]] = {}
"""Compiled traces by their code, the shapes and the threads they hold for; fits of one shape share one."""

Draw = tuple[Callable[..., Tensor], tuple[Any, ...], dict[str, Any]]


class _Recording(TorchFunctionMode):
    """Takes note of every draw from a generator."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[Draw] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(kwargs.get("generator"), torch.Generator):
            if func not in _DRAWS:
                raise NotImplementedError(f"{func} draws in a way that cannot be lifted out")
            self.draws.append((func, args, {k: v for k, v in kwargs.items() if k != "generator"}))
        return func(*args, **kwargs)


class _Replaying(TorchFunctionMode):
    """Answers every draw from a generator with one that was made before."""

    def __init__(self, drawn: Sequence[Tensor]) -> None:
        super().__init__()
        self.drawn = iter(drawn)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        return next(self.drawn) if isinstance(kwargs.get("generator"), torch.Generator) else func(*args, **kwargs)


class _Whole(nn.Module):
    """A model and what it is trained for, as one module, so that its weights can be arguments of the trace."""

    def __init__(self, model: Model, objective: Objective, moving: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self.moving = moving

    def forward(
        self, batch: Batch, generator: torch.Generator, weights: Mapping[str, Tensor]
    ) -> tuple[Sequence[Tensor | None], dict[str, Tensor]]:
        here = dict(self.model.named_parameters())
        return gradients(self.model, self.objective, [here[n] for n in self.moving], batch, generator, weights)


def all_own(model: Model, *parts: Part) -> bool:
    """Return whether every part is this library's or torch's, so that what a step does may be taken down once for all.

    A user's own function may do something else every time it is called, which a trace or a capture would not see.
    """
    found = [*parts, model.posterior, model.corruption]
    inner = [value for part in parts for value in part.get_params().values()]
    things = [*model.modules(), *(p for p in (*found, *inner) if isinstance(p, Part | nn.Module) or callable(p))]
    return all(type(thing).__module__.partition(".")[0] in ("isthmus", "torch") for thing in things)


def pays(model: Model, player: Player, visits: int, settings: Training) -> bool:
    """Return whether compiling a player's step is repaid by a fit that visits so many rows, and can be done."""
    kind = next(model.parameters()).device.type
    if kind not in REPAID or (kind == "cpu" and not any(map(shutil.which, ("g++", "clang++", "cl")))):
        return False
    long = visits // player.every >= REPAID[kind] and (settings.max_time or REPAID_SECONDS) >= REPAID_SECONDS
    return long and all_own(model, player.objective)


def compiled(
    model: Model, objective: Objective, parameters: Sequence[nn.Parameter], eager: Step, *, loud: bool
) -> Step:
    """Return a step that is compiled at its first batch and holds for batches of that shape; others go through `eager`.

    So does every batch where the step cannot be traced (it looks at its data, or draws without a generator) or the
    compiler fails; `loud` warns of it.
    """
    of = {id(parameter): name for name, parameter in model.named_parameters()}
    whole = _Whole(model, objective, [of[id(parameter)] for parameter in parameters])
    state = {**dict(model.named_parameters(prefix="model")), **dict(model.named_buffers(prefix="model"))}
    shape: Any = None
    draws: list[Draw] = []
    run: Any = None

    def step(
        batch: Batch, generator: torch.Generator, weights: Mapping[str, float | Tensor]
    ) -> tuple[Sequence[Tensor | None], dict[str, Tensor]]:
        nonlocal shape, draws, run
        values = _tensors(weights, batch.x.device, model.dtype)
        if shape is None:
            shape, before = batch.x.shape, generator.get_state()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # the compiler's own imports are deprecated in places
                    draws, run = _trace(whole, state, batch, generator, values)
                    return _run(run, state, batch, draws, generator, values)
            except (RuntimeError, NotImplementedError) as error:
                run = None
                generator.set_state(before)
                if loud:
                    reason = str(error).strip().splitlines()[0]
                    warnings.warn(f"the step cannot be compiled and is taken as it is: {reason}", stacklevel=2)
        if run is None or batch.x.shape != shape:
            return eager(batch, generator, weights)
        return _run(run, state, batch, draws, generator, values)

    return step


@torch.no_grad()
def _run(
    run: Callable[..., Any],
    state: Mapping[str, Tensor],
    batch: Batch,
    draws: Sequence[Draw],
    generator: torch.Generator,
    weights: Mapping[str, Tensor],
) -> tuple[Sequence[Tensor | None], dict[str, Tensor]]:
    """Make the draws and run the compiled rest."""
    drawn = [draw(*args, **kwargs, generator=generator) for draw, args, kwargs in draws]
    moved, sums = run(state, batch, drawn, weights)
    return moved, sums


def _tensors(weights: Mapping[str, float | Tensor], device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: value if isinstance(value, Tensor) else torch.full((), value, device=device, dtype=dtype)
        for name, value in weights.items()
    }


def _trace(
    whole: _Whole, state: dict[str, Tensor], batch: Batch, generator: torch.Generator, values: dict[str, Tensor]
) -> tuple[list[Draw], Callable[..., Any]]:
    """Return the draws of a step and the compiled rest of it; neither weights nor generator move."""
    aside = {name: value.detach().clone().requires_grad_(value.requires_grad) for name, value in state.items()}
    with _Recording() as recording, _left_alone(generator):
        functional_call(whole, aside, (batch, generator, values))
    with _left_alone(generator):
        drawn = [draw(*args, **kwargs, generator=generator) for draw, args, kwargs in recording.draws]

        def replayed(tensors: Any, batch: Batch, drawn: Any, values: Any) -> Any:
            with _Replaying(drawn):
                return functional_call(whole, tensors, (batch, generator, values))

        trace = make_fx(replayed)(aside, batch, drawn, values)
    _refuse_hidden_draws(trace)
    return recording.draws, _compile(trace, aside, batch)


@contextmanager
def _left_alone(generator: torch.Generator) -> Iterator[None]:
    """Leave the generator, and torch's own, as they were."""
    before, device = generator.get_state(), generator.device
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        generator.set_state(before)


def _refuse_hidden_draws(trace: GraphModule) -> None:
    for node in trace.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise NotImplementedError(f"{node.target} draws without a generator")


def _compile(trace: GraphModule, state: Mapping[str, Tensor], batch: Batch) -> Callable[..., Any]:
    held = [node.target for node in trace.graph.nodes if node.op == "get_attr"]
    tensors = (*state.values(), *(t for t in batch if t is not None))
    what = [(tuple(t.shape), t.stride(), t.dtype, t.device) for t in tensors]
    key = f"{trace.code}{what}{torch.get_num_threads()}"
    if held or key not in _CACHE:
        options: Any = {} if _UNGUARDED is None else {"guard_filter_fn": _UNGUARDED}
        made = torch.compile(trace, dynamic=False, options=options)
        if held:  # tensors of its own: it is no other fit's
            return made
        _CACHE[key] = made
    return _CACHE[key]
