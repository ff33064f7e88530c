"""Rows completed: what is missing of them, given all that is seen, by the model's own p(x|z), p(z) and q(z|x)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .batch import Batch
from .blocks import values_at_once
from .distributions import draw
from .expectation import expectation, guess_at
from .fitted import Fitted
from .model import Model, Pass
from .source import ByRow, row_seeds

__all__ = ["PARTICLES", "best_guess", "drawn_completions", "weighted_codes"]

PARTICLES = 512
"""Codes of a row over which its completion is averaged, and from which its draws are resampled."""

DRAWS_AT_ONCE = 16
"""Draws of a row that are decoded together, always as many, so that the bits of one do not depend on their number."""


def weighted_codes(
    model: Model, x: Tensor, condition: Tensor | None, n_draws: int, seeds: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Return codes zₖ ~ q(z|x), (k, N, d), and log p(x, zₖ) − log q(zₖ|x), (k, N), of what is observed of x.

    Parameters
    ----------
    x : a block of rows in the data's units, (N, ...), NaN where an entry is not observed.
    n_draws : k.
    seeds : one integer a row, from which its draws are made, so that they do not depend on other rows; None takes the
        row's own bits.
    """
    observed, x_model = model.observed(x), model.scaled(x).nan_to_num()
    q = model.encode(x_model, condition, observed)
    seeds = row_seeds(x_model) if seeds is None else seeds
    batch, codes, log_weights = Batch(x, condition=condition, observed=observed), [], []
    at_once = max(1, values_at_once(x.device) // x.numel())
    for start in range(0, n_draws, at_once):
        draws = range(start, min(start + at_once, n_draws))
        source = ByRow(seeds, draws)
        passed = Pass(model, batch, source, (len(draws),), x=x_model, x_tilde=x_model, q=q)
        codes.append(passed.z)
        log_weights.append(passed.log_weights)
    return torch.cat(codes), torch.cat(log_weights)


def best_guess(fitted: Fitted, rows: np.ndarray, condition: np.ndarray | None) -> np.ndarray:
    r"""Return rows with 𝔼[x | what is seen of x] in their gaps, in the data's units; of a category, its mode.

    𝔼[x | x_seen] ≈ Σₖ wₖ 𝔼[x|zₖ], with codes zₖ ~ q(z|x_seen) and weights wₖ ∝ p(x_seen|zₖ) p(zₖ) / q(zₖ|x_seen) that
    sum to one. A code without noise stands for itself: 𝔼[x|z]. The codes of a row are seeded by the row.

    Pierre-Alexandre Mattei and Jes Frellsen, "MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets",
    2019, https://arxiv.org/abs/1812.02633, section 3.

    Parameters
    ----------
    rows : (N, ...), NaN where an entry is missing.
    condition : of each row, (N, c), or None.
    """
    model = fitted.model

    def guess(x: Tensor, c: Tensor | None) -> Tensor:
        z, weight = _posterior_codes(model, x, c)
        at_once, total = max(1, values_at_once(x.device) // x.numel()), torch.zeros(())
        for codes, w in zip(torch.split(z, at_once), torch.split(weight, at_once), strict=True):
            p = model.decode(codes, c)
            means = expectation(p)
            total = total + torch.einsum("kn,kn...->n...", w, means)
        return model.scaling.inverse(guess_at(p, total))

    incomplete = np.flatnonzero(np.isnan(rows.reshape(len(rows), -1)).any(axis=1))
    filled = rows.copy()
    if len(incomplete):
        given = None if condition is None else condition[incomplete]
        found = fitted.map(rows[incomplete], guess, condition=given, draws=_particles(model))
        filled[incomplete] = np.where(np.isnan(rows[incomplete]), found, rows[incomplete])
    return filled


def drawn_completions(
    fitted: Fitted, rows: np.ndarray, condition: np.ndarray | None, n_draws: int, seed: int
) -> np.ndarray:
    r"""Return rows with draws from p(x | what is seen of x) in their gaps, (n_draws, N, ...), in the data's units.

    Sampling importance resampling: of a row's weighted codes, one is drawn for each draw, with probability wₖ, and then
    x ~ p(x|zₖ). Mattei and Frellsen (2019), section 3.

    Parameters
    ----------
    rows, condition : as in `best_guess`.
    seed : with it, the row and the row's place, the draws are made; more rows or more draws change none of them.
    """
    model, shape = fitted.model, rows.shape[1:]
    incomplete = np.flatnonzero(np.isnan(rows.reshape(len(rows), -1)).any(axis=1))
    filled = np.repeat(rows[None], n_draws, axis=0)
    if not len(incomplete):
        return filled
    placed = np.column_stack([rows.reshape(len(rows), -1), np.arange(len(rows), dtype=rows.dtype)])[incomplete]

    def drawn(flat: Tensor, c: Tensor | None) -> Tensor:
        x = flat[:, :-1].reshape(-1, *shape)
        seeds = row_seeds(flat.nan_to_num()) + seed
        z, weight = _posterior_codes(model, x, c, seeds)
        found = []
        for start in range(0, n_draws, DRAWS_AT_ONCE):
            draws = range(start, start + DRAWS_AT_ONCE)
            u = ByRow(seeds + 1, draws).uniform((len(draws), len(x)), weight)
            below = torch.searchsorted(weight.cumsum(0).T.contiguous(), u.T.contiguous()).T
            chosen = below.clamp(max=len(weight) - 1)[..., None].expand(-1, -1, z.shape[-1])
            found.append(draw(model.decode(z.gather(0, chosen), c), ByRow(seeds + 2, draws)))
        return model.scaling.inverse(torch.cat(found)[:n_draws].transpose(0, 1))

    given = None if condition is None else condition[incomplete]
    found = fitted.map(placed, drawn, condition=given, draws=_particles(model)).swapaxes(0, 1)
    filled[:, incomplete] = np.where(np.isnan(rows[incomplete]), found, rows[incomplete])
    return filled


def _weighs(model: Model) -> bool:
    return model.has_density and model.prior is not None


def _particles(model: Model) -> int:
    return PARTICLES if _weighs(model) else 1


def _posterior_codes(
    model: Model, x: Tensor, condition: Tensor | None, seeds: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return codes of what is seen of rows, (k, N, d), and their weights, (k, N), which sum to one."""
    if not _weighs(model):
        z = model.encode(model.scaled(x).nan_to_num(), condition, model.observed(x)).mean[None]
        return z, torch.ones_like(z[..., 0])
    z, log_weights = weighted_codes(model, x, condition, PARTICLES, seeds)
    return z, log_weights.softmax(0)
