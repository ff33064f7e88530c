"""Recipes: papers' models as compositions of parts, a few lines each.

A recipe is a function that returns an unfitted estimator. It takes arguments of its own, and those of the estimator:

>>> from isthmus import recipes
>>> recipes.iwae(draws=50, latent_dim=50)
VAE(latent_dim=50, objective=ImportanceWeighted(draws=50))

``isthmus models`` lists them, ``isthmus fit iwae digits --out model/ --set draws=50`` fits one.
"""

from .adversarial import (
    dragan,
    hinge_gan,
    info_gan,
    least_squares_gan,
    minimax_gan,
    non_saturating_gan,
    pac_gan,
    r3gan,
    spectral_norm_gan,
    wgan_gp,
)
from .adversarial_codes import adversarial_autoencoder, adversarial_variational_bayes, vae_gan
from .conditional import conditional_gan, conditional_vae
from .denoising import contractive, denoising_vae, higher_order_contractive, stacked_denoising
from .discrete import vq_vae
from .disentangling import beta_tc_vae, beta_vae, capacity_vae, dip_vae, factor_vae
from .flows import flow_posterior, flow_prior
from .geometric import hyperspherical_vae, poincare_vae
from .registry import Recipe, known, named
from .regularised import rae, rae_gp, two_stage_vae
from .sparse import k_sparse, kl_sparse, l1_sparse
from .variational import ciwae, dreg, free_bits, iwae, miwae, piwae, two_layers, vamp_prior
from .wasserstein import info_vae, wae_mmd

__all__ = [
    "Recipe",
    "adversarial_autoencoder",
    "adversarial_variational_bayes",
    "beta_tc_vae",
    "beta_vae",
    "capacity_vae",
    "ciwae",
    "conditional_gan",
    "conditional_vae",
    "contractive",
    "denoising_vae",
    "dip_vae",
    "dragan",
    "dreg",
    "factor_vae",
    "flow_posterior",
    "flow_prior",
    "free_bits",
    "higher_order_contractive",
    "hinge_gan",
    "hyperspherical_vae",
    "info_gan",
    "info_vae",
    "iwae",
    "k_sparse",
    "kl_sparse",
    "known",
    "l1_sparse",
    "least_squares_gan",
    "minimax_gan",
    "miwae",
    "named",
    "non_saturating_gan",
    "pac_gan",
    "piwae",
    "poincare_vae",
    "r3gan",
    "rae",
    "rae_gp",
    "spectral_norm_gan",
    "stacked_denoising",
    "two_layers",
    "two_stage_vae",
    "vae_gan",
    "vamp_prior",
    "vq_vae",
    "wae_mmd",
    "wgan_gp",
]
