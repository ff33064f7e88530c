"""Samples: modes that they leave out, and training rows that they repeat."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest, mannwhitneyu

from ..metrics import density_coverage, nearest_distance, real_against_real
from .subject import Subject
from .table import Finding, check, grade

__all__ = ["memorised_samples", "mode_dropping"]

CELLS = 20
"""Cells that real rows are divided into: a row in twenty each, enough of them to be counted in a few hundred rows."""


@check(
    "mode dropping",
    "Real rows are divided into 20 cells by k-means (Richardson & Weiss 2018); a cell is left out where it holds less than "
    "a quarter of the samples that it should. Warning where cells left out hold more than 10 % of the held-out rows, fault "
    "above 25 %. Coverage and its floor (Naeem et al. 2020) are beside it: they also fall where samples are merely "
    "blurred.",
)
def mode_dropping(subject: Subject) -> Finding | None:
    """Count which parts of the held-out rows samples do not reach."""
    if subject.samples is None:
        return None
    from sklearn.cluster import KMeans

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
        f"{coverage:.0%} of rows' neighbourhoods (real rows: {floor.coverage:.0%}) at a density of {density:.2f} (1 if equal).",
        {
            "missed": missed,
            "cells_missed": left_out.sum(),
            "cells": cells,
            "coverage": coverage,
            "coverage_floor": floor.coverage,
            "density": density,
        },
        "For a GAN: penalties=R1(1.0), averaging, a longer fit, a larger batch_size or latent_dim; for a VAE a higher KL "
        "weight (holes in the prior) or a richer prior (prior='vampprior').",
    )


@check(
    "memorised samples",
    "Of as many training as held-out rows, a sample is as often nearest to one as to the other (0.5) unless the model "
    "knows the training rows by heart; a copy lies within a third of the distance at which held-out rows lie from their "
    "nearest training row. Warning above 0.6 with p < 0.01 (binomial) or 5 % copies more than held-out rows show, fault "
    "above 0.75 or 25 % copies (after Meehan et al. 2020).",
)
def memorised_samples(subject: Subject) -> Finding | None:
    """See whether samples lie nearer to training rows than chance and held-out rows do."""
    if subject.samples is None or subject.training is None:
        return None
    samples, held_out, training = subject.samples, subject.held_out.x, subject.nearest_candidates
    n = min(len(held_out), len(training))
    to_held_out, to_as_many = nearest_distance(samples, held_out[:n]), nearest_distance(samples, training[:n])
    untied = to_held_out != to_as_many
    nearer = int((to_as_many < to_held_out)[untied].sum())
    test = binomtest(nearer, max(1, int(untied.sum())), alternative="greater")
    share = nearer / untied.sum() if untied.any() else 0.5
    distances, reference = nearest_distance(samples, training), nearest_distance(held_out, training)
    close = np.median(reference) / 3
    copies = float((distances < close).mean() - (reference < close).mean())
    status = max(
        grade(share if test.pvalue < 0.01 else 0.0, 0.6, 0.75),
        grade(copies, 0.05, 0.25),
        key=("healthy", "warning", "fault").index,
    )
    return Finding(
        status,
        f"{share:.0%} of samples lie nearer to a training row than to any of as many held-out rows (50 % by chance); "
        f"{max(0.0, copies):.0%} are copies.",
        {
            "nearer_training": share,
            "p_value": test.pvalue,
            "copies": copies,
            "distance": np.median(distances),
            "distance_held_out": np.median(reference),
            "p_value_distance": mannwhitneyu(distances, reference, alternative="less").pvalue,
        },
        "More rows, fewer epochs, a smaller network, or a smaller code.",
    )
