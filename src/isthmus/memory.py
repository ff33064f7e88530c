"""Memory: the size of everything that a fit will hold, counted before it is allocated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor, nn

from .batch import Batch
from .device import pick_device, plain_modes
from .errors import FitError
from .facts import Facts
from .given import Given, batch_size_for, corruption_width_of, facts_of, precision_for, share_held_out, units_of
from .machine import available, in_words
from .model import Model, Pass
from .networks import Custom
from .objective import weighted_sum
from .rows import check_rows
from .source import Source
from .training import Training
from .training.data import place_for
from .training.player import turns_of
from .typing import ArrayLike

if TYPE_CHECKING:
    from .estimators import Estimator

__all__ = ["MemoryEstimate", "estimate", "refuse"]


class MemoryEstimate(NamedTuple):
    """Bytes that a fit holds at the same time, besides the data that the caller already has in memory.

    Attributes
    ----------
    weights : the model's weights, with the copies for averaging and early stopping, and on a CPU those for healing.
    gradients : one number for each weight.
    optimizer : the optimiser's state, two numbers for each weight with Adam, and on a CPU the copy for healing.
    activations : the tensors of a batch that the forward pass saves for the backward pass, and their gradients; with
        bfloat16 also the weights in bfloat16.
    data : the copy of the data on the device, if they have to be copied, and the moments of their columns.
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


@plain_modes()
def estimate(estimator: Estimator, X: ArrayLike) -> MemoryEstimate:
    """Return the memory that fitting an estimator to X would need; neither is changed, and no weight is allocated.

    Parameters
    ----------
    estimator : unfitted or fitted. A copy of its model is built on torch's "meta" device, where tensors have shapes but
        no numbers.
    X : the data, (N, ...). ``numpy.broadcast_to`` makes arrays of any size that take no memory.

    >>> from isthmus import Autoencoder
    >>> print(in_words(estimate(Autoencoder(32), np.zeros((8, 4096))).gradients))
    17 MB
    """
    copy: Any = clone(estimator)
    x = check_rows(copy, X, reset=True, minimum=2)
    copy.shape_, copy.dtype_ = tuple(x.shape[1:]), x.dtype
    rows = np.linspace(0, len(x) - 1, min(len(x), FACT_ROWS), dtype=np.int64)
    columns = None if copy.schema_ is None else tuple(copy.schema_.columns)
    facts = replace(facts_of(Given(x[rows], columns=columns), np.arange(len(rows))), rows=len(x))
    copy.choose(facts)
    facts = replace(facts, latent_dim=copy.latent_dim_, condition=corruption_width_of(copy))
    return _counted(copy, _without_numbers(copy, facts), x, facts, pick_device(copy.device))


FACT_ROWS = 10_000
"""The largest number of rows that an estimate reads to find out which parts "auto" picks."""


def _without_numbers(estimator: Any, facts: Facts) -> Model:
    """Return the model on torch's "meta" device."""
    units = units_of(estimator, facts)
    with torch.device("meta"):
        model: Model = estimator.compose(replace(facts, mean=None, std=None, centre=None), units)
    return model


