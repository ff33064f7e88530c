"""Memory: what a fit will hold, counted before anything is allocated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from torch import Tensor, nn

from .batch import Batch
from .device import pick_device
from .errors import FitError
from .facts import Facts
from .given import Given, batch_size_for, facts_of, precision_for
from .machine import available, in_words
from .model import Model, Pass
from .networks import Custom
from .objective import weighted_sum
from .rows import check_rows
from .scaling import Scaling
from .source import Source
from .training import Training
from .training.data import place_for
from .training.player import turns_of

__all__ = ["MemoryEstimate", "estimate", "refuse"]


class MemoryEstimate(NamedTuple):
    """Bytes that a fit holds at once, besides the data that are there already.

    Attributes
    ----------
    weights : the model's, and the copies of them that averaging and early stopping keep, and that healing keeps in a
        CPU's memory.
    gradients : one number for each weight.
    optimizer : the optimiser's state, two numbers for each weight with Adam, and the copy of it that healing keeps in a
        CPU's memory.
    activations : what the forward pass of a batch keeps for the backward pass, and the gradients of that; in bfloat16
        also the copies of the weights that are multiplied.
    data : the data on the device, where they have to be copied there, and the moments of their columns.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    data: int

    @property
    def total(self) -> int:
        """The sum of all of them."""
        return sum(self)


def estimate(estimator: Any, X: ArrayLike) -> MemoryEstimate:
    """Return what fitting an estimator to X would hold; neither is changed and no weight is allocated.

    Parameters
    ----------
    estimator : unfitted or fitted; its model is built on torch's "meta" device, where tensors have shapes and no
        numbers.
    X : the data, (N, ...); ``numpy.broadcast_to`` makes some of any size that take no memory.

    >>> from isthmus import Autoencoder
    >>> print(in_words(estimate(Autoencoder(32), np.zeros((8, 4096))).gradients))
    17 MB
    """
    copy: Any = clone(estimator)
    x = check_rows(copy, X, reset=True, minimum=2)
    copy.shape_, copy.dtype_ = tuple(x.shape[1:]), x.dtype
    rows = np.linspace(0, len(x) - 1, min(len(x), FACT_ROWS), dtype=np.int64)
    facts = replace(facts_of(Given(x[rows]), np.arange(len(rows))), rows=len(x))
    copy.choose(facts)
    return _counted(copy, x, replace(facts, latent_dim=copy.latent_dim_), pick_device(copy.device))


FACT_ROWS = 10_000
"""Rows of the data that an estimate looks at, at most, to know which parts "auto" picks."""


