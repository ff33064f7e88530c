"""Denoising and contractive autoencoders: codes that are insensitive to what the data do not need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..corruption import Corruption, Gaussian, Masking
from ..estimators import VAE, ContractiveAutoencoder, DenoisingAutoencoder
from ..networks import MLP
from ..penalty import Contractive, HigherOrder
from ..stacked import Stacked
from .registry import recipe, settings

__all__ = ["contractive", "denoising_vae", "higher_order_contractive", "stacked_denoising"]


@recipe
def stacked_denoising(
    hidden: Sequence[int] = (256, 128), fraction: float = 0.25, layer_epochs: int = 20, **given: Any
) -> DenoisingAutoencoder:
    r"""Stacked denoising autoencoder: each layer learns to denoise the one beneath it, then all of them together.

    Pascal Vincent et al., "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a
    Local Denoising Criterion", 2010, https://jmlr.org/papers/v11/vincent10a.html. `isthmus.supervised.fine_tune` makes
    the paper's classifier of it. Expect features that classify better than those of plain autoencoders.

    Parameters
    ----------
    hidden : widths of the layers below the code.
    fraction : of the entries that are masked, in every layer's input.
    layer_epochs : of each layer's own fit.
    given : arguments of `DenoisingAutoencoder`.
    """
    network = Stacked(hidden, corruption=Masking(fraction), epochs=layer_epochs)
    return DenoisingAutoencoder(network=network, corruption=Masking(fraction), **settings(given, tied=True))


@recipe
def denoising_vae(corruption: Corruption = Gaussian(0.3), **given: Any) -> VAE:  # noqa: B008  (parts are values)
    r"""Denoising VAE: the encoder sees x̃ ~ p(x̃|x), the evidence bound is that of x.

    Daniel Jiwoong Im, Sungjin Ahn, Roland Memisevic and Yoshua Bengio, "Denoising Criterion for Variational
    Auto-Encoding Framework", 2017, https://arxiv.org/abs/1511.06406, equation 7. Expect a slightly better bound than a
    VAE's, the posterior being a mixture over x̃.

    Parameters
    ----------
    corruption : p(x̃|x), in the data's units.
    given : arguments of `VAE`.
    """
    return VAE(corruption=corruption, **given)


@recipe
def contractive(weight: float = 0.1, **given: Any) -> ContractiveAutoencoder:
    r"""Contractive autoencoder of one tied layer of sigmoids: −log p(x|x̂) + λ‖∇ₓh‖²_F.

    Salah Rifai, Pascal Vincent, Xavier Muller, Xavier Glorot and Yoshua Bengio, "Contractive Auto-Encoders: Explicit
    Invariance During Feature Extraction", 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf, equation 4. Expect a
    smaller Jacobian and better features than a denoising autoencoder's.

    Parameters
    ----------
    weight : λ.
    given : arguments of `ContractiveAutoencoder`.
    """
    own = settings(given, network=MLP((), code_activation="sigmoid"))
    return ContractiveAutoencoder(penalty=Contractive(weight), **own)


@recipe
def higher_order_contractive(
    weight: float = 0.1, hessian: float = 1.0, std: float = 0.1, **given: Any
) -> ContractiveAutoencoder:
    r"""CAE+H: the contractive penalty, and γ 𝔼‖∇ₓh(x) − ∇ₓh(x + ε)‖²_F for the encoder's curvature.

    Salah Rifai, Grégoire Mesnil, Pascal Vincent, Xavier Muller, Yoshua Bengio, Yann Dauphin and Xavier Glorot,
    "Higher Order Contractive Auto-Encoder", 2011, https://doi.org/10.1007/978-3-642-23783-6_41, equation 10. Expect
    features that are insensitive farther away from the data than a CAE's.

    Parameters
    ----------
    weight : λ.
    hessian : γ.
    std : σ of ε, in the model's units.
    given : arguments of `ContractiveAutoencoder`.
    """
    own = settings(given, network=MLP((), code_activation="sigmoid"))
    return ContractiveAutoencoder(penalty=HigherOrder(weight, hessian=hessian, std=std), **own)
