"""Any order: rows filled in, and scored, entry by entry in whatever order, by a model that was trained on any subset.

By the chain rule p(x) = Πₛ p(x_{oₛ} | x_{o₁}, …, x_{oₛ₋₁}) for every order o of the entries. A model that gives each
factor draws exactly from that product, with any entries given, and scores exactly with it. Orders of one model agree as
far as it has learnt; what is drawn with orders at random has the mean of their densities.

Benigno Uria, Iain Murray and Hugo Larochelle, "A Deep and Tractable Density Estimator", 2014,
https://arxiv.org/abs/1310.1757.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from .binned import Bins
from .binned_units import BinnedUnits
from .model import Model
from .networks import Conditioned

__all__ = ["Steps", "fill", "log_densities", "orders"]

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


class Steps:
    """Rows that come to be seen entry by entry, and p(xⱼ | what is seen of them); what a step leaves as it is is kept.

    A network's first layer is linear in what is seen: an entry that comes to be seen adds a vector of its own to the
    layer's output. Of its last layer only the outputs for the entry in question are computed, in full precision. A
    network whose first or last layer is not linear goes through as a whole.

    Parameters
    ----------
    model : trained on any subset.
    bins : (N, n), of which only those that are seen mean something.
    seen : which entries are seen, (N, n).
    condition : (N, c), or None.
    """

    def __init__(self, model: Model, bins: Tensor, seen: Tensor, condition: Tensor | None = None) -> None:
        assert isinstance(model.scaling, BinnedUnits)
        self.model, self.units, self.condition = model, model.scaling, condition
        x = self.units.indicators(torch.where(seen, bins, 0), seen, model.dtype)
        self._first, self._inner = _first_and_rest(model.networks["encoder"])
        self._body, self._last = _rest_and_last(model.networks["decoder"])
        self._narrow = model.mixed and self._first is not None and self._last is not None
        if self._narrow:  # once, and not at every step
            self._inner, self._body = (copy.deepcopy(part).to(torch.bfloat16) for part in (self._inner, self._body))
        if self._first is None:
            self._state, self._added = x, torch.eye(self.units.layout.total, dtype=x.dtype, device=x.device)
        else:
            given = [] if condition is None else [condition]
            self._state = self._first(torch.cat([self.units.inputs(x), *given], 1))
            self._added = self.units.through_linear(self._first.weight)

    def see(self, rows: Tensor, entries: Tensor, bins: Tensor) -> None:
        """Let one entry of each of some rows be seen, to lie in those bins, (M,) each."""
        self._state.index_add_(0, rows, self._added.index_select(0, self.units.first[entries] + bins))

    def contexts(self, rows: Tensor | slice) -> Tensor:
        """Return what some rows are known by, (M, W): all that is computed but the last layer."""
        state, posterior = self._state[rows], self.model.posterior
        assert posterior is not None
        narrow = torch.bfloat16 if self._narrow else state.dtype
        given = () if self.condition is None else (self.condition[rows].to(narrow),)
        with torch.autocast(state.device.type, torch.bfloat16, enabled=self.model.mixed and not self._narrow):
            if self._first is None:
                code = self._inner(self.units.inputs(state), *given)
            else:
                code = self._inner(state.to(narrow))
            context = self._body(posterior(code.to(narrow).flatten(1)).mean, *given)
        whole: Tensor = context.to(state.dtype).flatten(1)
        return whole

    def log_probabilities(self, context: Tensor, entry: int) -> Tensor:
        """Return log p of one entry's bins for rows known by their contexts, (M, W)."""
        places = self.units.layout.places(entry)
        if self._last is None:
            return context[:, places].log_softmax(-1)
        bias = None if self._last.bias is None else self._last.bias[places]
        return nn.functional.linear(context, self._last.weight[places], bias).log_softmax(-1)


def _first_and_rest(network: nn.Module) -> tuple[nn.Linear | None, nn.Module]:
    """Return a network's first layer, where it is linear in its inputs, and the rest; or None and the whole."""
    layers = [network.features, *_layers(network.head)] if isinstance(network, Conditioned) else _layers(network)
    if len(layers) > 1 and isinstance(layers[0], nn.Flatten) and isinstance(layers[1], nn.Linear):
        return layers[1], nn.Sequential(*layers[2:])
    return None, network


