"""What happens to rows: reconstructions, samples and their nearest training rows, scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...metrics import nearest_distance, r2_per_feature
from .look import Look, spread

__all__ = [
    "Reconstructions",
    "Samples",
    "Scores",
    "discriminations",
    "distances",
    "reconstructions",
    "row_errors",
    "samples",
    "scores",
]

SHOWN = 10
FEATURES = 12
"""Features of a table that are shown, at most: those that come back worst."""

DRAWS = 5
"""Draws z ~ q(z|x) a row in the bound that the histogram shows: enough to rank rows, and a decoder's pass each."""


TRAINING_SCORES = 1_000
"""Training rows that get a score, at most."""


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
    """New samples; the nearest row of each among `of`; all that the cloud shows on two axes of the real rows."""

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
    """Scores by group (held-out, training, samples) and what a score is; the least usual rows."""

    groups: dict[str, np.ndarray]
    what: str
    definition: str
    lowest: np.ndarray | None
    lowest_rows: np.ndarray


def row_errors(X: np.ndarray, X_hat: np.ndarray, look: Look) -> np.ndarray:
    """Return each row's mean squared error in comparable units, (N,)."""
    errors: np.ndarray = ((look.flat(X) - look.flat(X_hat)) ** 2).mean(axis=1)
    return errors


def reconstructions(
    estimator: Any, X: np.ndarray, X_hat: np.ndarray, look: Look, index: np.ndarray, seed: int
) -> Reconstructions:
    """Return what to show of reconstructions x̂ of rows.

    The rows shown are spread evenly over the order of their errors, the best first and the worst last. Where the system
    was trained on corrupted rows, they are corrupted alike, and errors are those of the clean rows. `index` is what
    the rows are called, (N,).
    """
    errors = row_errors(X, X_hat, look)
    rows = np.argsort(errors, kind="stable")[spread(len(X), SHOWN)]
    originals, inputs = X[rows], None
    corruption = getattr(estimator, "corruption_", None)
    if corruption is not None:
        inputs = estimator.corrupt(originals, random_state=seed)
    outputs = X_hat[rows] if inputs is None else estimator.reconstruct(inputs.astype(estimator.dtype_))
    r2 = r2_per_feature(X, X_hat).reshape(-1)
    name = "" if corruption is None else getattr(corruption, "__name__", None) or str(corruption)
    worst = np.argsort(r2, kind="stable")[:FEATURES]
    return Reconstructions(originals, inputs, outputs, index[rows], errors[rows], errors, r2, worst, name)


def distances(A: np.ndarray, B: np.ndarray, look: Look) -> np.ndarray:
    """Return each row's distance to the nearest row of B in comparable units, (N,)."""
    return nearest_distance(look.flat(A), look.flat(B))


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
    from sklearn.metrics import pairwise_distances_argmin

    shown = drawn[: 2 * SHOWN]
    where, of = (X_train, "training") if X_train is not None else (X, "held-out")
    nearest = None
    if where is not None:
        nearest = where[_nearest(shown, where, look, pairwise_distances_argmin)]
    real_points = sample_points = None
    axes = ("", "")
    if X is not None and look.kind != "images":
        n = min(len(X), len(drawn), 1_000)
        real_points, sample_points, axes = cloud(X[spread(len(X), n)], drawn[:n], look)
    of_samples = of_real = None
    if among is not None and X is not None:
        n = min(len(X), len(drawn), 500)
        of_samples, of_real = distances(drawn[:n], among, look), distances(X[spread(len(X), n)], among, look)
    return Samples(shown, nearest, of, real_points, sample_points, axes, of_samples, of_real)


def _nearest(A: np.ndarray, B: np.ndarray, look: Look, argmin: Any) -> np.ndarray:
    """Return the index in B of the row nearest to each of A, a block of B at a time so that no copy of B is made."""
    a = look.flat(A)
    best, found = np.full(len(a), np.inf), np.zeros(len(a), dtype=np.int64)
    for start in range(0, len(B), 10_000):
        block = look.flat(B[start : start + 10_000])
        index = argmin(a, block)
        distance = np.linalg.norm(a - block[index], axis=1)
        closer = distance < best
        best[closer], found[closer] = distance[closer], index[closer] + start
    return found


def cloud(X: np.ndarray, drawn: np.ndarray, look: Look) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """Return real rows and samples on two axes: the columns of a plane, else the real rows' principal axes."""
    if look.n == 2 and look.names:
        return X.reshape(-1, 2), drawn.reshape(-1, 2), (look.names[0], look.names[1])
    real, new = look.flat(X), look.flat(drawn)
    mean = real.mean(0)
    axes = principal_axes(real - mean)
    names = ("first principal axis of the real rows", "second principal axis")
    return (real - mean) @ axes, (new - mean) @ axes, names


def principal_axes(centred: np.ndarray) -> np.ndarray:
    """Return the two leading principal axes of centred rows, (n, 2); a second of zeros where there is only one."""
    from sklearn.decomposition import PCA

    k = min(2, *centred.shape)
    axes: np.ndarray = PCA(k, svd_solver="randomized", random_state=0).fit(centred).components_.T
    return np.pad(axes, ((0, 0), (0, 2 - k)))


def scores(estimator: Any, X: np.ndarray, X_train: np.ndarray | None, rows: np.ndarray) -> Scores:
    """Return log-likelihoods in nats of held-out rows and of at most as many training rows, a thousand at most."""
    drawn = hasattr(estimator, "prior_")
    score = (lambda x: estimator.score_samples(x, n_draws=DRAWS)) if drawn else estimator.score_samples
    groups = {"held-out": score(X)}
    if X_train is not None:
        groups["training"] = score(X_train[spread(len(X_train), min(len(X), TRAINING_SCORES))])
    order = np.argsort(groups["held-out"], kind="stable")[:SHOWN]
    if drawn:
        what = "lower bound on log p(x), nats"
        definition = (
            f"log (1/k) Σ p(x, zᵢ)/q(zᵢ|x) with k = {DRAWS} draws, in nats and the data's own units: a lower bound on "
            "log p(x) (Burda et al. 2016, equation 8). Higher is more usual."
        )
    else:
        what = "log p(x|x̂), nats"
        definition = "The log-likelihood of a row given its reconstruction, in nats. Higher is more usual."
    return Scores(groups, what, definition, X[order], rows[order])


def discriminations(estimator: Any, X: np.ndarray, drawn: np.ndarray, rows: np.ndarray) -> Scores:
    """Return D(x) of held-out rows and of samples."""
    groups = {"held-out": estimator.discriminate(X), "samples": estimator.discriminate(drawn[: len(X)])}
    order = np.argsort(groups["held-out"], kind="stable")[:SHOWN]
    definition = (
        "D(x) = p_data/(p_data + p_g) as far as D has learnt it: the probability that a row is real. ½ for both is a "
        "generator that cannot be told from the data; near 1 and near 0 is a discriminator that wins."
    )
    return Scores(groups, "D(x)", definition, X[order], rows[order])
