"""Memory: what a fit will hold, counted before anything is allocated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from .errors import FitError
from .machine import available, in_words
from .networks import Custom
from .penalty import Contractive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .estimators import Estimator
    from .model import Model
    from .training import Training

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


def estimate(estimator: Estimator, X: ArrayLike) -> MemoryEstimate:
    """Return what fitting an estimator to X would hold; neither is changed and no weight is allocated.

    Parameters
    ----------
    estimator : unfitted or fitted; its network is built on torch's "meta" device, where tensors have shapes and no
        numbers.
    X : the data, (N, ...); ``numpy.broadcast_to`` makes some of any size that take no memory.

    >>> from isthmus import Autoencoder
    >>> from isthmus.machine import in_words
    >>> print(in_words(estimate(Autoencoder(32), np.zeros((8, 4096))).gradients))
    17 MB
    """
    from .estimators._rows import check_rows
    from .training.device import pick_device

    copy: Any = clone(estimator)
    x = check_rows(copy, X, reset=True, minimum=2)
    copy.shape_, copy.dtype_ = tuple(x.shape[1:]), x.dtype
    copy._resolve(x)
    return _resolved(copy, x, pick_device(copy.device))


def _resolved(estimator: Any, x: np.ndarray, device: torch.device) -> MemoryEstimate:
    """Return the estimate for an estimator whose parts are resolved."""
    from .parts import Facts
    from .scaling import Scaling
    from .training.data import place_for

    with torch.device("meta"):
        model = estimator._model(Facts(estimator.shape_, estimator.latent_dim_), Scaling.identity(estimator.shape_))
    settings = estimator._settings()
    precision = estimator._pick_precision(model, device)
    width = 8 if precision == "float64" else 4
    weights = width * sum(p.numel() for p in model.parameters())
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    kept = 1 + bool(settings.averaging) + (settings.patience is not None)
    at_home = device.type == "cpu"
    copies = 2 * kept + 1 if at_home else kept  # those in use, those of the last good state, and the model's first
    n = len(x) - round(len(x) * estimator.validation_fraction)
    size = estimator._pick_batch_size(n)
    rows = n - (max(1, n // size) - 1) * size  # the last batch of an epoch also takes the rows that are left over
    features = math.prod(x.shape[1:])
    moments = 8 * (4 * features + 2 * max(features, min(2**20, len(x) * features)))
    narrow = 2 if precision == "bfloat16" else width
    multiplied = sum(p.numel() for p in model.parameters() if p.ndim > 1) if narrow < width else 0
    return MemoryEstimate(
        weights=copies * (weights + buffers),
        gradients=weights,
        optimizer=(2 if at_home else 1) * weights * _state_tensors(settings),
        activations=narrow * multiplied + rows * _bytes_a_row(estimator, model, features, width, narrow),
        data=moments + (0 if place_for(x.nbytes, device).type == "cpu" else x.nbytes),
    )


_REPLACING = (nn.Flatten, nn.Unflatten, nn.Identity, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.ELU)
"""Layers that keep no numbers of their own: views, and functions whose derivative is one of their value."""


def _bytes_a_row(estimator: Any, model: Model, features: int, width: int, narrow: int) -> int:
    """Return how many bytes a sample leaves: what layers keep for the backward pass, x, x − x̄, x̂, loss, gradient.

    Networks compute in numbers of `narrow` bytes, losses and gradients that are penalised in numbers of `width` bytes.
    Draws of z repeat the decoder. A contraction that is not of closed form keeps the encoder's derivative once for each
    row of the Jacobian that is computed. In a game the largest turn counts: D sees real and generated samples, and
    again for each penalty, which keeps the pass and its derivative; the other side's turn passes through D once.
    """
    draws = getattr(getattr(estimator, "objective_", None), "draws", 1)
    encoder = 0 if model.encoder is None else features + _kept(model.encoder, model.shape)
    decoder = _kept(model.decoder, (model.latent_dim,))
    judge = 0
    if model.discriminator is not None:
        judge = _kept(model.discriminator, model.shape if model.encoder is None else (model.latent_dim,))
    slopes = 0
    penalty = getattr(estimator, "penalty_", None)
    if isinstance(penalty, Contractive) and model.encoder is not None and not penalty.closed_for(model.encoder):
        exact = penalty.method == "exact" or (penalty.method == "auto" and model.latent_dim <= 8)
        slopes = 1 + (model.latent_dim if exact else penalty.draws)
    turns = [
        narrow * (encoder + decoder * draws) + width * encoder * slopes,
        narrow * ((encoder or decoder) + judge),
        2 * judge * (narrow + width * len(getattr(estimator, "penalties_", ()))),
    ]
    widest = max(encoder, decoder, 2 * judge) // 2
    return max(turns) + width * (min(widest, 2 * features) + (2 + 2 * draws) * features)


def _kept(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return how many numbers a network keeps of one sample, counted on shapes alone."""
    counted: list[int] = []

    def count(layer: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and not isinstance(layer, _REPLACING):
            counted.append(output[0].numel())

    leaves = [m for m in module.modules() if not any(True for _ in m.children())] or [module]
    hooks = [leaf.register_forward_hook(count) for leaf in leaves]
    first = next(module.parameters())
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, *shape, device=first.device, dtype=first.dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counted)


def _state_tensors(settings: Training) -> int:
    """Return how many numbers the optimiser keeps for each weight, seen from one step on a small one."""
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.zeros(2, 2)
    optimizer = settings.make_optimizer().make([weight], 1e-3)
    optimizer.step()
    return sum(1 for value in optimizer.state[weight].values() if getattr(value, "shape", None) == weight.shape)


def refuse(estimator: Any, x: np.ndarray, device: torch.device) -> None:
    """Raise `FitError` if fitting to x holds more than the device has; say how much of what, and what to change.

    The estimator's parts are resolved. A network of the user's own is not counted: its factories are called once a fit.
    """
    there = available(device)
    if there is None or any(isinstance(part, Custom) for part in vars(estimator).values()):
        return
    needed = _resolved(estimator, x, device)
    if device.type == "cuda":  # where a batch that is too large is taken in pieces
        needed = needed._replace(activations=needed.activations // max(1, estimator._pick_batch_size(len(x))))
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
