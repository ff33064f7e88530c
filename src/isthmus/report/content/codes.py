"""What codes show: the latent map, traversals of units, interpolations between rows, filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from .look import Look

__all__ = [
    "Colouring",
    "Filters",
    "Interpolation",
    "LatentMap",
    "Traversal",
    "decoder_of",
    "filters",
    "first_weights",
    "interpolations",
    "latent_map",
    "prior_draws",
    "traversals",
]

MAP_POINTS = 2_000
"""Rows that the latent map shows, at most."""

CATEGORIES = 10
"""Labels with a colour of their own; the rest share one."""

COLUMNS = 100
"""Columns of a table that the latent map can be coloured by, at most: those that vary most with the codes."""

UNITS = 12
"""Units that are traversed, at most: those that move the output most."""

STEPS = 9
ACTIVE = 0.01
"""Effect, as a share of the largest, below which a unit counts as inactive."""


@dataclass(frozen=True)
class Colouring:
    """One way to colour the map: a class (index into `classes`) or a number for every point."""

    name: str
    values: np.ndarray
    classes: list[str] | None = None


@dataclass(frozen=True)
class LatentMap:
    """Codes in two dimensions, (N, 2); which rows they are; what they can be coloured by."""

    points: np.ndarray
    rows: np.ndarray
    axes: tuple[str, str]
    share: float | None
    colourings: list[Colouring]


@dataclass(frozen=True)
class Traversal:
    """What the decoder makes of codes that differ in one unit only."""

    unit: int
    values: np.ndarray
    outputs: np.ndarray
    effect: float


@dataclass(frozen=True)
class Interpolation:
    """Two real rows and what the decoder makes of the codes between theirs."""

    start: np.ndarray
    stop: np.ndarray
    outputs: np.ndarray
    rows: tuple[int, int]


@dataclass(frozen=True)
class Filters:
    """The first layer's weights, largest norm first, (units, H, W) or (units, length); of which network."""

    weights: np.ndarray
    of: str
    total: int


def latent_map(codes: np.ndarray, rows: np.ndarray, extra: list[Colouring]) -> LatentMap:
    """Return codes (N, d) on their two leading principal axes (Pearson 1901), or as they are where d ≤ 2."""
    d = codes.shape[1]
    if d == 1:
        order = np.argsort(np.argsort(codes[:, 0])) / max(1, len(codes) - 1)
        return LatentMap(np.stack([codes[:, 0], order], 1), rows, ("code", "rank of the code"), None, extra)
    if d == 2:
        return LatentMap(codes.astype(np.float64), rows, ("unit 0", "unit 1"), None, extra)
    centred = codes.astype(np.float64) - codes.mean(0)
    _, s, axes = np.linalg.svd(centred, full_matrices=False)
    share = float((s[:2] ** 2).sum() / max((s**2).sum(), 1e-300))
    return LatentMap(centred @ axes[:2].T, rows, ("first principal axis", "second principal axis"), share, extra)


def colouring(name: str, values: Any) -> Colouring:
    """Return classes for text and for few whole numbers, numbers otherwise.

    >>> colouring("label", ["a", "b", "a"]).classes, colouring("x", [0.5, 1.5]).classes
    (['a', 'b'], None)
    """
    column = np.asarray(values)
    numeric = column.dtype.kind in "fiub"
    kinds, index, counts = np.unique(column if numeric else column.astype(str), return_inverse=True, return_counts=True)
    whole = column.dtype.kind in "iub" or (column.dtype.kind == "f" and not (kinds % 1).any())
    if numeric and not (whole and len(kinds) <= CATEGORIES):
        return Colouring(name, column.astype(np.float64))
    words = [f"{k:g}" if numeric and column.dtype.kind != "b" else str(k) for k in kinds]
    if len(words) <= CATEGORIES:
        return Colouring(name, index, words)
    kept = np.sort(np.argsort(-counts, kind="stable")[: CATEGORIES - 1])
    place = np.full(len(words), CATEGORIES - 1)
    place[kept] = np.arange(len(kept))
    return Colouring(name, place[index], [words[i] for i in kept] + [f"{len(words) - len(kept)} others"])


