"""What happens to rows: reconstructions, samples and the real rows nearest to them, scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...metrics import nearest_distance, r2_per_feature
from ...subsets import even_subset
from ..model_access import scores_bound_the_evidence
from .look import Images, Look

__all__ = ["Reconstructions", "Samples", "Scores", "discriminations", "reconstructions", "samples", "scores"]

SHOWN = 10
"""Rows of a kind that are shown side by side."""

FEATURES = 12
"""Columns of a table that are shown, at most: those that come back worst."""

BOUND_DRAWS = 5
"""Draws z ~ q(z|x) a row in the bound that the histogram shows: enough to rank rows, and a decoder's pass each."""

TRAINING_SCORES = 1_000
"""Training rows that get a score, at most."""

CLOUD_POINTS = 1_000
"""Rows and samples in the cloud, at most."""

DISTANCES = 500
"""Rows and samples whose distance to the training rows is measured, at most."""


@dataclass(frozen=True)
class Reconstructions:
    """Originals, inputs, outputs, and errors of a few rows, best to worst; the errors of all; each feature's R²."""

    originals: np.ndarray
    inputs: np.ndarray | None
    outputs: np.ndarray
    rows: np.ndarray
    shown_errors: np.ndarray
    errors: np.ndarray
    r2: np.ndarray
    worst: np.ndarray
    corruption: str


@dataclass(frozen=True)
class Samples:
    """New samples; the nearest row of each among the `of` rows; clouds of points on two axes; nearest distances."""

    shown: np.ndarray
    nearest: np.ndarray | None
    of: str
    real_points: np.ndarray | None
    sample_points: np.ndarray | None
    axes: tuple[str, str]
    sample_distances: np.ndarray | None
    real_distances: np.ndarray | None


@dataclass(frozen=True)
class Scores:
    """Scores by group (held-out, training, samples) and what a score is; the least usual rows and their numbers."""

    groups: dict[str, np.ndarray]
    what: str
    definition: str
    lowest: np.ndarray
    lowest_rows: np.ndarray


def reconstructions(
    model: Any, X: np.ndarray, X_hat: np.ndarray, look: Look, index: np.ndarray, seed: int
) -> Reconstructions:
    """Return what to show of reconstructions x̂ of rows.

    The rows shown are spread evenly over the order of their errors, the best first and the worst last. Where the system
    was trained on corrupted rows, its inputs here are corrupted alike; errors are those of the clean rows. `index`
    holds the rows' numbers, (N,).
    """
    errors = ((look.flat(X) - look.flat(X_hat)) ** 2).mean(axis=1)
    rows = np.argsort(errors, kind="stable")[even_subset(len(X), SHOWN)]
    originals, outputs, inputs, name = X[rows], X_hat[rows], None, ""
    corruption = getattr(model, "corruption_", None)
    if corruption is not None:
        inputs = model.corrupt(originals, random_state=seed)
        outputs = model.reconstruct(inputs.astype(model.dtype_))
        name = getattr(corruption, "__name__", None) or str(corruption)
    r2 = r2_per_feature(X, X_hat).reshape(-1)
    worst = np.argsort(r2, kind="stable")[:FEATURES]
    return Reconstructions(originals, inputs, outputs, index[rows], errors[rows], errors, r2, worst, name)


def samples(
    drawn: np.ndarray, X: np.ndarray | None, X_train: np.ndarray | None, look: Look, among: np.ndarray | None
) -> Samples:
    """Return what to show of samples: the first few, each beside the row nearest to it.

    Parameters
    ----------
    drawn : samples, (N, ...).
    X : held-out rows, or None.
    X_train : every training row, or None; nearest rows are looked for there, else in X.
    look : how samples are shown.
    among : the training rows that distances are measured to, fewer if there are many, or None.
    """
    shown = drawn[: 2 * SHOWN]
    where, of = (X_train, "training") if X_train is not None else (X, "held-out")
    nearest = None if where is None else where[_nearest(shown, where, look)]
    real_points = sample_points = of_samples = of_real = None
    axes = ("", "")
    beside = X if X is not None else where
    if not isinstance(look, Images):
        n = min(len(drawn), CLOUD_POINTS, len(drawn if beside is None else beside))
        real = drawn if beside is None else beside[even_subset(len(beside), n)]
        real_points, sample_points, axes = _cloud(real, drawn[:n], look)
        real_points = None if beside is None else real_points
    if among is not None and X is not None:
        n = min(len(X), len(drawn), DISTANCES)
        real = X[even_subset(len(X), n)]
        of_samples, of_real = (nearest_distance(look.flat(rows), look.flat(among)) for rows in (drawn[:n], real))
    return Samples(shown, nearest, of, real_points, sample_points, axes, of_samples, of_real)


