"""Memory: what a fit will hold, counted before anything is allocated, and what the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from .errors import FitError
from .networks import Custom
from .penalty import Contractive

if TYPE_CHECKING:
    from .estimators import Estimator
    from .model import Model
    from .training import Training

__all__ = ["Estimate", "available", "estimate", "in_words", "refuse"]


GROUPS = Path("/sys/fs/cgroup")
"""Where Linux keeps the limits of control groups."""


class Estimate(NamedTuple):
    """Bytes that a fit holds at once, besides the data that are there already.

    Attributes
    ----------
    weights : of the model, and of the copies that averaging and early stopping keep, and in a CPU's memory healing.
    gradients : one a weight that moves.
    optimizer : its state, two numbers a weight for Adam, and in a CPU's memory the copy that healing keeps.
    activations : what a batch leaves for the backward pass, and its gradients.
    data : the data on the device, where that is not where they are; their moments.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    data: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


def estimate(estimator: Estimator, X: Any) -> Estimate:
    """Return what fitting an estimator to X would hold; neither is changed and no weight is allocated.

    Parameters
    ----------
    estimator : unfitted or fitted; its network is built on torch's "meta" device, of shapes without numbers.
    X : the data; ``numpy.broadcast_to`` makes some of any size that take no memory.

    >>> from isthmus import Autoencoder
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


def _resolved(estimator: Any, x: np.ndarray, device: torch.device) -> Estimate:
    """Return the estimate for an estimator whose parts are resolved."""
    from .parts import Facts
    from .scaling import Scaling
    from .training.data import place_for

    with torch.device("meta"):
        model = estimator._model(Facts(estimator.shape_, estimator.latent_dim_), Scaling.identity(estimator.shape_))
    settings = estimator._settings()
    width = 8 if estimator.precision == "float64" else 4
    weights = width * sum(p.numel() for p in model.parameters())
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    kept = 1 + bool(settings.averaging) + (settings.patience is not None)
    at_home = device.type == "cpu"
    copies = 2 * kept + 1 if at_home else kept  # as they are, in the last good state, and where the fit began
    n = len(x) - round(len(x) * estimator.validation_fraction)
    size = estimator._pick_batch_size(n)
    rows = n - (max(1, n // size) - 1) * size  # the last batch of an epoch takes what is left as well
    features = math.prod(x.shape[1:])
    moments = 8 * (4 * features + 2 * max(features, min(2**20, len(x) * features)))
    return Estimate(
        weights=copies * (weights + buffers),
        gradients=weights,
        optimizer=(2 if at_home else 1) * weights * _state_tensors(settings),
        activations=width * rows * _numbers_a_row(estimator, model, features),
        data=moments + (0 if place_for(x.nbytes, device).type == "cpu" else x.nbytes),
    )


_REPLACING = (nn.Flatten, nn.Unflatten, nn.Identity, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.ELU)
"""Layers that keep no numbers of their own: views, and functions whose derivative is one of their value."""


def _numbers_a_row(estimator: Any, model: Model, features: int) -> int:
    """Return how many numbers a sample leaves: what layers keep for the backward pass, x, x − x̄, x̂, loss, gradient.

    A discriminator sees real and generated samples, and each again for a penalty on its gradient; draws of z repeat the
    decoder; a contraction that is not of closed form keeps the encoder's derivative once a row of the Jacobian.
    """
    draws = getattr(getattr(estimator, "objective_", None), "draws", 1)
    encoder = 0 if model.encoder is None else features + _kept(model.encoder, model.shape)
    decoder = _kept(model.decoder, (model.latent_dim,))
    judge = 0
    if model.discriminator is not None:
        judge = 2 * _kept(model.discriminator, model.shape if model.encoder is None else (model.latent_dim,))
        judge *= 2 if getattr(estimator, "penalties_", ()) else 1
    slopes = 0
    penalty = getattr(estimator, "penalty_", None)
    if isinstance(penalty, Contractive) and model.encoder is not None and not penalty.closed_for(model.encoder):
        exact = penalty.method == "exact" or (penalty.method == "auto" and model.latent_dim <= 8)
        slopes = 1 + (model.latent_dim if exact else penalty.draws)
    widest = max(encoder, decoder, judge) // 2
    through = (
        encoder * (1 + slopes) + decoder * draws if model.discriminator is None else max(encoder + decoder, 2 * judge)
    )
    return through + min(widest, 2 * features) + (2 + 2 * draws) * features


def _kept(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return how many numbers a network keeps of one sample, counted on shapes alone."""
    counted: list[int] = []

    def count(layer: nn.Module, given: Any, output: Any) -> None:
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
    """Raise `FitError` if fitting to x holds more than the device has, saying how much of what, and what to change.

    The parts are resolved. Networks of a user's own are not held against it: their factories are called once a fit.
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


def available(device: torch.device) -> int | None:
    """Return how many bytes the device still has, or None where nothing says so.

    For a CPU the least of what ``/proc/meminfo`` calls available and what the control group's limit leaves.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = [n for n in (_meminfo(), _cgroup()) if n is not None]
    if found:
        return min(found)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _meminfo() -> int | None:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _cgroup() -> int | None:
    """Return what the memory limit of this process's control group leaves, caches that can be dropped not counted."""
    places = [(GROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes")]
    for line in _lines(Path("/proc/self/cgroup")):
        if line.startswith("0::"):
            own = GROUPS / line[3:].strip().lstrip("/")
            places += [(own, "memory.max", "memory.current")]
    places += [(GROUPS, "memory.max", "memory.current")]
    left = []
    for folder, limit, usage in places:
        try:
            most, used = int((folder / limit).read_text()), int((folder / usage).read_text())
        except (OSError, ValueError):
            continue  # no such group, or "max": no limit
        cached = [int(s.split()[1]) for s in _lines(folder / "memory.stat") if s.startswith("inactive_file ")]
        left.append(max(0, most - used + sum(cached)))
    return min(left, default=None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def in_words(size: int) -> str:
    """Return a number of bytes as a person would say it.

    >>> in_words(512), in_words(17_300_000), in_words(16_400_000_000)
    ('512 bytes', '17 MB', '16 GB')
    """
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.2g} {name}" if size < 100 * unit else f"{size / unit:.0f} {name}"
    return f"{size} bytes"
