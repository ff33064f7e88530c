"""Sparse autoencoders: wide codes of which few units are active."""

from __future__ import annotations

from typing import Any

from ..errors import CompositionError
from ..estimators import Reconstructing
from ..facts import Facts
from ..networks import MLP
from ..parts import resolve
from ..posterior import KSparse
from ..sparsity import L1, Rate
from ..term import Term
from .registry import recipe, settings

__all__ = ["SparseAutoencoder", "k_sparse", "kl_sparse", "l1_sparse"]


class SparseAutoencoder(Reconstructing):
    """Autoencoder whose code is kept sparse by its posterior or by a penalty; it may be wider than the data.

    Parameters
    ----------
    {common}
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.
    penalty : a `Term` or its name, such as ``"l1:0.1"``, or None.
    """

    penalty: Term | str | None = None

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.penalty_ = resolve("penalty", self.penalty)
        if not isinstance(self.penalty_, Term | None):
            raise CompositionError(f"penalty must be a Term, its name or None, got {self.penalty!r}")


@recipe
def k_sparse(units: int = 10, latent_dim: int = 100, **given: Any) -> SparseAutoencoder:
    r"""k-sparse autoencoder: of the linear code f(x) only the k largest units are kept.

    Alireza Makhzani and Brendan Frey, "k-Sparse Autoencoders", 2014, https://arxiv.org/abs/1312.5663. Expect features
    that are more local the smaller k is.

    Parameters
    ----------
    units : k.
    latent_dim : the width of the code.
    given : arguments of `SparseAutoencoder`.
    """
    return SparseAutoencoder(latent_dim, posterior=KSparse(units), **settings(given, network=MLP(()), tied=True))


@recipe
def l1_sparse(weight: float = 0.1, latent_dim: int = 100, **given: Any) -> SparseAutoencoder:
    r"""Sparse autoencoder: −log p(x|x̂) + λ‖h‖₁.

    Bruno A. Olshausen and David J. Field, "Emergence of simple-cell receptive field properties by learning a sparse
    code for natural images", 1996, https://doi.org/10.1038/381607a0. Expect most units of a code at or near zero.

    Parameters
    ----------
    weight : λ.
    latent_dim : the width of the code.
    given : arguments of `SparseAutoencoder`. Weights are tied, since otherwise a fit can lower ‖h‖₁ by a small encoder
        and a large decoder.
    """
    return SparseAutoencoder(
        latent_dim, penalty=L1(weight), **settings(given, network=MLP((), code_activation="relu"), tied=True)
    )


@recipe
def kl_sparse(weight: float = 1.0, rate: float = 0.05, latent_dim: int = 100, **given: Any) -> SparseAutoencoder:
    r"""Sparse autoencoder: −log p(x|x̂) + β Σᵤ KL(ρ ‖ ρ̂ᵤ), ρ̂ᵤ the mean activity of a sigmoid unit.

    Andrew Ng, "Sparse autoencoder", 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf. Expect units
    that are active for a share ρ of the rows.

    Parameters
    ----------
    weight : β.
    rate : ρ.
    latent_dim : the width of the code.
    given : arguments of `SparseAutoencoder`.
    """
    network = MLP((), code_activation="sigmoid")
    return SparseAutoencoder(latent_dim, penalty=Rate(weight, rate), **settings(given, network=network))