def _nearest(A: np.ndarray, B: np.ndarray, look: Look) -> np.ndarray:
    """Return the index in B of the row nearest to each of A, a block of B at a time so that no copy of B is made."""
    from sklearn.metrics import pairwise_distances_argmin

    a = look.flat(A)
    best, found = np.full(len(a), np.inf), np.zeros(len(a), dtype=np.int64)
    for start in range(0, len(B), 10_000):
        block = look.flat(B[start : start + 10_000])
        index = pairwise_distances_argmin(a, block)
        distance = np.linalg.norm(a - block[index], axis=1)
        closer = distance < best
        best[closer], found[closer] = distance[closer], index[closer] + start
    return found


def _cloud(X: np.ndarray, drawn: np.ndarray, look: Look) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """Return real rows and samples on two axes: the columns of a plane, else the real rows' principal axes."""
    if look.n == 2 and look.names:
        return X.reshape(-1, 2), drawn.reshape(-1, 2), (look.names[0], look.names[1])
    from sklearn.decomposition import PCA

    real, new = look.flat(X), look.flat(drawn)
    mean = real.mean(0)
    k = min(2, *real.shape)
    axes = PCA(k, svd_solver="randomized", random_state=0).fit(real - mean).components_.T
    axes = np.pad(axes, ((0, 0), (0, 2 - k)))  # a single row or column has one axis: the second is zero
    names = ("first principal axis of the real rows", "second principal axis")
    return (real - mean) @ axes, (new - mean) @ axes, names


def scores(model: Any, X: np.ndarray, X_train: np.ndarray | None, rows: np.ndarray) -> Scores:
    """Return log-likelihoods in nats of held-out rows and of as many training rows, a thousand at most."""
    bounds = scores_bound_the_evidence(model)
    arguments = {"n_draws": BOUND_DRAWS} if bounds else {}
    groups = {"held-out": model.score_samples(X, **arguments)}
    if X_train is not None:
        some = even_subset(len(X_train), min(len(X), TRAINING_SCORES))
        groups["training"] = model.score_samples(X_train[some], **arguments)
    order = np.argsort(groups["held-out"], kind="stable")[:SHOWN]
    what, definition = (
        "log p(x|x̂), nats",
        "The log-likelihood of a row given its reconstruction, in nats. Higher is more usual.",
    )
    if bounds:
        what = "lower bound on log p(x), nats"
        definition = (
            f"log (1/k) Σ p(x, zᵢ)/q(zᵢ|x) with k = {BOUND_DRAWS} draws, in nats and the data's own units: a lower "
            "bound on log p(x) (Burda et al. 2016, equation 8). Higher is more usual."
        )
    return Scores(groups, what, definition, X[order], rows[order])


def discriminations(model: Any, X: np.ndarray, drawn: np.ndarray, rows: np.ndarray) -> Scores:
    """Return D(x) of held-out rows and of samples."""
    groups = {"held-out": model.discriminate(X), "samples": model.discriminate(drawn[: len(X)])}
    order = np.argsort(groups["held-out"], kind="stable")[:SHOWN]
    definition = (
        "D(x) = p_data/(p_data + p_g) as far as D has learnt it: the probability that a row is real. At ½ for both "
        "groups, the generator's samples cannot be told from the data; near 1 and near 0, the discriminator wins."
    )
    return Scores(groups, "D(x)", definition, X[order], rows[order])
