"""What happens to rows: reconstructions, samples and the real rows nearest to them, scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ...diagnosis import Rows, Subject
from ...diagnosis.scored import Scored
from ...look import Images, Look
from ...subsets import even_subset
from ..model_access import scores_bound_the_evidence

__all__ = ["Reconstructions", "Samples", "Scores", "discriminations", "exact_scores", "reconstructions", "samples"]
__all__ += ["scores"]

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

REASONS = 3
"""Columns that are named for a row that is unusual."""


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
    """Scores by group (held-out, training, samples), what a score is, and the least usual rows.

    Of these there are their values, numbers and scores, lowest first, what would be expected in their place, and the
    features that are farthest from that, the farthest first, (rows, features).
    """

    groups: dict[str, np.ndarray]
    what: str
    definition: str
    lowest: np.ndarray
    lowest_rows: np.ndarray
    lowest_scores: np.ndarray
    expected: np.ndarray
    reasons: np.ndarray


def reconstructions(subject: Subject) -> Reconstructions:
    """Return what to show of reconstructions x̂ of held-out rows.

    The rows shown are spread evenly over the order of their errors, the best first and the worst last. Where the system
    was trained on corrupted rows, these are corrupted alike, and errors are those of what is made of them.
    """
    held = subject.held_out
    chosen = np.argsort(held.errors, kind="stable")[even_subset(len(held), SHOWN)]
    corruption = getattr(subject.estimator, "corruption_", None)
    r2 = held.r2_of_columns
    return Reconstructions(
        originals=held.own[chosen],
        inputs=subject.own_units(held.inputs[chosen]) if subject.denoises else None,
        outputs=subject.own_units(held.x_hat[chosen]),
        rows=held.index[chosen],
        shown_errors=held.errors[chosen],
        errors=held.errors,
        r2=r2,
        worst=np.argsort(r2, kind="stable")[:FEATURES],
        corruption="" if corruption is None else getattr(corruption, "__name__", None) or str(corruption),
    )


def samples(
    drawn: np.ndarray, X: np.ndarray | None, X_train: np.ndarray | None, look: Look, subject: Subject | None
) -> Samples:
    """Return what to show of samples: the first few, each beside the row nearest to it.

    Parameters
    ----------
    drawn : samples, (N, ...).
    X : held-out rows, or None.
    X_train : every training row, or None; nearest rows are looked for there, else in X.
    look : how samples are shown.
    subject : that knows the distances to training rows, or None.
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
    distances = None if subject is None else subject.nearest
    if distances is not None:
        of_samples, of_real = distances.of_samples, distances.of_held_out
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


def scores(subject: Subject, at_most: int) -> Scores:
    """Return log-likelihoods in nats of held-out rows and of as many training rows, a thousand at most."""
    model, held, training = subject.estimator, subject.held_out, subject.training
    bounds = scores_bound_the_evidence(model)
    arguments = {"n_draws": BOUND_DRAWS} if bounds else {}

    def scored(rows: Rows) -> np.ndarray:
        given = {} if rows.asked is None else {"condition": rows.asked}
        found: np.ndarray = model.score_samples(rows.own, **given, **arguments)
        return found

    some = held.some(even_subset(len(held), at_most))
    groups = {"held-out": scored(some)}
    if training is not None:
        groups["training"] = scored(training.some(even_subset(len(training), min(len(some), TRAINING_SCORES))))
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
    return Scores(groups, what, definition, **_least_usual(subject, some, groups["held-out"]))


def exact_scores(subject: Subject, scored: Scored) -> Scores:
    """Return exact log-likelihoods in nats of held-out rows and of training rows."""
    groups = {"held-out": scored.held_out}
    if scored.training is not None:
        groups["training"] = scored.training
    definition = (
        "log p(x) in nats and the data's own units, by the chain rule, entry by entry, as the mean of p over a few "
        "orders of the entries. A value that often repeats counts with its probability, any other with its density. "
        "Higher is more usual."
    )
    finite = {name: np.where(np.isfinite(v), v, v[np.isfinite(v)].min(initial=0.0)) for name, v in groups.items()}
    return Scores(finite, "log p(x), nats", definition, **_least_usual(subject, scored.rows, scored.held_out))


def discriminations(subject: Subject) -> Scores | None:
    """Return D(x) of held-out rows and of samples; None where D is no probability."""
    game, judged = subject.game, subject.judged
    if game is None or judged is None or not game.value.probability:
        return None
    groups = {"held-out": expit(judged.real), "samples": expit(judged.fake)}
    definition = (
        "D(x) = p_data/(p_data + p_g) as far as D has learnt it: the probability that a row is real. At ½ for both "
        "groups, the generator's samples cannot be told from the data; near 1 and near 0, the discriminator wins."
    )
    return Scores(groups, "D(x)", definition, **_least_usual(subject, subject.compared, groups["held-out"]))


def _least_usual(subject: Subject, rows: Rows, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows with the lowest scores, what a model expects in their place, and what makes them so.

    Where the model reconstructs, x̂ is expected; where it predicts hidden entries, what it makes of each from all the
    others; otherwise the mean row. A feature is as odd as it is far from that, in root mean squares over all rows.
    """
    order = np.argsort(values, kind="stable")[:SHOWN]
    lowest, known = rows.some(order), subject.known.comparable
    if subject.reconstructs:
        expected, usual = lowest.comparable_x_hat, ((known - subject.known.comparable_x_hat) ** 2).mean(0)
        own = subject.own_units(lowest.x_hat)
    elif subject.completions is not None:
        usual, own = known.var(0), _from_the_others(subject, lowest)
        expected = subject.look.flat(own)
    else:
        expected, usual = np.broadcast_to(known.mean(0), lowest.comparable.shape), known.var(0)
        own = (expected * subject.look.unit.reshape(-1)).reshape(lowest.own.shape)
    odd = np.abs(lowest.comparable - expected) / np.sqrt(np.where(usual > 0, usual, 1.0))
    return {
        "lowest": lowest.own,
        "lowest_rows": lowest.index,
        "lowest_scores": values[order],
        "expected": own,
        "reasons": np.argsort(-odd, axis=1, kind="stable")[:, :REASONS],
    }


def _from_the_others(subject: Subject, rows: Rows) -> np.ndarray:
    """Return what the model makes of each entry of rows (N, n) from all other entries of the row, (N, n)."""
    n = rows.own.shape[1]
    holed = np.repeat(rows.own.astype(np.float64)[:, None], n, axis=1)
    holed[:, np.arange(n), np.arange(n)] = np.nan
    asked = {} if rows.asked is None else {"condition": np.repeat(rows.asked, n, axis=0)}
    filled = np.asarray(subject.estimator.complete(holed.reshape(-1, n), **asked)).reshape(holed.shape)
    own: np.ndarray = filled[:, np.arange(n), np.arange(n)]
    return own
