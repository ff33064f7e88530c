"""Compiled steps: a step is traced once, on draws made beforehand, and `torch.compile` compiles the trace.

The trace contains the forward pass, the backward pass and penalties on gradients. The requests that a step makes of
its source are recorded once. From then on, the same generator makes these draws outside the trace, in the same order,
so that a compiled fit sees exactly the draws of an uncompiled one.

Jason Ansel et al., "PyTorch 2: Faster Machine Learning Through Dynamic Python Bytecode Transformation and Graph
Compilation", 2024, https://doi.org/10.1145/3620665.3640366.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from ..batch import Batch
from ..model import Model
from ..objective import Objective
from ..parts import Part
from ..seeds import undisturbed
from ..source import Recorded, Replayed, Request, Source
from .settings import Training
from .step import Moved, Side, Step, Weights, gradients

__all__ = ["BREAK_EVEN_ROWS", "BREAK_EVEN_SECONDS", "all_own", "compiled", "draws_from_torch", "pays"]

BREAK_EVEN_ROWS = {"cpu": 1_500_000, "cuda": 20_000_000}
"""Rows, counted once an epoch, from which on compiling saves more time than it costs; see docs/benchmarks.md."""

BREAK_EVEN_SECONDS = 600.0
"""The smallest `max_time` with which compiling saves more time than it costs."""

_UNGUARDED: Any = getattr(torch.compiler, "skip_all_guards_unsafe", None)
"""Skips Dynamo's guards, which would check before every step what the key in `_compile` has already checked. None in
older versions of torch."""

_CACHE: dict[str, Callable[..., Any]] = {}
"""Compiled traces by code, shapes and number of threads; fits of the same shapes share them."""


class _Whole(nn.Module):
    """A model and its objectives as one module, so that the weights can be arguments of the trace."""

    def __init__(self, model: Model, sides: Sequence[Side]) -> None:
        super().__init__()
        of = {id(parameter): name for name, parameter in model.named_parameters()}
        self.model = model
        self.sides = [(side.objective, [of[id(parameter)] for parameter in side.parameters]) for side in sides]

    def forward(self, batch: Mapping[str, Tensor], source: Source, weights: Sequence[Weights]) -> list[Moved]:
        here = dict(self.model.named_parameters())
        sides = [Side(objective, [here[name] for name in names]) for objective, names in self.sides]
        return gradients(self.model, sides, Batch(**batch), source, weights)


def all_own(model: Model, *parts: Part) -> bool:
    """Return whether every part is this library's or torch's, so that a recording of one step stands for all steps.

    A user's own function may do something different at every call, which a trace or a capture would not notice.
    """
    families = [getattr(module, "family", None) for module in model.modules()]
    found = [*parts, model.corruption, *families]
    inner = [value for part in parts for value in part.get_params().values()]
    nested = [item for value in inner if isinstance(value, list | tuple) for item in value]
    things = [*model.modules()]
    things += [p for p in (*found, *inner, *nested) if isinstance(p, Part | nn.Module) or callable(p)]
    return all(type(thing).__module__.partition(".")[0] in ("isthmus", "torch") for thing in things)


def draws_from_torch(model: Model, *parts: Part) -> bool:
    """Return whether a step may draw from torch's own generators: a part is the user's own, or a layer does."""
    return not all_own(model, *parts) or any(isinstance(module, _DRAWING) for module in model.modules())


_DRAWING = (
    nn.modules.dropout._DropoutNd,
    nn.FractionalMaxPool2d,
    nn.FractionalMaxPool3d,
    nn.MultiheadAttention,
    nn.RNNBase,
    nn.RReLU,
)
"""Layers of torch that draw in training."""


def pays(model: Model, objectives: Sequence[Objective], visits: int, settings: Training) -> bool:
    """Return whether a step can be compiled, and whether a fit that visits `visits` rows gains time by it."""
    kind = next(model.parameters()).device.type
    if kind not in BREAK_EVEN_ROWS or (kind == "cpu" and not any(map(shutil.which, ("g++", "clang++", "cl")))):
        return False
    long = visits >= BREAK_EVEN_ROWS[kind] and (settings.max_time or BREAK_EVEN_SECONDS) >= BREAK_EVEN_SECONDS
    return long and all_own(model, *objectives)


def compiled(model: Model, sides: Sequence[Side], eager: Step, *, loud: bool) -> Step:
    """Return a step that is compiled at its first batch and takes batches of that shape; `eager` takes all others.

    `eager` takes every batch if the step cannot be traced (it branches on its data, or draws without a source) or if
    the compiler fails; `loud` warns of it.
    """
    whole = _Whole(model, sides)
    state = {**dict(model.named_parameters(prefix="model")), **dict(model.named_buffers(prefix="model"))}
    shape: Any = None
    requests: list[Request] = []
    run: Any = None

    def step(batch: Batch, generator: torch.Generator, weights: Sequence[Weights]) -> list[Moved]:
        nonlocal shape, requests, run
        values = [_tensors(own, batch.x.device, model.dtype) for own in weights]
        if shape is None:
            shape, before = batch.x.shape, generator.get_state()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # some of the compiler's own imports are deprecated
                    requests, run = _trace(whole, state, batch, generator, values)
                    return _run(run, state, batch, requests, generator, values)
            except (RuntimeError, NotImplementedError) as error:
                run = None
                generator.set_state(before)
                if loud:
                    reason = str(error).strip().splitlines()[0]
                    warnings.warn(f"the step cannot be compiled and runs uncompiled: {reason}", stacklevel=2)
        if run is None or batch.x.shape != shape:
            return eager(batch, generator, weights)
        return _run(run, state, batch, requests, generator, values)

    return step


@torch.no_grad()
def _run(
    run: Callable[..., Any],
    state: Mapping[str, Tensor],
    batch: Batch,
    requests: Sequence[Request],
    generator: torch.Generator,
    weights: Sequence[Mapping[str, Tensor]],
) -> list[Moved]:
    """Make the draws, and run the compiled step on them."""
    drawn = [request.drawn_from(generator) for request in requests]
    return [Moved(*moved) for moved in run(state, dict(batch), drawn, list(weights))]


def _tensors(weights: Weights, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: value if isinstance(value, Tensor) else torch.full((), value, device=device, dtype=dtype)
        for name, value in weights.items()
    }


def _trace(
    whole: _Whole,
    state: dict[str, Tensor],
    batch: Batch,
    generator: torch.Generator,
    values: list[dict[str, Tensor]],
) -> tuple[list[Request], Callable[..., Any]]:
    """Return the draws that a step asks for, and the compiled step; weights and generator are left unchanged."""

    def aside() -> dict[str, Tensor]:
        return {name: value.detach().clone().requires_grad_(value.requires_grad) for name, value in state.items()}

    recorded = Recorded(generator)
    with _left_alone(generator):
        functional_call(whole, aside(), (dict(batch), recorded, values))
    with _left_alone(generator):
        drawn = [request.drawn_from(generator) for request in recorded.requests]

        def replayed(tensors: Any, batch: Any, drawn: Any, values: Any) -> Any:
            moved = functional_call(whole, tensors, (batch, Replayed(drawn), values))
            return [tuple(own) for own in moved]

        weights = aside()
        trace = make_fx(replayed)(weights, dict(batch), drawn, values)
    for node in trace.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise NotImplementedError(f"{node.target} draws without a source")
    return recorded.requests, _compile(trace, weights, batch)


@contextmanager
def _left_alone(generator: torch.Generator) -> Iterator[None]:
    """Restore the states of the generator and of torch's own generators afterwards."""
    before = generator.get_state()
    try:
        with undisturbed(generator.device):
            yield
    finally:
        generator.set_state(before)


@contextmanager
def _validation_left_alone() -> Iterator[None]:
    """Restore the default validation of distributions, which the compiler switches off for the whole process."""
    before = Distribution._validate_args
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def _compile(trace: GraphModule, state: Mapping[str, Tensor], batch: Batch) -> Callable[..., Any]:
    held = [node.target for node in trace.graph.nodes if node.op == "get_attr"]
    what = [(tuple(t.shape), t.stride(), t.dtype, t.device) for t in (*state.values(), *batch.values())]
    key = f"{trace.code}{what}{torch.get_num_threads()}"
    if held or key not in _CACHE:
        options: Any = {} if _UNGUARDED is None else {"guard_filter_fn": _UNGUARDED}
        with _validation_left_alone():
            made = torch.compile(trace, dynamic=False, options=options)
        if held:  # the trace contains tensors of this fit, so that no other fit can share it
            return made
        _CACHE[key] = made
    return _CACHE[key]
