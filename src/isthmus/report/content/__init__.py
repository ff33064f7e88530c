"""What a report says, as arrays and numbers; how it is drawn is somebody else's business."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ...diagnosis import Verdict, diagnose, worst_first
from ...errors import DataError
from ...persistence import resolved
from . import codes, evidence, likeness, numbers, rows
from .codes import Colouring, Filters, Interpolation, LatentMap, Traversal
from .learning import Curve, learning
from .look import Look, feature_names, look_of, nameless, spread
from .numbers import Number
from .rows import Reconstructions, Samples, Scores

__all__ = [
    "Colouring",
    "Content",
    "Curve",
    "Filters",
    "Interpolation",
    "LatentMap",
    "Look",
    "Number",
    "Reconstructions",
    "Samples",
    "Scores",
    "Traversal",
    "Verdict",
    "content",
]

MEASURED = 10_000
"""Held-out rows that are measured, at most."""

SCORED = 1_000
"""Held-out rows that a discriminator judges, at most."""

PROBED = 4_000
"""Training rows that labels are learnt from, at most."""

TRAINING = 20_000
"""Training rows that distances are measured to, at most."""

DRAWN = 2_000
"""Samples drawn."""

JUDGED = 20
"""Held-out rows without which no verdict is given."""


@dataclass(frozen=True)
class Content:
    """Everything a report shows. What a system or the data do not have is None or empty."""

    system: str
    summary: str
    data: str
    command: str
    facts: list[str]
    look: Look | None
    verdicts: list[Verdict]
    numbers: list[Number]
    learning: list[Curve]
    card: dict[str, str]
    reconstructions: Reconstructions | None = None
    latent: LatentMap | None = None
    map_samples: np.ndarray | None = None
    traversals: list[Traversal] = field(default_factory=list)
    active: int = 0
    interpolations: list[Interpolation] = field(default_factory=list)
    samples: Samples | None = None
    scores: Scores | None = None
    filters: Filters | None = None


def content(
    estimator: Any,
    X: Any = None,
    X_train: Any = None,
    *,
    labels: Any = None,
    train_labels: Any = None,
    data: str = "",
    command: str = "",
    seed: int = 0,
) -> Content:
    """Measure a fitted estimator for a report.

    Parameters
    ----------
    estimator : fitted.
    X : held-out rows (N, ...), or None: then only what needs no data is there.
    X_train : the rows it was fitted on, for nearest rows, PCA and floors; or None.
    labels, train_labels : a label for each row, (N,), or None.
    data : what the data are called.
    command : what makes this report again.
    seed : of every draw.

    Raises
    ------
    DataError : rows do not fit the model, or labels do not fit the rows.
    """
    check_is_fitted(estimator, "model_")
    held, labels = checked(estimator, X, labels, "X")
    train, train_labels = checked(estimator, X_train, train_labels, "X_train")
    facts, keep = _facts(held, train), some_of(held, MEASURED, seed)
    if held is not None:
        held, labels = held[keep], None if labels is None else labels[keep]
    with nameless():
        drawn = estimator.sample(DRAWN, random_state=seed) if hasattr(estimator, "sample") else None
        seen = held if held is not None else drawn
        look = None if seen is None else look_of(seen, feature_names(estimator, X))
        parts = _measured(estimator, held, train, labels, train_labels, drawn, look, keep, seed)
        verdicts = [] if held is None or len(held) < JUDGED else diagnose(estimator, held, train, random_state=seed)
    return Content(
        system=type(estimator).__name__,
        summary=(type(estimator).__doc__ or "").strip().splitlines()[0],
        data=data,
        command=command,
        facts=facts,
        look=look,
        verdicts=worst_first(verdicts),
        numbers=[*parts.pop("numbers"), *numbers.fit_numbers(estimator)],
        learning=learning(estimator.history_),
        card=_card(estimator),
        **parts,
    )


def _measured(
    estimator: Any,
    X: np.ndarray | None,
    X_train: np.ndarray | None,
    labels: np.ndarray | None,
    train_labels: np.ndarray | None,
    drawn: np.ndarray | None,
    look: Look | None,
    index: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """Return the sections that the system and the data allow, by their name in `Content`, and the numbers."""
    found: list[Number] = []
    parts: dict[str, Any] = {"numbers": found}
    if look is None:
        return parts
    encodes = hasattr(estimator, "transform")
    H = None
    if encodes and X is not None:
        H = estimator.transform(X)
        X_hat = estimator.inverse_transform(H)
        parts["reconstructions"] = rows.reconstructions(estimator, X, X_hat, look, index, seed)
        found += numbers.reconstruction_numbers(X, X_hat, X_train, look, estimator.latent_dim_)
        shown = spread(len(X), codes.MAP_POINTS)
        scores = parts["scores"] = rows.scores(estimator, X[shown], X_train, index[shown])
        found += numbers.score_numbers(scores.groups, scores.what, scores.definition)
        found += evidence.evidence_numbers(estimator, X)
        H_train = None if train_labels is None or X_train is None else _codes_of_some(estimator, X_train)
        some = None if train_labels is None else train_labels[spread(len(train_labels), PROBED)]
        found += numbers.code_numbers(H, labels, H_train, some, hasattr(estimator, "prior_"))
        parts["latent"] = codes.latent_map(
            H[shown],
            index[shown],
            colourings(
                X[shown],
                H[shown],
                None if labels is None else labels[shown],
                scores.groups["held-out"],
                parts["reconstructions"].errors[shown],
                look,
            ),
        )
        parts["map_samples"] = X[shown]
        parts["interpolations"] = codes.interpolations(estimator, X, labels, index, seed)
    if drawn is not None:
        among = None if X_train is None else X_train[some_of(X_train, TRAINING, seed)]
        made = parts["samples"] = rows.samples(drawn, X, X_train, look, among)
        if X is not None:
            found += likeness.sample_numbers(estimator, drawn, X, X_train, train_labels, look, seed)
            if hasattr(estimator, "discriminate"):
                scored = spread(len(X), SCORED)
                scores = parts["scores"] = rows.discriminations(estimator, X[scored], drawn, index[scored])
                found += numbers.score_numbers(scores.groups, scores.what, scores.definition)
        if made.sample_distances is not None and made.real_distances is not None and among is not None:
            found += likeness.memorisation_numbers(made.sample_distances, made.real_distances, len(among))
    parts["traversals"], parts["active"] = traversals(estimator, H, look, seed)
    parts["filters"] = codes.filters(estimator, look)
    return parts


def traversals(estimator: Any, H: np.ndarray | None, look: Look, seed: int) -> tuple[list[Traversal], int]:
    """Return traversals about the mean of the codes H, or without codes about one draw from the prior."""
    if H is not None:
        return codes.traversals(estimator, H, look, H.mean(0))
    if getattr(estimator.model_, "prior", None) is None:
        return [], 0
    z = codes.prior_draws(estimator, 1_000, seed)
    return codes.traversals(estimator, z, look, z[0])


def _codes_of_some(estimator: Any, X: np.ndarray) -> np.ndarray:
    H: np.ndarray = estimator.transform(X[spread(len(X), PROBED)])
    return H


def checked(estimator: Any, X: Any, labels: Any, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return rows as checked, and their labels, checked for their number."""
    if X is None:
        if labels is not None:
            raise DataError(f"labels were given, but no {name}")
        return None, None
    x = estimator._check_rows(X)
    if labels is None:
        return x, None
    y = np.asarray(labels)
    if y.shape != (len(x),):
        raise DataError(f"{len(x)} rows of {name} need labels of shape ({len(x)},), got {y.shape}")
    return x, y


