"""Codes of rows of which some entries are given, by importance resampling of codes that are drawn without them."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from ..distributions import log_prob
from ..errors import DataError
from ..model import Model
from ..source import Source

__all__ = ["codes_given"]

CODES_AT_ONCE = 2**12
"""Codes that are decoded at once."""

MOST_CODES = 2**18
"""Codes that are drawn at most."""

HOPELESS_BELOW = 10.0
"""The effective sample size below which the resampled codes say nothing of p(z | what is given)."""


@torch.no_grad()
def codes_given(model: Model, x: Tensor, n: int, source: Source) -> np.ndarray:
    r"""Return n draws from p(z | the entries of x that are known), (n, d).

    Codes z₁, …, z_M from the prior that samples come from are drawn anew with the weights w ∝ p(x_known|z). They are as
    good as (Σw)²/Σw² independent ones, the effective sample size; M is doubled until that is n, as far as
    `MOST_CODES`.

    Donald B. Rubin, "Using the SIR Algorithm to Simulate Posterior Distributions", 1988; Art B. Owen, "Monte Carlo
    Theory, Methods and Examples", 2013, https://artowen.su.domains/mc/, section 9.3, for the effective sample size.

    Parameters
    ----------
    x : one row in the data's units, (1, ...), NaN where nothing is known.

    Raises
    ------
    DataError : the effective sample size stays below `HOPELESS_BELOW`.
    """
    observed, x_model = model.observed(x), model.scaled(x).nan_to_num()
    z = model.prior_codes(0, source)
    log_w, effective = z.new_zeros(0, dtype=torch.float64), 0.0
    while effective < n and len(z) < MOST_CODES:
        for _ in range(max(1, len(z) // CODES_AT_ONCE)):
            more = model.prior_codes(CODES_AT_ONCE, source)
            z = torch.cat([z, more])
            log_w = torch.cat([log_w, log_prob(model.decode(more), x_model, observed).double()])
        weights = log_w.softmax(0)
        effective = float(1 / weights.square().sum())
    said = f"given: {len(z):,} codes of the model, weighed by their fit, are worth {effective:,.0f} independent ones"
    if not effective >= HOPELESS_BELOW:
        raise DataError(f"{said}: too few to draw from; give fewer entries, or fit a model with condition=")
    if effective < n:
        warnings.warn(f"{said}; some of the {n:,} rows share a code", stacklevel=4)
    u = (torch.arange(n, device=x.device) + source.uniform((1,), weights)) / n
    chosen = torch.searchsorted(weights.cumsum(0), u).clamp(max=len(z) - 1)
    shuffled = chosen[source.uniform((n,), weights).argsort()]
    resampled: np.ndarray = z[shuffled].cpu().numpy()
    return resampled