def decoder_of(estimator: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return the map from codes to samples in the data's units."""
    decode: Callable[[np.ndarray], np.ndarray] = getattr(estimator, "inverse_transform", None) or estimator.generate
    return decode


def prior_draws(estimator: Any, n: int, seed: int) -> np.ndarray:
    """Return n codes from the prior, (n, d)."""
    device = next(estimator.model_.parameters()).device
    with torch.no_grad():
        z: np.ndarray = estimator.model_.prior_codes(n, torch.Generator(device).manual_seed(seed)).cpu().numpy()
    return z


def traversals(estimator: Any, codes: np.ndarray, look: Look, base: np.ndarray) -> tuple[list[Traversal], int]:
    """Return traversals of the units that move the output most, and how many units are active.

    Each unit runs over its mean ± 2.5 standard deviations in `codes` while the others stay at `base`. A unit's effect
    is the root mean squared distance of its outputs from their mean, in comparable units; it is active if that is at
    least a hundredth of the largest.
    """
    d = codes.shape[1]
    values = codes.mean(0) + np.linspace(-2.5, 2.5, STEPS)[:, None] * codes.std(0)
    z = np.tile(base.astype(codes.dtype), (d, STEPS, 1))
    for unit in range(d):
        z[unit, :, unit] = values[:, unit]
    decoded = decoder_of(estimator)(z.reshape(-1, d)).reshape(d, STEPS, *look.shape)
    found = []
    for unit, outputs in enumerate(decoded):
        flat = look.flat(outputs)
        effect = float(np.sqrt(((flat - flat.mean(0)) ** 2).mean()))
        found.append(Traversal(unit, values[:, unit], outputs, effect))
    found.sort(key=lambda t: -t.effect)
    active = [t for t in found if t.effect > ACTIVE * found[0].effect]
    return active[:UNITS], len(active)


def interpolations(
    estimator: Any, X: np.ndarray, labels: np.ndarray | None, index: np.ndarray, seed: int, pairs: int = 5
) -> list[Interpolation]:
    """Return decoded codes (1 − t)h_a + t h_b between real rows a and b, of different labels where there are any.

    `index` is what the rows are called, (N,).
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for _ in range(min(pairs, len(X) // 2)):
        a = int(rng.integers(len(X)))
        others = np.arange(len(X)) != a
        if labels is not None and (labels != labels[a]).any():
            others &= labels != labels[a]
        b = int(rng.choice(np.flatnonzero(others)))
        chosen.append((a, b))
    if not chosen:
        return []
    ends = estimator.transform(X[np.ravel(chosen)]).reshape(len(chosen), 2, 1, -1)
    t = np.linspace(0, 1, STEPS)[:, None]
    z = (1 - t) * ends[:, 0] + t * ends[:, 1]
    decoded = decoder_of(estimator)(z.reshape(-1, z.shape[-1])).reshape(len(chosen), STEPS, *X.shape[1:])
    return [
        Interpolation(X[a], X[b], outputs, (int(index[a]), int(index[b])))
        for (a, b), outputs in zip(chosen, decoded, strict=True)
    ]


def filters(estimator: Any, look: Look) -> Filters | None:
    """Return the first layer's weights of the encoder, or of the discriminator of data, where they are pictures."""
    model = estimator.model_
    for name in ("encoder", "discriminator"):
        network = getattr(model, name, None)
        weights = None if network is None else first_weights(network, look.shape)
        if weights is None or look.kind == "rows":
            continue
        norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
        return Filters(weights[np.argsort(-norms)[:48]], name, len(weights))
    return None


def first_weights(network: nn.Module, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the first layer's weights as pictures or series, (units, ...), channels averaged; None if they are none.

    >>> first_weights(nn.Linear(6, 4), (2, 3)).shape
    (4, 2, 3)
    """
    first: Any = next((m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)), None)
    if first is None:
        return None
    weights: np.ndarray = first.weight.detach().cpu().float().numpy()
    if not isinstance(first, nn.Conv2d):
        if weights.shape[1] != np.prod(shape):
            return None
        weights = weights.reshape(-1, *shape)
    averaged: np.ndarray = weights.mean(1) if weights.ndim == 4 else weights
    return averaged
