"""The variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from ..binned import Binned
from ..completion import weighted_codes
from ..corruption import Corruption
from ..data.output import values_back
from ..errors import CompositionError
from ..facts import Facts
from ..late_priors import FittedMixture
from ..layout import unit_axis
from ..likelihood import Bernoulli, HomoscedasticGaussian, Likelihood
from ..monitor import ActiveUnits, Monitor
from ..objective import ELBO, Objective
from ..posterior import DiagonalGaussian, Posterior
from ..prior import Prior
from ..tensors import log_mean_exp
from ..training import Player, Turns
from ..typing import ArrayLike
from .abilities import Reconstructs, Samples
from .choices import is_mixed, power_of_two

__all__ = ["VAE"]

TABLE_STEPS = 1_200
"""Steps of a fit to the rows of a table, where its length is left open."""

FEWEST_TABLE_EPOCHS, MOST_TABLE_EPOCHS = 15, 150
"""Passes over the rows of a table that it then makes."""


class VAE(Samples, Reconstructs):
    r"""Variational autoencoder: −𝔼_q log p(x|z) + KL(q(z|x) ‖ p(z)) (Kingma & Welling 2014, equation 3).

    The encoder returns μ and log σ², z = μ + σ⊙ε; the decoder returns p(x|z). For new rows of a table like those it
    has, ``likelihood="binned"`` keeps zeros, whole numbers, tails and several modes as they are.

    Parameters
    ----------
    {common}
    posterior : q(z|x), a `Posterior`; ``"auto"`` is the diagonal Gaussian.
    prior : p(z), a `Prior` or its name, such as ``"vampprior:500"``; ``"auto"`` is the standard normal.
    sampling_prior : the distribution of the codes that `sample` decodes, a `Prior` that is fitted to the codes of the
        training rows once all else has learnt, or None, which is p(z). ``"auto"`` is a `FittedMixture` for the rows of
        a table with categories, since the codes of rows are hardly ever spread as p(z) says, and None otherwise, and
        under a condition. Scores are those of p(z) in any case.
    corruption : p(x̃|x), as in `DenoisingAutoencoder`, or one that draws x anew at every presentation
        (`isthmus.redrawn`); None encodes the rows as they are.
    objective : ``"auto"`` is `ELBO`; ``ELBO(KL(4.0))`` weighs the divergence, ``"importanceweighted:50"`` is the
        importance-weighted autoencoder (Burda et al. 2016).

    Attributes
    ----------
    history_ : a table with one row per epoch and one column per term.
    model_ : the fitted module.
    prior_, sampling_prior_, objective_, latent_dim_, network_, likelihood_, precision_ : the choices for arguments
        that are ``"auto"`` or names.

    References
    ----------
    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114.
    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
        https://arxiv.org/abs/1509.00519.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().images / 16
    >>> vae = VAE(latent_dim=4, max_epochs=2, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.sample(5).shape, vae.score_samples(X[:3], n_draws=10).shape
    ((1797, 4), (5, 8, 8), (3,))
    """

    prior: Prior | str = "auto"
    sampling_prior: Prior | str | None = "auto"
    corruption: Corruption | str | None = None
    objective: Objective | str = "auto"

    offers: ClassVar[frozenset[str]] = frozenset({"density"})
    monitors: ClassVar[Sequence[Monitor]] = (ActiveUnits(),)

    def auto_likelihood(self, facts: Facts) -> Likelihood:
        """Return a Bernoulli for binary data, else a Gaussian that learns a σ for each entry, or one for a picture.

        Rows of a table with categories get bins: a number there is seldom a Gaussian given the code, and what it is
        instead, zeros and round values among them, is what tells samples from real rows.
        """
        if is_mixed(facts):
            return Binned()
        assert facts.mean is not None
        assert facts.std is not None
        picture = len(facts.shape) > 1 and unit_axis(facts.mean, facts.std) is None
        return Bernoulli() if facts.binary else HomoscedasticGaussian(shared=picture)

    def auto_posterior(self) -> Posterior:
        """Return the diagonal Gaussian."""
        return DiagonalGaussian()

    def auto_batch_size(self, rows: int) -> int:
        """Return how many rows of a table a step takes: a fiftieth of them, from 16 to 256, a power of two."""
        return power_of_two(rows / 50, 16, 256) if len(self.shape_) == 1 else super().auto_batch_size(rows)

    def auto_epochs(self, rows: int) -> int:
        """Return how many passes make about `TABLE_STEPS` steps over the rows of a table: from 15 to 150.

        Fewer steps miss some of the structure of clean rows, more of them learn the anomalies among others
        (benchmarks/odd_sets.py).
        """
        if len(self.shape_) > 1:
            return super().auto_epochs(rows)
        return self.passes(TABLE_STEPS, rows, FEWEST_TABLE_EPOCHS, MOST_TABLE_EPOCHS)

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.prior_ = self.part("prior", Prior, self.auto_prior)
        self.sampling_prior_ = self._chosen_sampling_prior(facts)
        self.corruption_ = self.part("corruption", Corruption, or_none=True)
        self.objective_ = self.part("objective", Objective, ELBO)

    def _chosen_sampling_prior(self, facts: Facts) -> Prior | None:
        if self.sampling_prior == "auto":
            return FittedMixture(None, drawn=True) if is_mixed(facts) and not facts.condition else None
        if self.sampling_prior is None:
            return None
        if facts.condition:
            raise CompositionError(
                "sampling_prior must be None with a condition: the codes of samples come from p(z|c)"
            )
        return self.part("sampling_prior", Prior)

    def players(self) -> Turns:
        """Return the one player."""
        return [Player("vae", self.objective_, clip_norm=self.reconstruction_clip_norm())]

    def score_samples(self, X: ArrayLike, condition: ArrayLike | None = None, *, n_draws: int = 100) -> Any:
        r"""Return a lower bound on log p(x) in nats for each row, in the data's units.

        log (1/k) Σᵢ p(x, zᵢ)/q(zᵢ|x) with k = `n_draws`, which rises with k towards log p(x) (Yuri Burda, Roger Grosse
        and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016, https://arxiv.org/abs/1509.00519,
        equation 8). A row's draws are seeded by the row itself, so that its result is the same every time and does not
        depend on its neighbours, and the mean over rows is a mean over independent draws.

        Parameters
        ----------
        X : (N, ...).
        n_draws : k, at least 1.
        condition : of each row, (N, c), where the model has one.
        """
        if n_draws < 1:
            raise CompositionError(f"n_draws must be at least 1, got {n_draws}")
        fitted = self.fitted_
        model = fitted.model
        if not model.has_density:
            return super().score_samples(X, condition)

        def bound(x: Tensor, c: Tensor | None) -> Tensor:
            _, log_weights = weighted_codes(model, x, c, n_draws)
            return model.scaling.in_data_units(log_mean_exp(log_weights), x, model.observed(x))

        return values_back(self, fitted.scores(X, bound, condition, draws=n_draws), "score", X)