def some_of(X: np.ndarray | None, at_most: int, seed: int) -> np.ndarray:
    """Return the indices of at most so many rows, drawn at random, in their order."""
    if X is None or len(X) <= at_most:
        return np.arange(0 if X is None else len(X))
    return np.sort(np.random.default_rng(seed).choice(len(X), at_most, replace=False))


def _facts(X: np.ndarray | None, X_train: np.ndarray | None) -> list[str]:
    """Return what was measured on, and what was summarised."""
    if X is None:
        return ["No data were given: what needs data is left out."]
    shape = f"shape {' × '.join(str(n) for n in X.shape[1:])}" if X.ndim > 2 else f"{X.shape[1]:,} numbers"
    facts = [f"{len(X):,} held-out rows of {shape}."]
    if len(X) > MEASURED:
        facts.append(f"Summarised: everything was measured on {MEASURED:,} of them, drawn at random.")
    if X_train is None:
        facts.append("No training rows were given: PCA's error, over-fitting and memorisation are left out.")
    else:
        facts.append(f"{len(X_train):,} training rows.")
    return facts


def _card(estimator: Any) -> dict[str, str]:
    """Return what the model is, as the model card has it."""
    from ... import __version__

    card = {
        "class": type(estimator).__name__,
        "samples": f"shape {estimator.shape_}, {estimator.dtype_.name}",
        "fitted with": f"isthmus {__version__}",
    }
    names = feature_names(estimator)
    if names:
        card["columns"] = ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")
    given = {name: value for name, value in estimator.get_params(deep=False).items() if value is not None}
    used = {name.rstrip("_"): value for name, value in resolved(estimator).items()}
    return card | {name.replace("_", " "): str(value) for name, value in (given | used).items()}


def colourings(
    X: np.ndarray, H: np.ndarray, labels: np.ndarray | None, scores: np.ndarray, errors: np.ndarray, look: Look
) -> list[Colouring]:
    """Return what the map can be coloured by: the label, the score, the error, the columns of a table."""
    found = [] if labels is None else [codes.colouring("label", labels)]
    found += [Colouring("score", scores.astype(np.float64)), Colouring("error", errors)]
    if look.kind == "rows":
        flat = X.reshape(len(X), -1)
        chosen = np.arange(look.n)
        if look.n > codes.COLUMNS:
            chosen = np.sort(np.argsort(-_tie(flat, H), kind="stable")[: codes.COLUMNS])
        found += [codes.colouring(look.names[i], flat[:, i]) for i in chosen]
    return found


def _tie(X: np.ndarray, H: np.ndarray) -> np.ndarray:
    """Return the largest squared correlation of each column with a unit of the code."""

    def standard(a: np.ndarray) -> np.ndarray:
        std = a.std(0)
        centred: np.ndarray = (a - a.mean(0)) / np.where(std > 0, std, 1)
        return centred

    strongest: np.ndarray = ((standard(X.astype(np.float64)).T @ standard(H)) ** 2).max(1)
    return strongest
