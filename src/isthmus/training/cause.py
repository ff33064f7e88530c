"""Why a fit blew up: which term, which rows and columns, which layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..batch import Batch
from ..model import Model, Pass
from ..objective import Objective, weighted_sum
from ..source import Source

__all__ = ["cause"]

FAR_OUT_FACTOR = 20.0
"""A value is called far out if it is more than this many times the median absolute value of its batch."""


def cause(
    model: Model,
    objective: Objective,
    batch: Batch,
    rows: Tensor,
    source: Source,
    weights: Mapping[str, float],
) -> str | None:
    """Describe what in a step is not finite: the term, rows, layer and far-out column. Return None if all is finite.

    Parameters
    ----------
    model : the model before the step.
    objective : what the step minimises.
    batch : the rows of the step.
    rows : the batch's row numbers in the data, (N,).
    source : the source of the step's draws.
    weights : weights of the objective's terms.
    """
    layers: list[str] = []
    hooks = [module.register_forward_hook(_noting(name, layers)) for name, module in model.named_modules() if name]
    try:
        with torch.enable_grad():
            terms = objective(model, Pass(model, batch, source, objective.sample_shape), source)
            wrong = {name: ~value.detach().isfinite() for name, value in terms.items()}
            term = next((name for name, where in wrong.items() if where.any()), None)
            if term is not None:
                first = [int(r) for r in rows[wrong[term].nonzero().flatten()[:3].to(rows.device)]]
                where = f"the term {term!r} is not finite for {int(wrong[term].sum())} of {len(rows)} rows of a batch"
                return f"{where}, the first of them {first}" + _in_layer(layers) + _far_out(model, batch, rows)
            weight = _steep(model, weighted_sum(terms, weights).mean())
    finally:
        for hook in hooks:
            hook.remove()
    if weight is None:
        return None
    return f"the gradient of the weights {weight!r} is not finite" + _far_out(model, batch, rows)


def _noting(name: str, layers: list[str]) -> Any:
    def note(module: nn.Module, args: Any, out: Any) -> None:
        if isinstance(out, Tensor) and not bool(out.isfinite().all()):
            layers.append(f"{name} ({type(module).__name__})")

    return note


def _in_layer(layers: list[str]) -> str:
    if not layers:
        return ""
    if layers[0].startswith("scaling "):
        return "; the model's input itself is not finite"
    return f"; the first layer whose output is not finite: {layers[0]}"


def _steep(model: Model, loss: Tensor) -> str | None:
    """Return the name of the first parameter whose gradient is not finite, or None."""
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    slopes = torch.autograd.grad(loss, [weight for _, weight in named], allow_unused=True)
    broken = (n for (n, _), g in zip(named, slopes, strict=True) if g is not None and not bool(g.isfinite().all()))
    return next(broken, None)


def _far_out(model: Model, batch: Batch, rows: Tensor) -> str:
    """Name the batch's largest value in the model's units, if it is far out."""
    x = model.scaled(batch.x).detach().flatten(1).abs().nan_to_num(posinf=torch.inf)
    place = int(x.argmax())
    row, column = divmod(place, x.shape[1])
    largest, usual = float(x.flatten()[place]), float(x.median())
    if not largest > FAR_OUT_FACTOR * max(usual, 1.0):
        return ""
    where = f"row {int(rows[row])}, column {column}"
    return f"; {where} is {largest:.3g} in the model's units, where a typical value is {usual:.2g}"
