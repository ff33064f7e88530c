"""Autoencoders: plain, denoising, contractive."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

import numpy as np
from torch import Tensor

from ..batch import Batch
from ..corruption import Corruption, Gaussian, Masking, Swapping
from ..device import plain_modes
from ..errors import CompositionError, DataError
from ..facts import Facts
from ..layout import layout_of, unit_axis
from ..likelihood import Likelihood, ResidualGaussian
from ..model import Pass
from ..networks import Network, UNet
from ..objective import Reconstruction
from ..parts import resolve
from ..penalty import Contractive
from ..seeds import generator_for
from ..source import Generated
from ..tensors import as_tensor
from ..term import Term
from ..training import Player, Turns
from ..typing import ArrayLike, RandomState
from .abilities import Reconstructs
from .choices import MOST_EPOCHS, is_grey, is_mixed

__all__ = ["Autoencoder", "ContractiveAutoencoder", "DenoisingAutoencoder", "Reconstructing"]

TABLE_STEPS = 300
"""Steps of an autoencoder over the rows of a table, where its length is left open."""

FEWEST_TABLE_EPOCHS, MOST_TABLE_EPOCHS = 5, 20
"""Passes over the rows of a table that it then makes."""


class Reconstructing(Reconstructs, system=False):
    """Base of autoencoders with one player, which reconstructs: h = f(x), x̂ = g(h)."""

    tied: bool = False

    penalty_ = cast(Term | None, None)

    def measured_likelihood(self, facts: Facts) -> Likelihood:
        """Return a Bernoulli for binary data, a squared error for others, with σ measured at the end for rows."""
        likelihood = super().auto_likelihood(facts)
        return likelihood if facts.binary or len(facts.shape) > 1 or is_mixed(facts) else ResidualGaussian()

    def players(self) -> Turns:
        """Return the only player."""
        return [Player("autoencoder", Reconstruction(self.penalty_), clip_norm=self.reconstruction_clip_norm())]


class Autoencoder(Reconstructing):
    r"""Autoencoder: h = f(Wₓx + bₓ), x̂ = g(Wₕh + bₕ), and its deep and convolutional forms.

    Minimises the mean over samples of −log p(x|x̂): ½‖x − x̂‖² for real-valued data, the cross-entropy for binary
    data (Hinton & Salakhutdinov 2006). A linear autoencoder spans the subspace of PCA (Baldi & Hornik 1989).

    Parameters
    ----------
    {common}
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.

    Attributes
    ----------
    history_ : a table with one row per epoch and one column per term.
    model_ : the fitted module.
    latent_dim_, network_, likelihood_, precision_ : the choices for arguments that are ``"auto"`` or names.

    References
    ----------
    Geoffrey E. Hinton and Ruslan R. Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006,
        https://doi.org/10.1126/science.1127647.
    Pierre Baldi and Kurt Hornik, "Neural networks and principal component analysis: Learning from examples without
        local minima", 1989, https://doi.org/10.1016/0893-6080(89)90014-2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> ae = Autoencoder(latent_dim=8, max_epochs=2, random_state=0).fit(X)
    >>> ae.transform(X).shape, ae.reconstruct(X).shape, ae.score_samples(X).shape
    ((1797, 8), (1797, 64), (1797,))
    """

    def auto_likelihood(self, facts: Facts) -> Likelihood:
        """Return a squared error with σ measured at the end for rows; see `measured_likelihood`."""
        return self.measured_likelihood(facts)

    def auto_epochs(self, rows: int) -> int:
        """Return how many passes make about `TABLE_STEPS` steps over the rows of a table: from 5 to 20.

        More of them teach an autoencoder the anomalies among its rows, and bring the others back hardly better
        (benchmarks/odd_sets.py).
        """
        if len(self.shape_) > 1:
            return MOST_EPOCHS
        return self.passes(TABLE_STEPS, rows, FEWEST_TABLE_EPOCHS, MOST_TABLE_EPOCHS)

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
        ``(x, source) -> x_tilde`` of tensors that draws from the `Source`. ``"auto"`` masks a quarter of the entries of
        binary data and of pictures. To other data it adds Gaussian noise of 0.3 standard deviations; for rows these are
        the standard deviations of each feature.
        The choice is in ``corruption_``, and `corrupt` draws from it.
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.

    Attributes
    ----------
    history_ : a table with one row per epoch and one column per term.
    model_ : the fitted module.
    corruption_, latent_dim_, network_, likelihood_, precision_ : the choices for arguments that are ``"auto"`` or
        names.

    References
    ----------
    Pascal Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders", 2008,
        https://doi.org/10.1145/1390156.1390294.
    Pascal Vincent et al., "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a
        Local Denoising Criterion", 2010, https://jmlr.org/papers/v11/vincent10a.html.

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

    def target_of(self, X: ArrayLike, y: ArrayLike | None) -> ArrayLike | None:
        """Return the clean rows y of noisy rows X; a one-dimensional y is labels, as a pipeline passes them."""
        if y is None or np.asarray(y).ndim < 2:
            return None
        noisy, clean = np.asarray(X).shape, np.asarray(y).shape
        if noisy != clean:
            raise DataError(f"noisy and clean rows must pair up: X is {noisy}, y is {clean}")
        return y

    def score(self, X: ArrayLike, y: ArrayLike | None = None, condition: ArrayLike | None = None) -> float:
        """Return the mean of ``score_samples``; with clean rows y, the mean of log p(y|x̂), where x̂ reconstructs X.

        The latter is the held-out value of the objective that pairs are fitted by: higher is better. A one-dimensional
        y is taken for labels and ignored.
        """
        if y is None or np.asarray(y).ndim < 2:
            return super().score(X, condition=condition)
        fitted = self.fitted_
        noisy, clean = fitted.rows(X), fitted.rows(y)
        if noisy.shape != clean.shape:
            raise DataError(f"noisy and clean rows must pair up: X is {noisy.shape}, y is {clean.shape}")
        assert fitted.likelihood is not None
        clean, outside = fitted.likelihood.within(clean, fitted.model.scaling)
        found = fitted.map(
            np.stack([noisy, clean], 1),
            lambda pair, c: self.log_density_at(pair[:, 1], pair[:, 0], c),
            condition=fitted.conditions(condition, len(noisy), X),
        )
        found[outside] = -np.inf
        return float(found.mean())

    @plain_modes()
    def corrupt(self, X: ArrayLike, random_state: RandomState = None) -> np.ndarray:
        """Return x̃ ~ p(x̃|x) for each row, in the data's shape and units: what training was met with.

        Parameters
        ----------
        X : clean rows, (N, ...).
        random_state : None is the estimator's own.
        """
        fitted = self.fitted_
        rows, device = fitted.rows(X), fitted.model.device
        generator = generator_for(self.random_state if random_state is None else random_state, device)
        x_tilde = Pass(fitted.model, Batch(as_tensor(rows, device)), Generated(generator)).met.noisy
        assert x_tilde is not None
        noisy: np.ndarray = x_tilde.cpu().numpy()
        return noisy

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.corruption_ = resolve("corruption", self.corruption, lambda: self.auto_corruption(facts))
        if not callable(self.corruption_):
            raise CompositionError(f"corruption must be a Corruption, its name or a function, got {self.corruption!r}")

    def auto_network(self, facts: Facts) -> Network:
        """Return a `UNet` for series with an axis of channels, which gain most from it; see docs/benchmarks.md."""
        layout = layout_of(facts.shape, facts.mean, facts.std)
        return UNet(layout=layout.letters) if layout.kind == "series" else super().auto_network(facts)

    def auto_corruption(self, facts: Facts) -> Corruption:
        """Return a corruption whose kind and size suit the data."""
        if is_mixed(facts):
            return Swapping()
        if facts.binary or is_grey(facts):
            return Masking(0.25)
        assert facts.mean is not None
        assert facts.std is not None
        if len(facts.shape) == 1 or unit_axis(facts.mean, facts.std) is not None:
            return Gaussian(0.3, relative=True)
        return Gaussian(float(np.float32(0.3 * facts.std.mean())))


class ContractiveAutoencoder(Reconstructing):
    r"""Contractive autoencoder: −log p(x|x̂) + λ‖∇ₓh‖²_F (Rifai et al. 2011, equation 4).

    The penalty makes the code insensitive in every direction that the data do not need. Weights are tied by default:
    otherwise a fit can lower the penalty by shrinking the encoder and growing the decoder.

    Parameters
    ----------
    {common}
    penalty : λ, or a `Contractive` or its name, which also sets how the norm is computed.
    tied : whether the decoder's weights are the encoder's, transposed, at every depth.

    Attributes
    ----------
    history_ : a table with one row per epoch and one column per term.
    model_ : the fitted module.
    penalty_, latent_dim_, network_, likelihood_, precision_ : the choices for arguments that are ``"auto"`` or names.

    References
    ----------
    Salah Rifai, Pascal Vincent, Xavier Muller, Xavier Glorot and Yoshua Bengio, "Contractive Auto-Encoders: Explicit
        Invariance During Feature Extraction", 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf.

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
