"""What a variational autoencoder's bound is made of, in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import metrics
from ...diagnosis import Subject
from ...metrics.posteriors import divergences
from ...subsets import even_subset
from ..model_access import has_evidence_bound, units_have_divergences
from .numbers import Number, with_error

__all__ = ["evidence_numbers"]

BOUND_ROWS = 2_000
"""Held-out rows that the bound is measured on, at most."""

DRAWS = 16
"""Draws a row for the expectation in the bound."""

CARRYING_NATS = 0.1
"""Divergence above which a unit is said to carry information."""


def evidence_numbers(subject: Subject) -> list[Number]:
    """Return the evidence bound and, where the prior is a standard normal, the divergence of each unit."""
    model, X = subject.estimator, subject.held_out.own
    if not has_evidence_bound(model) or len(X) < 2 or subject.held_out.asked is not None:
        return []
    x = X[even_subset(len(X), BOUND_ROWS)]
    bound = metrics.elbo(model, x, n_draws=DRAWS)
    definition = (
        f"𝔼 log p(x|z) − KL(q(z|x) ‖ p(z)), {DRAWS} draws a row, mean over {len(x):,} held-out rows ± its standard "
        "error, in nats and the data's own units: what training maximises (Kingma & Welling 2014, equation 3)."
    )
    text = with_error(bound.value, bound.standard_error)
    found = [Number("Likelihood", "evidence bound, nats", bound.value, text, definition)]
    if units_have_divergences(model):
        found += _divergences(model, x)
    return found


def _divergences(model: Any, x: np.ndarray) -> list[Number]:
    moments = metrics.posterior_moments(model, x)
    units, errors = metrics.kl_per_unit(*moments)
    order = np.argsort(-units, kind="stable")
    each = ", ".join(f"unit {u}: {units[u]:.2f} ± {errors[u]:.1g}" for u in order[:20])
    rest = f" and {len(units) - 20} more below" if len(units) > 20 else ""
    whole = metrics.mean_of_rows(divergences(*moments).sum(1))
    definition = (
        "KL(q(z|x) ‖ p(z)) summed over units, mean over held-out rows: how much a code says of its row, in nats "
        f"(Kingma & Welling 2014, appendix B). {each}{rest}."
    )
    text = with_error(whole.value, whole.standard_error)
    carrying = int((units > CARRYING_NATS).sum())
    carried = f"Units whose KL exceeds {CARRYING_NATS} nats, a mean over held-out rows. {each}{rest}."
    return [
        Number("Codes", "divergence from the prior, nats", whole.value, text, definition),
        Number("Codes", f"units above {CARRYING_NATS} nats", carrying, f"{carrying} of {len(units)}", carried),
    ]
