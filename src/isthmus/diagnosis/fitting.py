"""Over-fitting, under-fitting, and training that stopped too early."""

from __future__ import annotations

import numpy as np

from .subject import Subject
from .table import Finding, check, grade

__all__ = ["stopped_early"]


@check(
    "training stopped too early",
    "The share of the loss's whole fall that came in the last fifth of the epochs: warning above 5 %, fault above "
    "15 %. A fall that halves every fifth of the fit would leave 1/31 = 3 % to the last.",
)
def stopped_early(subject: Subject) -> Finding | None:
    """Look at how much of the loss's fall took place at the end of the history."""
    loss = subject.column("loss")
    if loss is None or len(loss) < 2:
        return None
    last = max(1, len(loss) // 5)
    whole = loss[0] - loss.min()
    late = loss[-1 - last] - loss[-1]
    share = float(np.clip(late / whole, 0, 1)) if whole > 0 else 0.0
    return Finding(
        grade(share, 0.05, 0.15),
        f"{share:.0%} of the loss's fall came in the last {last} of {len(loss)} epochs.",
        {"late_share": share, "epochs": len(loss), "last_epochs": last, "loss_first": loss[0], "loss_last": loss[-1]},
        "Raise max_epochs, or learning_rate.",
    )
