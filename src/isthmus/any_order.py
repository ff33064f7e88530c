"""Any order: rows filled in, and scored, entry by entry in whatever order, by a model that was trained on any subset.

By the chain rule p(x) = Πₛ p(x_{oₛ} | x_{o₁}, …, x_{oₛ₋₁}) for every order o of the entries. A model that gives each
factor draws exactly from that product, with any entries given, and scores exactly with it. Orders of one model agree as
far as it has learnt; what is drawn with orders at random has the mean of their densities.

Benigno Uria, Iain Murray and Hugo Larochelle, "A Deep and Tractable Density Estimator", 2014,
https://arxiv.org/abs/1310.1757.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .binned import Bins
from .binned_units import BinnedUnits
from .model import Model

__all__ = ["fill", "log_densities", "orders"]

KINDS_AT_ONCE = 128
"""Rows that differ go through the network in multiples of this: a processor prepares itself for every new shape."""

VALUES_AT_ONCE = 2**22
"""Numbers that a decoder returns at once while rows are scored."""


def orders(n: int, count: int) -> np.ndarray:
    """Return orders of n entries, (count, n), the same at every call: each second one is the reverse of the one before.

    >>> orders(4, 2).tolist()
    [[2, 0, 1, 3], [3, 1, 0, 2]]
    """
    rng = np.random.default_rng(0)
    pairs = [rng.permutation(n) for _ in range((count + 1) // 2)]
    return np.stack([order[::step] for order in pairs for step in (1, -1)])[:count]


def _bins(model: Model, x: Tensor, condition: Tensor | None, seen: Tensor | None = None) -> Bins:
    p = model.decode(model.encode(x, condition, seen).mean, condition)
    assert isinstance(p, Bins)
    return p


@torch.no_grad()
def fill(
    model: Model,
    bins: Tensor,
    seen: Tensor,
    order: Tensor,
    u: Tensor,
    *,
    condition: Tensor | None = None,
    gaps: bool = False,
) -> Tensor:
    """Draw the bins that are not seen, one entry after the other, and return all bins, (N, n).

    Rows that are alike so far go through the network once for all of them.

    Parameters
    ----------
    bins : (N, n), of which only those that are seen mean something.
    seen : which are given, (N, n).
    order : of the entries, (n,).
    u : uniform numbers, (N, n), that decide on the bins.
    condition : (N, c), or None.
    gaps : whether an entry may be drawn as missing.
    """
    units = model.scaling
    assert isinstance(units, BinnedUnits)
    bins = torch.where(seen, bins, 0)
    x = units.indicators(bins, seen, model.dtype)
    told = torch.where(seen, bins, -1) if condition is None else torch.arange(len(bins), device=bins.device)[:, None]
    alike = torch.unique(told, dim=0, return_inverse=True)[1]
    for entry in order.tolist():
        rows = (~seen[:, entry]).nonzero()[:, 0]
        if not len(rows):
            continue
        kinds, kind = alike[rows].unique(return_inverse=True)
        example = rows.new_zeros(-(-len(kinds) // KINDS_AT_ONCE) * KINDS_AT_ONCE).scatter(0, kind, rows)
        p = _bins(model, x[example], None if condition is None else condition[example]).of_entry(entry).exp()
        if units.has_gap[entry] and not gaps:
            p = p[:, :-1]
        reached = p.cumsum(-1)
        reached = reached[kind]
        drawn = (u[rows, entry, None] * reached[:, -1:] >= reached).sum(-1).clamp(max=p.shape[1] - 1)
        bins[rows, entry] = drawn
        x[rows, units.first[entry] + drawn] = 1.0
        now = alike * (p.shape[1] + 1)
        now[rows] += drawn + 1
        alike = now.unique(return_inverse=True)[1]
    return bins


@torch.no_grad()
def log_densities(
    model: Model, x: Tensor, order: Tensor, condition: Tensor | None = None, *, steps: int | None = None
) -> Tensor:
    """Return log p(x), (N,), of rows in the data's units by the chain rule in one order; what is missing is left out.

    A missing value counts where the column has a bin for gaps.

    Parameters
    ----------
    steps : None takes all n steps of the order, and is exact. A number takes that many, evenly spaced, and the mean of
        log p over all entries that are hidden there in place of the next one's: in the mean over orders, and with n
        steps, that is the mean of log p(x) over orders (Uria, Murray and Larochelle 2014, equation 12).
    """
    units = model.scaling
    assert isinstance(units, BinnedUnits)
    indicators = model.scaled(x)
    known = units.has_gap | ~x.flatten(1).isnan()
    rank, (rows, n) = order.argsort(), known.shape
    chosen = torch.arange(n, device=x.device)
    if steps is not None:
        chosen = ((torch.arange(steps, device=x.device) + 0.5) * (n / steps)).long()
    at_once = max(1, VALUES_AT_ONCE // (rows * units.layout.total))
    total = torch.where(known, units.log_share(x), 0.0).sum(1)
    for few in torch.split(chosen, at_once):
        seen = (rank < few[:, None])[:, None].expand(-1, rows, -1).flatten(0, 1)
        again = indicators.repeat(len(few), 1)
        c = None if condition is None else condition.repeat(len(few), 1)
        entries = _bins(model, again, c, seen).entries(again).reshape(len(few), rows, n)
        entries = torch.where(known, entries, 0.0)
        if steps is None:
            total = total + entries.gather(2, order[few][:, None, None].expand(-1, rows, 1)).sum((0, 2))
        else:
            hidden = (rank >= few[:, None]).to(entries.dtype)
            total = total + torch.einsum("srn,sn->r", entries, hidden / hidden.sum(1, keepdim=True)) * (n / steps)
    return total
