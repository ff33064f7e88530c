"""Diagnosis: held-out verdicts in plain words on a fitted estimator.

>>> from sklearn.datasets import load_digits
>>> from isthmus import Autoencoder
>>> from isthmus.diagnosis import diagnose
>>> X = load_digits().images / 16
>>> ae = Autoencoder(latent_dim=8, batch_size=100, max_epochs=25, random_state=0).fit(X[:1200])
>>> sorted({verdict.status for verdict in diagnose(ae, X[1200:], X[:1200])})
['healthy']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..device import plain_modes
from ..errors import DataError
from ..typing import ArrayLike
from . import codes, fitting, games, samples, scale, tables  # noqa: F401  (importing a file of checks fills the table)
from .chosen import measured_rows
from .held import Rows
from .likeness import short
from .subject import Subject
from .table import CHECKS, Check
from .verdict import Headline, Verdict, headline, summary, worst_first

__all__ = [
    "CHECKS",
    "FEWEST_JUDGED",
    "Check",
    "Headline",
    "Rows",
    "Subject",
    "Verdict",
    "diagnose",
    "headline",
    "judge",
]
__all__ += ["measured_rows", "short", "summary", "worst_first"]

if TYPE_CHECKING:
    from ..estimators import Estimator

FEWEST_JUDGED = 20
"""Held-out rows below which no share or spread is worth a verdict."""


@plain_modes()
def diagnose(
    estimator: Estimator,
    X: ArrayLike,
    X_train: ArrayLike | None = None,
    *,
    condition: ArrayLike | None = None,
    condition_train: ArrayLike | None = None,
    random_state: int = 0,
) -> list[Verdict]:
    """Return a verdict of every check that applies to a fitted estimator, healthy ones too.

    Parameters
    ----------
    estimator : fitted, any of isthmus.
    X : held-out rows, (N, ...), 20 or more; of more than 10,000 so many are drawn.
    X_train : the rows it was trained on; without them memorisation and over-fitting are not judged.
    condition, condition_train : what comes with each row of X and of X_train, where the model has a condition. Samples
        are then drawn under the conditions of the held-out rows, and linear models are told the condition as well.
    random_state : the seed of every draw; the same seed gives the same verdicts.

    Raises
    ------
    DataError : the rows are not of the shape that the estimator was fitted on, or too few.
    NotFittedError : the estimator was not fitted.
    """
    subject = Subject(
        estimator, X, X_train, condition=condition, condition_train=condition_train, random_state=random_state
    )
    return judge(subject)


def judge(subject: Subject) -> list[Verdict]:
    """Return a verdict of every check that applies to a subject.

    Raises
    ------
    DataError : there are fewer than 20 held-out rows.
    """
    if len(subject.held_out) < FEWEST_JUDGED:
        raise DataError(f"a diagnosis needs at least {FEWEST_JUDGED} held-out rows, got {len(subject.held_out)}")
    return [verdict for check in CHECKS if (verdict := check(subject)) is not None]
