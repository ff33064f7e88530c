"""Autoencoders: plain, denoising, contractive."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..batch import Batch
from ..corruption import Corruption, Gaussian, Masking
from ..device import plain_modes
from ..errors import CompositionError, DataError
from ..facts import Facts
from ..model import Pass
from ..objective import Reconstruction
from ..parts import resolve
from ..penalty import Contractive
from ..seeds import generator_for
from ..source import Generated
from ..term import Term
from ..training import Player, Turns
from .abilities import Reconstructs

__all__ = ["Autoencoder", "ContractiveAutoencoder", "DenoisingAutoencoder", "Reconstructing"]


class Reconstructing(Reconstructs, system=False):
    """Autoencoders whose one player reconstructs: h = f(x), x̂ = g(h)."""

    tied: bool = False

    penalty_ = cast(Term | None, None)

    def players(self) -> Turns:
        """Return the one player."""
        return [Player("autoencoder", Reconstruction(self.penalty_), clip_norm=self.reconstruction_clip_norm())]


class Autoencoder(Reconstructing):
    r"""Autoencoder: h = f(Wₓx + bₓ), x̂ = g(Wₕh + bₕ), and its deep and convolutional forms.

    Minimises the mean over samples of −log p(x|x̂): ½‖x − x̂‖² for real-valued data, the cross-entropy for binary
    ones (Hinton & Salakhutdinov 2006). A linear one spans the subspace of PCA (Baldi & Hornik 1989).

    Parameters
    ----------
    {common}
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.

    Attributes
    ----------
    history_ : one row an epoch, one column a term.
    model_ : the fitted module.
    latent_dim_, network_, likelihood_, precision_ : what was used.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> ae = Autoencoder(latent_dim=8, max_epochs=2, random_state=0).fit(X)
    >>> ae.transform(X).shape, ae.reconstruct(X).shape, ae.score_samples(X).shape
    ((1797, 8), (1797, 64), (1797,))
    """

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        if self.latent_dim_ >= facts.features:
            warnings.warn(
                f"the code is over-complete, {self.latent_dim_} numbers for {facts.features} features, and nothing "
                "keeps it from copying; lower latent_dim, or use DenoisingAutoencoder, ContractiveAutoencoder or VAE",
                stacklevel=5,
            )


class DenoisingAutoencoder(Reconstructing):
    r"""Denoising autoencoder: x̃ ~ p(x̃|x) is encoded, the clean x is the target (Vincent et al. 2008, 2010).

    Corruption happens in training only; ``transform`` and ``reconstruct`` take rows as they come. With pairs of one
    shape, ``fit(X_noisy, X_clean)`` learns from the noise that was met. A one-dimensional y is taken for labels and
    ignored, as scikit-learn's pipelines want it.

    Parameters
    ----------
    {common}
    corruption : p(x̃|x), in the data's units: a `Corruption`, a name such as ``"masking:0.5"``, or any function
        ``(x, source) -> x_tilde`` on tensors, which draws from the `Source`; ``"auto"`` masks a quarter of the entries
        of [0, 1] data and adds Gaussian noise of 0.3 standard deviations otherwise, each feature's own for rows. What
        was picked is in ``corruption_``, and `corrupt` draws from it.
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.

    Attributes
    ----------
    history_ : one row an epoch, one column a term.
    model_ : the fitted module.
    corruption_, latent_dim_, network_, likelihood_, precision_ : what was used.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 10))
    >>> X_noisy = X + rng.normal(size=X.shape)
    >>> dae = DenoisingAutoencoder(2, corruption="gaussian:1.0", random_state=0).fit(X)
    >>> bool(np.mean((dae.reconstruct(X_noisy) - X) ** 2) < 0.5 * np.mean((X_noisy - X) ** 2))
    True
    """

    corruption: Corruption | Callable[..., Tensor] | str = "auto"

    def target_of(self, X: Any, y: Any) -> Any:
        """Return the clean rows y of noisy rows X; a one-dimensional y is labels, as a pipeline passes them."""
        if y is None or np.ndim(y) < 2:
            return None
        if np.shape(y) != np.shape(X):
            raise DataError(f"noisy and clean rows must pair up: X is {np.shape(X)}, y is {np.shape(y)}")
        return y

    @plain_modes()
    def corrupt(self, X: Any, random_state: Any = None) -> np.ndarray:
        """Return x̃ ~ p(x̃|x) for each row, in the data's shape and units: what training was met with.

        Parameters
        ----------
        X : clean rows, (N, ...).
        random_state : None is the estimator's own.
        """
        fitted = self.fitted_
        rows, device = fitted.rows(X), fitted.model.device
        generator = generator_for(self.random_state if random_state is None else random_state, device)
        x = torch.as_tensor(rows if rows.dtype == np.float64 else rows.astype(np.float32), device=device)
        x_tilde = Pass(fitted.model, Batch(x), Generated(generator)).met.noisy
        assert x_tilde is not None
        noisy: np.ndarray = x_tilde.cpu().numpy()
        return noisy

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.corruption_ = resolve("corruption", self.corruption, lambda: self.auto_corruption(facts))
        if not callable(self.corruption_):
            raise CompositionError(f"corruption must be a Corruption, its name or a function, got {self.corruption!r}")

    def auto_corruption(self, facts: Facts) -> Corruption:
        """Return noise of the kind and size that suits the data."""
        if self.likelihood_ is not None and self.likelihood_.support == (0.0, 1.0):
            return Masking(0.25)
        if len(facts.shape) == 1:
            return Gaussian(0.3, relative=True)
        assert facts.std is not None
        return Gaussian(float(np.float32(0.3 * facts.std.mean())))


class ContractiveAutoencoder(Reconstructing):
    r"""Contractive autoencoder: −log p(x|x̂) + λ‖∇ₓh‖²_F (Rifai et al. 2011, equation 4).

    The code is made insensitive in every direction that the data do not need. Tied weights are the default: without
    them the penalty can be cheated by shrinking the encoder and growing the decoder.

    Parameters
    ----------
    {common}
    penalty : λ, or a `Contractive` (or its name) that says how the norm is computed too.
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.

    Attributes
    ----------
    history_ : one row an epoch, one column a term.
    model_ : the fitted module.
    penalty_, latent_dim_, network_, likelihood_, precision_ : what was used.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus.networks import MLP
    >>> X = load_digits().data / 16
    >>> cae = ContractiveAutoencoder(100, network=MLP((), code_activation="sigmoid"), max_epochs=2).fit(X)
    >>> cae.history_.columns[:4]
    ['epoch', 'loss', 'reconstruction', 'contraction']
    """

    tied: bool = True
    penalty: float | Term | str = 0.1

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        penalty = resolve("penalty", self.penalty)
        self.penalty_ = Contractive(float(penalty)) if isinstance(penalty, int | float | np.number) else penalty
        if not isinstance(self.penalty_, Term):
            raise CompositionError(f"penalty must be λ, a Contractive or its name, got {self.penalty!r}")