def _counted(estimator: Any, model: Model, x: np.ndarray, facts: Facts, device: torch.device) -> MemoryEstimate:
    """Return the estimate for an estimator whose parts are chosen, given its model without numbers."""
    precision = precision_for(estimator, model, device)
    model.place(torch.device("meta"), torch.float64 if precision == "float64" else torch.float32)
    settings: Training = estimator.settings()
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    kept = 1 + bool(settings.averaging) + (settings.patience is not None)
    at_home = device.type == "cpu"
    copies = 2 * kept + 1 if at_home else kept  # the current ones, the last good state's, and the model's first
    n = len(x) - round(len(x) * share_held_out(estimator, len(x)))
    size = batch_size_for(estimator, n)
    rows = n - (max(1, n // size) - 1) * size  # the last batch of an epoch also takes the rows that are left over
    moments = 8 * (4 * facts.features + 2 * max(facts.features, min(2**20, len(x) * facts.features)))
    if precision == "bfloat16":
        model.mixed = True
        model.__dict__["through"] = _narrow_through(model)
    return MemoryEstimate(
        weights=copies * (weights + buffers),
        gradients=weights,
        optimizer=(2 if at_home else 1) * weights * _state_tensors(settings),
        activations=max(_kept(model, estimator, rows)),
        data=moments + (0 if place_for(x.nbytes, device).type == "cpu" else x.nbytes),
    )


def _narrow_through(model: Model) -> Callable[..., Tensor]:
    """Return a `Model.through` for "meta" tensors, which torch cannot autocast: it casts to bfloat16 explicitly."""

    def through(name: str, x: Tensor, condition: Tensor | None = None) -> Tensor:
        network, given = model.networks[name], (x,) if condition is None else (x, condition)
        if not model.mixed:
            out: Tensor = network(*given)
            return out
        narrow = {name: p.to(torch.bfloat16) for name, p in network.named_parameters()}
        out = torch.func.functional_call(network, narrow, tuple(g.to(torch.bfloat16) for g in given))
        return out.to(x.dtype)

    return through


class _Shapes(Source):
    """A source of "meta" tensors: draws of the right shape without numbers."""

    def normal(self, shape: Any, like: Tensor) -> Tensor:
        return torch.empty(shape, dtype=like.dtype, device="meta")

    uniform = normal

    def integers(self, high: int, shape: Any, like: Tensor) -> Tensor:
        return torch.zeros(shape, dtype=torch.int64, device="meta")


def _kept(model: Model, estimator: Any, n: int) -> list[int]:
    """Return the bytes that each turn holds for its backward pass on n rows, gradients included.

    Torch's saved tensors are counted in a forward pass on "meta" tensors, so that the count holds for any terms,
    penalties and networks. Weights do not count.
    """
    width = model.condition_width - model.corruption_width
    condition = torch.empty(n, width, device="meta") if width else None
    batch = Batch(torch.empty(n, *model.shape, device="meta", dtype=model.dtype), condition=condition)
    # A corruption is not called: it saves nothing for the backward pass, and a user's own may count its calls.
    given = {} if model.corruption is None else {"x_tilde": model.scaled(batch.x)}
    weights = {id(storage): storage for storage in (p.untyped_storage() for p in model.parameters())}
    kept = []
    for turn in turns_of(estimator.players()):
        saved: dict[int, torch.UntypedStorage] = {}

        def keep(tensor: Tensor, saved: dict[int, torch.UntypedStorage] = saved) -> Tensor:
            storage = tensor.untyped_storage()
            if id(storage) not in weights:
                saved[id(storage)] = storage
            return tensor.detach()  # the tensor itself would form a reference cycle and never be freed

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.enable_grad():
            passes: dict[tuple[int, ...], Pass] = {}
            losses = []
            for player in turn:
                shape = player.objective.sample_shape
                passed = passes.setdefault(shape, Pass(model, batch, _Shapes(), shape, **given))
                terms = player.objective(model, passed, _Shapes())
                losses.append(weighted_sum(terms, {}))
        sizes = [storage.nbytes() for storage in saved.values()]
        widest = max(sizes, default=0)  # the gradients by a layer's output and by its input exist at the same time
        kept.append(sum(sizes) + 2 * widest + batch.x.numel() * batch.x.element_size())
    return kept


def _state_tensors(settings: Training) -> int:
    """Return how many numbers the optimiser keeps for each weight, found by one step on a small weight."""
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.zeros(2, 2)
    optimizer = settings.make_optimizer().make([weight], 1e-3)
    optimizer.step()
    return sum(1 for value in optimizer.state[weight].values() if getattr(value, "shape", None) == weight.shape)


def refuse(estimator: Any, x: np.ndarray, facts: Facts, device: torch.device) -> None:
    """Raise `FitError` if a fit to x needs more memory than the device has; the message gives sizes and a remedy.

    The estimator's parts must be chosen already. Two kinds of composition are never refused, because they cannot be
    counted: a user's own network, whose factories must be called only once per fit, and a part whose computation
    depends on the numbers in its tensors.
    """
    there = available(device)
    if there is None or any(isinstance(part, Custom) for part in vars(estimator).values()):
        return
    try:
        model = _without_numbers(estimator, facts)
        weights = sum(p.numel() for p in model.parameters())
        rows = 2 * batch_size_for(estimator, len(x))
        most = 64 * (weights + rows * facts.features * weights * facts.latent_dim) + 2 * x.nbytes
        if most <= there // 8:  # an upper bound: every weight combined with every value of every row
            return
        needed = _counted(estimator, model, x, facts, device)
    except (KeyError, NotImplementedError, RuntimeError):  # a part needs numbers, or a tensor that a corruption returns
        return
    if device.type == "cuda":  # a batch that does not fit is split into pieces
        needed = needed._replace(activations=needed.activations // max(1, batch_size_for(estimator, len(x))))
    if needed.total <= there:
        return
    parts = dict(zip(needed._fields, needed, strict=True))
    largest = ", ".join(f"{name} {in_words(parts[name])}" for name in sorted(parts, key=lambda n: -parts[n])[:3])
    fewer = needed.activations > needed.weights
    change = "lower batch_size" if fewer else "take a narrower network, such as network='mlp:64', or fewer columns"
    raise FitError(
        f"this fit needs about {in_words(needed.total)} of memory ({largest}), but {device} has {in_words(there)} "
        f"available; {change}"
    )