def _rest_and_last(network: nn.Module) -> tuple[nn.Module, nn.Linear | None]:
    """Return a network without its last layer, and that layer, where it is linear; or the whole and None."""
    layers = _layers(network.head if isinstance(network, Conditioned) else network)
    if len(layers) > 1 and isinstance(layers[-1], nn.Unflatten) and isinstance(layers[-2], nn.Linear):
        rest = nn.Sequential(*layers[:-2])
        return Conditioned(network.features, rest) if isinstance(network, Conditioned) else rest, layers[-2]
    return network, None


def _layers(network: nn.Module) -> list[nn.Module]:
    return list(network) if isinstance(network, nn.Sequential) else [network]


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
    order : of the entries, of each row, (N, n).
    u : uniform numbers, (N, n), that decide on the bins.
    condition : (N, c), or None.
    gaps : whether an entry may be drawn as missing.
    """
    walk = Steps(model, bins, seen, condition)
    units, (count, n) = walk.units, bins.shape
    bins = torch.where(seen, bins, 0)
    told = torch.where(seen, bins, -1) if condition is None else torch.arange(count, device=bins.device)[:, None]
    alike, all_differ = torch.unique(told, dim=0, return_inverse=True)[1], False
    for step in range(n):
        entries = order[:, step]
        rows = (~seen.gather(1, entries[:, None])[:, 0]).nonzero()[:, 0]
        if not len(rows):
            continue
        entries = entries[rows]
        kinds, kind = (entries * count + alike[rows]).unique(return_inverse=True)  # in the order of their entries
        example = rows.new_zeros(-(-len(kinds) // KINDS_AT_ONCE) * KINDS_AT_ONCE).scatter(0, kind, rows)
        contexts = walk.contexts(example)
        drawn, first = torch.empty_like(rows), 0
        of_entries = torch.bincount(kinds // count, minlength=n).tolist()
        by_entry = torch.split(entries.argsort(stable=True), torch.bincount(entries, minlength=n).tolist())
        for entry, (own, several) in enumerate(zip(by_entry, of_entries, strict=True)):
            if not several:
                continue
            p = walk.log_probabilities(contexts[first : first + several], entry).exp()
            p = p[:, :-1] if units.has_gap[entry] and not gaps else p
            reached = p.cumsum(-1)[kind[own] - first]
            met = u[rows[own], entry, None] * reached[:, -1:] >= reached
            drawn[own] = met.sum(-1).clamp(max=p.shape[1] - 1)
            first += several
        bins[rows, entries] = drawn
        walk.see(rows, entries, drawn)
        if not all_differ:
            now = alike.clone()
            now[rows] = count + kind * (int(units.most.max()) + 1) + drawn
            alike = now.unique(return_inverse=True)[1]
            all_differ = int(alike.max()) == count - 1
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
    known = units.has_gap | ~x.flatten(1).isnan()
    total = torch.where(known, units.log_share(x), 0.0).sum(1)
    if steps is None:
        return total + _chained(model, units.bins(x), known, order, condition)
    indicators = model.scaled(x)
    rank, (rows, n) = order.argsort(), known.shape
    chosen = ((torch.arange(steps, device=x.device) + 0.5) * (n / steps)).long()
    at_once = max(1, VALUES_AT_ONCE // (rows * units.layout.total))
    for few in torch.split(chosen, at_once):
        seen = (rank < few[:, None])[:, None].expand(-1, rows, -1).flatten(0, 1)
        again = indicators.repeat(len(few), 1)
        c = None if condition is None else condition.repeat(len(few), 1)
        entries = _bins(model, again, c, seen).entries(again).reshape(len(few), rows, n)
        hidden = (rank >= few[:, None]).to(entries.dtype)
        entries = torch.where(known, entries, 0.0)
        total = total + torch.einsum("srn,sn->r", entries, hidden / hidden.sum(1, keepdim=True)) * (n / steps)
    return total


def _chained(model: Model, bins: Tensor, known: Tensor, order: Tensor, condition: Tensor | None) -> Tensor:
    """Return Σₛ log p(b_{oₛ} | b_{o₁}, …, b_{oₛ₋₁}) over the entries that are known, (N,)."""
    walk, found = Steps(model, bins, torch.zeros_like(known), condition), []
    for entry in order.tolist():
        log_p = walk.log_probabilities(walk.contexts(slice(None)), entry).gather(1, bins[:, entry, None])[:, 0]
        found.append(torch.where(known[:, entry], log_p, 0.0))
        rows = known[:, entry].nonzero()[:, 0]
        walk.see(rows, torch.full_like(rows, entry), bins[rows, entry])
    return torch.stack(found).sum(0)
