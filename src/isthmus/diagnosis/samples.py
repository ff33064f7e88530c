"""Samples: whether they are like real rows, parts of the data that they leave out, training rows that they repeat."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from ..look import Rows as TableRows
from ..subsets import even_subset
from .likeness import Figure, short
from .subject import COMPARED_ROWS, Subject
from .table import Finding, check, grade, worst_of
from .tables import memorised_rows

__all__ = ["memorised_samples", "mode_dropping", "sample_quality", "sampled_columns"]

CELLS = 20
"""Cells that real rows are divided into: a row in twenty each, enough of them to be counted in a few hundred rows."""

WARNING, FAULT = 0.3, 0.6
"""Shortfalls of a figure of samples beyond which it is worth a warning, and a fault."""

LENIENT = {"told apart, AUC": (0.5, 0.9)}
"""Shortfalls of figures that a trace of a difference moves far: a forest finds it in any one column."""

OF_MEANS = ("told apart, AUC", "recall", "MMD²", "Fréchet distance", "kernel distance")
"""Figures that find samples that are means of p(x|z), as pictures are by convention, smoother than real rows."""

ADVICE = (
    "Train longer. For a GAN: penalties=R1(1.0), averaging, a larger batch_size or latent_dim. For a VAE: a richer "
    "prior (prior='vampprior'), which fills the holes between codes, a wider code, or a likelihood that learns its "
    "variance."
)


def _figure(name: str, figure: Figure) -> str:
    """Return a figure and what real rows reach in words."""
    return f"{name} {short(figure.value)} (real rows {short(figure.real)})"


@check(
    "sample quality",
    "Every figure of samples beside what as many real rows reach against the same held-out rows. A figure's shortfall "
    "is the part of the way from real rows to useless samples (a share of 0, always told apart, all rows the mean row) "
    "that it has gone, beyond twice its standard error. The worst decides: warning above 0.3, fault above 0.6. Being "
    "told apart, for which one trace of a difference suffices, is a warning above 0.5 and a fault above 0.9. Pictures "
    "that are means of p(x|z) lack what real ones have of noise and detail, by convention: of them, recall, being told "
    "apart and distances are warnings at most.",
)
def sample_quality(subject: Subject) -> Finding | None:
    """Hold precision, recall, density, coverage, the classifier and the distances against what real rows reach."""
    made = subject.likeness
    if made is None:
        return None
    of_means = len(subject.estimator.shape_) > 1 and subject.reconstructs
    graded = {}
    for name, figure in made.figures.items():
        status = grade(figure.shortfall, *LENIENT.get(name, (WARNING, FAULT)))
        graded[name] = "warning" if status == "fault" and of_means and name in OF_MEANS else status
    status = worst_of(*graded.values())
    poor = [name for name, found in graded.items() if found == status != "healthy"]
    poor.sort(key=lambda name: -made.figures[name].shortfall)
    named = ", ".join(_figure(name, made.figures[name]) for name in poor)
    rest = ", ".join(_figure(name, figure) for name, figure in made.figures.items() if name not in poor)
    statement = f"Samples fall short of real rows in {named}. The other figures: {rest}." if poor else f"{rest}."
    evidence = {name: figure.value for name, figure in made.figures.items()}
    evidence |= {f"{name}, real rows": figure.real for name, figure in made.figures.items()}
    return Finding(status, statement[0].upper() + statement[1:], evidence | {"compared_rows": made.n}, ADVICE)


@check(
    "columns of samples",
    "The largest distance of a column's distribution function in samples from that in held-out rows (Smirnov 1948), "
    "and the largest difference of a correlation of two columns; of categories, those of the shares of their values, "
    "½Σ|p − p'|. Each less what as many real rows show and less the 5 % quantile of its chance: warning above 0.15, "
    "fault above 0.3.",
)
def sampled_columns(subject: Subject) -> Finding | None:
    """Hold every column of samples, and every two of them, against those of real rows."""
    made = subject.likeness
    if made is None or made.columns is None:
        return None
    columns, names = made.columns, subject.look.names
    assert isinstance(subject.look, TableRows)
    chance = 1.36 * (2 / made.n) ** 0.5  # of the statistic under equality, exceeded one time in twenty
    beyond = np.maximum(0, columns.distances - np.maximum(columns.real_distances, chance))
    gaps, noise = columns.pairs, np.maximum(columns.real_pairs, 1.96 * (2 / made.n) ** 0.5)
    beyond_pairs = np.triu(np.maximum(0, gaps - noise), 1)
    worst = int(beyond.argmax() if beyond.any() else columns.distances.argmax())
    a, b = np.unravel_index(beyond_pairs.argmax() if beyond_pairs.any() else np.triu(gaps, 1).argmax(), gaps.shape)
    found = [
        f"{names[worst]} is farthest from its distribution in held-out rows, by {columns.distances[worst]:.2f} (real "
        f"rows {columns.real_distances[worst]:.2f})."
    ]
    evidence = {
        "far_columns": int((beyond > 0.15).sum()),
        f"distance of {names[worst]}": columns.distances[worst],
        f"distance of {names[worst]}, real rows": columns.real_distances[worst],
    }
    if len(beyond) > 1:
        if {a, b} & set(subject.look.categories):
            found.append(
                f"The shares of the values of {names[a]} and {names[b]} together differ by {gaps[a, b]:.2f} in samples "
                f"and by {columns.real_pairs[a, b]:.2f} in real rows."
            )
            evidence |= {"pair, samples": gaps[a, b], "pair, real rows": columns.real_pairs[a, b]}
        else:
            made_of, real_of = columns.correlations[a, b], columns.real_correlations[a, b]
            found.append(
                f"The correlation of {names[a]} and {names[b]} is {made_of:.2f} in samples and {real_of:.2f} in "
                "held-out rows."
            )
            evidence |= {"correlation, samples": made_of, "correlation, held-out rows": real_of}
    if beyond_pairs.max() > beyond[worst]:
        found.reverse()
    statement = " ".join(found).replace(" -", " −")
    return Finding(
        worst_of(grade(float(beyond[worst]), 0.15, 0.3), grade(float(beyond_pairs.max()), 0.15, 0.3)),
        statement,
        evidence,
        "Draw values and not means (sample(draw='values')), use a likelihood that suits the column, let it learn its "
        "variance, or train longer.",
    )


@check(
    "mode dropping",
    "Real rows are divided into 20 cells by k-means (Richardson & Weiss 2018); a cell is left out where it holds less "
    "than a quarter of the samples that it should. Warning where cells left out hold more than 10 % of the held-out "
    "rows, fault above 25 %.",
)
def mode_dropping(subject: Subject) -> Finding | None:
    """Count which parts of the held-out rows samples do not reach."""
    if subject.samples is None:
        return None
    real, samples, known = subject.compared.comparable, subject.samples, subject.known.comparable
    cells = min(CELLS, len(real) // 10)
    some = known[even_subset(len(known), COMPARED_ROWS)]
    means = KMeans(cells, n_init=3, random_state=subject.seed).fit(some)
    share, drawn = (np.bincount(means.predict(rows), minlength=cells) / len(rows) for rows in (real, samples))
    left_out = (drawn < 0.25 * share) & (share > 0)
    missed = float(share[left_out].sum())
    return Finding(
        grade(missed, 0.1, 0.25),
        f"Samples leave out {left_out.sum()} of {cells} parts of the data, which hold {missed:.0%} of the held-out "
        "rows.",
        {"missed": missed, "cells_missed": left_out.sum(), "cells": cells},
        "For a GAN: penalties=R1(1.0), averaging, a longer fit, a larger batch_size or latent_dim; for a VAE a higher "
        "KL weight (holes in the prior) or a richer prior (prior='vampprior').",
    )


@check(
    "memorised samples",
    "Of a table: warning where copies exceed those among held-out rows by 1 %, or where the 95 % interval of the share "
    "of samples nearer to training than to held-out rows, or of an attack's area under the curve, lies above 0.51; "
    "fault above 5 %, and where an interval lies above 0.55. Otherwise, among as many training as held-out rows, those "
    "that are nearest to some sample are as often of one kind as of the other unless the model knows its training rows "
    "by heart, blurred or few as samples may be; a copy lies within a third of the median distance of held-out rows "
    "from their nearest training row. Warning where above two thirds are training rows with p < 0.01 (binomial) or 5 % "
    "of samples are copies beyond what held-out rows show, fault above 75 % or 25 % copies (after Meehan et al. 2020).",
)
def memorised_samples(subject: Subject) -> Finding | None:
    """See whether samples lie nearer to training rows than chance and held-out rows do."""
    of_table = memorised_rows(subject)
    if of_table is not None:
        return of_table
    near, samples = subject.nearest, subject.samples
    if near is None or samples is None:
        return None
    held_out = subject.compared.comparable
    n = min(len(held_out), len(near.among))
    order = subject.random().permutation(2 * n)  # so that a row in both sets falls to either by chance
    pool = np.concatenate([near.among[:n], held_out[:n]])[order]
    nearest = order[np.unique(pairwise_distances_argmin(samples, pool))]
    of_training = int((nearest < n).sum())
    share, p_value = of_training / len(nearest), binomtest(of_training, len(nearest), alternative="greater").pvalue
    close = np.median(near.of_held_out) / 3
    copies = float((near.of_samples < close).mean() - (near.of_held_out < close).mean())
    return Finding(
        worst_of(grade(share if p_value < 0.01 else 0.0, 2 / 3, 0.75), grade(copies, 0.05, 0.25)),
        f"Of the rows nearest to samples {share:.0%} are training rows, 50% by chance (p = {p_value:.2g}); "
        f"{max(0.0, copies):.0%} of samples are copies.",
        {
            "nearest_training": share,
            "p_value": p_value,
            "nearest_rows": len(nearest),
            "copies": copies,
            "distance": np.median(near.of_samples),
            "distance_held_out": np.median(near.of_held_out),
        },
        "More rows, fewer epochs, a smaller network, or a smaller code.",
    )
