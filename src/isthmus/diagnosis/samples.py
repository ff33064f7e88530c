"""Samples: modes that they leave out, and training rows that they repeat."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from ..metrics import density_coverage, nearest_distance, real_against_real
from .subject import Subject
from .table import Finding, check, grade
from .verdict import STATUSES

__all__ = ["memorised_samples", "mode_dropping"]

CELLS = 20
"""Cells that real rows are divided into: a row in twenty each, enough of them to be counted in a few hundred rows."""


@check(
    "mode dropping",
    "Real rows are divided into 20 cells by k-means (Richardson & Weiss 2018); a cell is left out where it holds less "
    "than a quarter of the samples that it should. Warning where cells left out hold more than 10 % of the held-out "
    "rows, fault above 25 %. Coverage and its floor (Naeem et al. 2020) are beside it: they also fall where samples "
    "are merely blurred.",
)
def mode_dropping(subject: Subject) -> Finding | None:
    """Count which parts of the held-out rows samples do not reach."""
    if subject.samples is None:
        return None
    real, samples = subject.held_out.x, subject.samples
    cells = min(CELLS, len(real) // 10)
    means = KMeans(cells, n_init=3, random_state=subject.seed).fit(subject.known.x)
    share, drawn = (np.bincount(means.predict(rows), minlength=cells) / len(rows) for rows in (real, samples))
    left_out = (drawn < 0.25 * share) & (share > 0)
    missed = float(share[left_out].sum())
    density, coverage = density_coverage(real, samples)
    floor = real_against_real(density_coverage, real, subject.seed)
    return Finding(
        grade(missed, 0.1, 0.25),
        f"Samples leave out {left_out.sum()} of {cells} parts of the data, {missed:.0%} of held-out rows. They cover "
        f"{coverage:.0%} of rows' neighbourhoods (real rows: {floor.coverage:.0%}) at a density of {density:.2f} (1 if "
        "equal).",
        {
            "missed": missed,
            "cells_missed": left_out.sum(),
            "cells": cells,
            "coverage": coverage,
            "coverage_floor": floor.coverage,
            "density": density,
        },
        "For a GAN: penalties=R1(1.0), averaging, a longer fit, a larger batch_size or latent_dim; for a VAE a higher "
        "KL weight (holes in the prior) or a richer prior (prior='vampprior').",
    )


@check(
    "memorised samples",
    "Among as many training as held-out rows, those that are nearest to some sample are as often of one kind as of the "
    "other unless the model knows its training rows by heart, blurred or few as samples may be; a copy lies within a "
    "third of the median distance of held-out rows from their nearest training row. Warning where above two thirds are "
    "training rows with p < 0.01 (binomial) or 5 % of samples are copies beyond what held-out rows show, fault above "
    "75 % or 25 % copies (after Meehan et al. 2020).",
)
def memorised_samples(subject: Subject) -> Finding | None:
    """See whether samples lie nearer to training rows than chance and held-out rows do."""
    if subject.samples is None or subject.training is None:
        return None
    samples, held_out, training = subject.samples, subject.held_out.x, subject.nearest_candidates
    n = min(len(held_out), len(training))
    order = subject.random().permutation(2 * n)  # so that a row in both sets falls to either by chance
    pool = np.concatenate([training[:n], held_out[:n]])[order]
    nearest = order[np.unique(pairwise_distances_argmin(samples, pool))]
    of_training = int((nearest < n).sum())
    share, p_value = of_training / len(nearest), binomtest(of_training, len(nearest), alternative="greater").pvalue
    distances, reference = nearest_distance(samples, training), nearest_distance(held_out, training)
    close = np.median(reference) / 3
    copies = float((distances < close).mean() - (reference < close).mean())
    status = min(
        grade(share if p_value < 0.01 else 0.0, 2 / 3, 0.75),
        grade(copies, 0.05, 0.25),
        key=STATUSES.index,
    )
    return Finding(
        status,
        f"Of the rows nearest to samples {share:.0%} are training rows, 50% by chance (p = {p_value:.2g}); "
        f"{max(0.0, copies):.0%} of samples are copies.",
        {
            "nearest_training": share,
            "p_value": p_value,
            "nearest_rows": len(nearest),
            "copies": copies,
            "distance": np.median(distances),
            "distance_held_out": np.median(reference),
        },
        "More rows, fewer epochs, a smaller network, or a smaller code.",
    )