def _counted(estimator: Any, x: np.ndarray, facts: Facts, device: torch.device) -> MemoryEstimate:
    """Return the estimate for an estimator whose parts are chosen."""
    with torch.device("meta"):
        model: Model = estimator.compose(
            replace(facts, mean=None, std=None, centre=None), Scaling.identity(facts.shape)
        )
    precision = precision_for(estimator, model, device)
    model.place(torch.device("meta"), torch.float64 if precision == "float64" else torch.float32)
    settings: Training = estimator.settings()
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    kept = 1 + bool(settings.averaging) + (settings.patience is not None)
    at_home = device.type == "cpu"
    copies = 2 * kept + 1 if at_home else kept  # those in use, those of the last good state, and the model's first
    n = len(x) - round(len(x) * estimator.validation_fraction)
    size = batch_size_for(estimator, n)
    rows = n - (max(1, n // size) - 1) * size  # the last batch of an epoch also takes the rows that are left over
    moments = 8 * (4 * facts.features + 2 * max(facts.features, min(2**20, len(x) * facts.features)))
    if precision == "bfloat16":
        for name, network in model.networks.items():
            model.networks[name] = _Narrow(network)
    few, more = (_kept(model, estimator, n) for n in (2, 4))
    each = (more - few) // 2
    return MemoryEstimate(
        weights=copies * (weights + buffers),
        gradients=weights,
        optimizer=(2 if at_home else 1) * weights * _state_tensors(settings),
        activations=max(0, few - 2 * each) + rows * each,
        data=moments + (0 if place_for(x.nbytes, device).type == "cpu" else x.nbytes),
    )


class _Narrow(nn.Module):
    """A network in bfloat16, as autocasting has it: its weights are cast, and so is what comes in."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *given: Tensor) -> Tensor:
        narrow = {name: p.to(torch.bfloat16) for name, p in self.network.named_parameters()}
        out: Tensor = torch.func.functional_call(self.network, narrow, tuple(g.to(torch.bfloat16) for g in given))
        return out.to(given[0].dtype)


class _Shapes(Source):
    """Draws of the right shape without numbers."""

    def normal(self, shape: Any, like: Tensor) -> Tensor:
        return torch.empty(shape, dtype=like.dtype, device="meta")

    uniform = normal

    def integers(self, high: int, shape: Any, like: Tensor) -> Tensor:
        return torch.zeros(shape, dtype=torch.int64, device="meta")


def _kept(model: Model, estimator: Any, n: int) -> int:
    """Return the bytes that the largest turn keeps of a batch of n rows for its backward pass, and the gradients.

    What torch saves is counted as it is saved, on tensors that have shapes alone, so that every term, penalty and network
    counts as it is; weights do not count.
    """
    condition = torch.empty(n, model.condition_width, device="meta") if model.condition_width else None
    batch = Batch(torch.empty(n, *model.shape, device="meta", dtype=model.dtype), condition=condition)
    # A corruption keeps nothing for a backward pass, and one of the user's own may count its calls.
    given = {} if model.corruption is None else {"x_tilde": torch.empty_like(batch.x)}
    weights = {p.data_ptr() or id(p) for p in model.parameters()}
    largest = 0
    for turn in turns_of(estimator.players()):
        saved: dict[int, Tensor] = {}

        def keep(tensor: Tensor, saved: dict[int, Tensor] = saved) -> Tensor:
            base = tensor if tensor._base is None else tensor._base
            if not isinstance(base, nn.Parameter) and id(base) not in weights:
                saved[id(base)] = base
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.enable_grad():
            passes: dict[tuple[int, ...], Pass] = {}
            losses = []
            for player in turn:
                shape = player.objective.sample_shape
                passed = passes.setdefault(shape, Pass(model, batch, _Shapes(), shape, **given))
                terms = player.objective(model, passed, _Shapes())
                losses.append(weighted_sum(terms, {}))
        sizes = [tensor.numel() * tensor.element_size() for tensor in saved.values()]
        widest = max(sizes, default=0)
        largest = max(largest, sum(sizes) + widest + batch.x.numel() * batch.x.element_size())
    return largest


def _state_tensors(settings: Training) -> int:
    """Return how many numbers the optimiser keeps for each weight, seen from one step on a small one."""
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.zeros(2, 2)
    optimizer = settings.make_optimizer().make([weight], 1e-3)
    optimizer.step()
    return sum(1 for value in optimizer.state[weight].values() if getattr(value, "shape", None) == weight.shape)


def refuse(estimator: Any, x: np.ndarray, facts: Facts, device: torch.device) -> None:
    """Raise `FitError` if fitting to x holds more than the device has, saying how much of what, and what to change.

    The parts are chosen. A network of the user's own is not counted: its factories are called once a fit. Nor is a
    composition refused that looks at its numbers, since it cannot be counted by its shapes.
    """
    there = available(device)
    if there is None or any(isinstance(part, Custom) for part in vars(estimator).values()):
        return
    try:
        needed = _counted(estimator, x, facts, device)
    except (NotImplementedError, RuntimeError):  # what torch raises where a number is asked of a shape
        return
    if device.type == "cuda":  # where a batch that is too large is taken in pieces
        needed = needed._replace(activations=needed.activations // max(1, batch_size_for(estimator, len(x))))
    if needed.total <= there:
        return
    parts = dict(zip(needed._fields, needed, strict=True))
    largest = ", ".join(f"{name} {in_words(parts[name])}" for name in sorted(parts, key=lambda n: -parts[n])[:3])
    fewer = needed.activations > needed.weights
    change = "lower batch_size" if fewer else "take a narrower network, such as network='mlp:64', or fewer columns"
    raise FitError(
        f"this fit needs about {in_words(needed.total)} of memory ({largest}), {device} has {in_words(there)} "
        f"available; {change}"
    )
