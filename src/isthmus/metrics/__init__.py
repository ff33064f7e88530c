"""Held-out measurements: pure functions of arrays (N, ...), each with its source; docs/metrics.md has their checks."""

# Uncertainty: standard errors and intervals for every metric, and the floor that real rows set.
from .estimate import Estimate, mean_of_rows
from .uncertainty import (
    Area,
    Interval,
    accuracy_interval,
    area_under_curve,
    bootstrap_interval,
    real_against_real,
    share_interval,
)

# isort: split
# Reconstruction.
from .images import ssim
from .reconstruction import denoising_gain, mean_squared_error, pca_error, psnr, r2, r2_per_feature

# isort: split
# Likelihood.
from .annealing import AnnealedEvidence, annealed_importance_sampling
from .likelihood import bits_per_dimension, elbo, importance_weighted_bound
from .parzen import ParzenLikelihood, parzen_log_likelihood

# isort: split
# Codes.
from .codes import active_units, knn_accuracy, linear_probe
from .factors import MutualInformationGap, mutual_information_gap
from .posteriors import PosteriorMoments, UnitDivergence, kl_per_unit, posterior_moments

# isort: split
# Samples.
from .columns import correlations
from .discrepancy import KernelDistance, frechet_distance, kernel_distance, mmd
from .feature_maps import Features, SmallClassifier, features, on_features, small_classifier
from .modes import ClassCoverage, ModeCoverage, class_coverage, mode_coverage
from .neighbourhoods import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from .table_quality import TableQuality, Usefulness
from .tables import ToldApart, column_shapes, pair_trends, told_apart, usefulness
from .two_sample import TwoSample, two_sample_accuracy

# isort: split
# Memorisation, and privacy.
from .nearest import Memorisation, memorisation, nearest_distance
from .privacy import (
    Attack,
    ClosestRecords,
    Nearer,
    closest_records,
    copies,
    membership_attack,
    nearer_to_training,
)

__all__ = [
    "AnnealedEvidence",
    "Area",
    "Attack",
    "ClassCoverage",
    "ClosestRecords",
    "DensityCoverage",
    "Estimate",
    "Features",
    "Interval",
    "KernelDistance",
    "Memorisation",
    "ModeCoverage",
    "MutualInformationGap",
    "Nearer",
    "ParzenLikelihood",
    "PosteriorMoments",
    "PrecisionRecall",
    "SmallClassifier",
    "TableQuality",
    "ToldApart",
    "TwoSample",
    "UnitDivergence",
    "Usefulness",
    "accuracy_interval",
    "active_units",
    "annealed_importance_sampling",
    "area_under_curve",
    "bits_per_dimension",
    "bootstrap_interval",
    "class_coverage",
    "closest_records",
    "column_shapes",
    "copies",
    "correlations",
    "denoising_gain",
    "density_coverage",
    "elbo",
    "features",
    "frechet_distance",
    "importance_weighted_bound",
    "kernel_distance",
    "kl_per_unit",
    "knn_accuracy",
    "linear_probe",
    "mean_of_rows",
    "mean_squared_error",
    "membership_attack",
    "memorisation",
    "mmd",
    "mode_coverage",
    "mutual_information_gap",
    "nearer_to_training",
    "nearest_distance",
    "on_features",
    "pair_trends",
    "parzen_log_likelihood",
    "pca_error",
    "posterior_moments",
    "precision_recall",
    "psnr",
    "r2",
    "r2_per_feature",
    "real_against_real",
    "share_interval",
    "small_classifier",
    "ssim",
    "told_apart",
    "two_sample_accuracy",
    "usefulness",
]
