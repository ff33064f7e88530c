"""What codes show: the latent map, traversals of units, interpolations between rows, filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from ...look import Images, Look, Rows
from ..model_access import first_layer_networks

__all__ = ["Colouring", "Filters", "Interpolation", "LatentMap", "Traversal"]
__all__ += ["colouring", "colourings", "filters", "interpolations", "on_two_axes", "traversals"]

CATEGORIES = 10
"""Labels with a colour of their own; the rest share one."""

COLUMNS = 100
"""Columns of a table that the latent map can be coloured by, at most: those that vary most with the codes."""

UNITS = 12
"""Units that are traversed, at most: those that move the output most."""

STEPS = 9
"""Codes along a traversal or an interpolation."""

PAIRS = 5
"""Pairs of rows between which codes are interpolated."""

ACTIVE_SHARE = 0.01
"""Effect, as a share of the largest, below which a unit counts as inactive."""

FILTERS = 48
"""Filters that are shown, at most."""


Decoder = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Colouring:
    """One way to colour the map: a class (index into `classes`) or a number for every point."""

    name: str
    values: np.ndarray
    classes: list[str] | None = None


@dataclass(frozen=True)
class LatentMap:
    """Codes in two dimensions, (N, 2); their rows' numbers and samples; what the points can be coloured by."""

    points: np.ndarray
    axes: tuple[str, str]
    share: float | None
    rows: np.ndarray
    samples: np.ndarray
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


def on_two_axes(codes: np.ndarray) -> tuple[np.ndarray, tuple[str, str], float | None]:
    """Return codes (N, d) on their two leading principal axes (Pearson 1901), or unchanged where d ≤ 2.

    With them come the names of the axes, and the share of the codes' variance that two principal axes hold.
    """
    d = codes.shape[1]
    if d == 1:
        order = np.argsort(np.argsort(codes[:, 0])) / max(1, len(codes) - 1)
        return np.stack([codes[:, 0], order], 1), ("code", "rank of the code"), None
    if d == 2:
        return codes.astype(np.float64), ("unit 0", "unit 1"), None
    centred = codes.astype(np.float64) - codes.mean(0)
    _, s, axes = np.linalg.svd(centred, full_matrices=False)
    share = float((s[:2] ** 2).sum() / max((s**2).sum(), 1e-300))
    return centred @ axes[:2].T, ("first principal axis", "second principal axis"), share


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


def colourings(
    X: np.ndarray, H: np.ndarray, labels: np.ndarray | None, numbers: dict[str, np.ndarray], look: Look
) -> list[Colouring]:
    """Return what the map can be coloured by: the label, `numbers` by name, the columns of a table.

    Of many columns those are kept that have the largest squared correlation with a unit of the code.
    """
    found = [] if labels is None else [colouring("label", labels)]
    found += [Colouring(name, values.astype(np.float64)) for name, values in numbers.items()]
    if isinstance(look, Rows):
        flat = X.reshape(len(X), -1)
        standard = [(a - a.mean(0)) / np.where(a.std(0) > 0, a.std(0), 1) for a in (look.flat(X), H)]
        strongest = ((standard[0].T @ standard[1]) ** 2).max(1)
        chosen = np.sort(np.argsort(-strongest, kind="stable")[:COLUMNS])
        found += [colouring(look.names[i], _words(flat[:, i], look, i)) for i in chosen]
    return found


def _words(x: np.ndarray, look: Rows, i: int) -> np.ndarray:
    """Return the levels of a category as text, and a number as it is."""
    if i not in look.categories:
        return x
    cells = look.columns[i].decode(x.astype(np.float64))
    return np.where(cells.gaps, "missing", cells.values.astype(str))


def traversals(decode: Decoder, codes: np.ndarray, look: Look, base: np.ndarray) -> tuple[list[Traversal], int]:
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
    decoded = decode(z.reshape(-1, d)).reshape(d, STEPS, *look.shape)
    found = []
    for unit, outputs in enumerate(decoded):
        flat = look.flat(outputs)
        effect = float(np.sqrt(((flat - flat.mean(0)) ** 2).mean()))
        found.append(Traversal(unit, values[:, unit], outputs, effect))
    found.sort(key=lambda t: -t.effect)
    active = [t for t in found if t.effect > ACTIVE_SHARE * found[0].effect]
    return active[:UNITS], len(active)


def interpolations(
    decode: Decoder, X: np.ndarray, H: np.ndarray, labels: np.ndarray | None, index: np.ndarray, seed: int
) -> list[Interpolation]:
    """Return decoded codes (1 − t)h_a + t h_b between real rows a and b, of different labels where there are any.

    `H` holds the rows' codes, (N, d), `index` their numbers, (N,).
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for _ in range(min(PAIRS, len(X) // 2)):
        a = int(rng.integers(len(X)))
        others = np.arange(len(X)) != a
        if labels is not None and (labels != labels[a]).any():
            others &= labels != labels[a]
        chosen.append((a, int(rng.choice(np.flatnonzero(others)))))
    if not chosen:
        return []
    ends = H[np.ravel(chosen)].reshape(len(chosen), 2, 1, -1)
    t = np.linspace(0, 1, STEPS)[:, None]
    z = (1 - t) * ends[:, 0] + t * ends[:, 1]
    decoded = decode(z.reshape(-1, z.shape[-1])).reshape(len(chosen), STEPS, *X.shape[1:])
    return [
        Interpolation(X[a], X[b], outputs, (int(index[a]), int(index[b])))
        for (a, b), outputs in zip(chosen, decoded, strict=True)
    ]


def filters(model: Any, look: Look) -> Filters | None:
    """Return the first layer's weights, channels averaged, of the first network whose weights have a row's shape.

    None where rows are those of a table, or where no first layer looks at rows as images or series.
    """
    for name, network in first_layer_networks(model).items() if not isinstance(look, Rows) else ():
        kinds = nn.Linear | nn.Conv1d | nn.Conv2d
        first: Any = next((m for m in network.modules() if isinstance(m, kinds)), None)
        if first is None or (isinstance(first, nn.Linear) and first.in_features != look.n):
            continue
        weights: np.ndarray = first.weight.detach().cpu().float().numpy()
        if not isinstance(first, nn.Linear):
            weights = weights.mean(1)
        elif isinstance(look, Images) and look.layout.kind == "volume":
            weights = look.tiles(weights)
        else:
            weights = look.by_channel(weights).mean(1)
        norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
        return Filters(weights[np.argsort(-norms)[:FILTERS]], name, len(weights))
    return None
