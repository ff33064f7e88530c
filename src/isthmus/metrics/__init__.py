"""Held-out measurements: pure functions on arrays (N, ...), each with its source."""

from .codes import active_units, knn_accuracy, linear_probe
from .modes import ModeCoverage, mode_coverage
from .reconstruction import denoising_gain, mean_squared_error, pca_error, psnr, r2, r2_per_feature
from .samples import (
    DensityCoverage,
    PrecisionRecall,
    TwoSample,
    density_coverage,
    frechet_distance,
    mmd,
    nearest_distance,
    precision_recall,
    real_against_real,
    two_sample_accuracy,
)

__all__ = [
    "DensityCoverage",
    "ModeCoverage",
    "PrecisionRecall",
    "TwoSample",
    "active_units",
    "denoising_gain",
    "density_coverage",
    "frechet_distance",
    "knn_accuracy",
    "linear_probe",
    "mean_squared_error",
    "mmd",
    "mode_coverage",
    "nearest_distance",
    "pca_error",
    "precision_recall",
    "psnr",
    "r2",
    "r2_per_feature",
    "real_against_real",
    "two_sample_accuracy",
]
