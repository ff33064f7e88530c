"""What estimators can do: encode, reconstruct, sample."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from torch import Tensor

from ..batch import Batch
from ..completion import best_guess, drawn_completions
from ..data.output import rows_back, values_back
from ..device import plain_modes
from ..distributions import log_prob
from ..errors import CompositionError
from ..facts import Facts
from ..likelihood import Gaussian
from ..model import Pass
from ..monitor import Discrepancy, Monitor
from ..objective import ImportanceWeighted
from ..penalty import Contractive
from ..posterior import Deterministic, Posterior
from ..prior import Prior, StandardNormal
from ..rejection import Where, satisfying
from ..seeds import drawn_seed, generator_for
from ..source import Generated, Source
from ..term import NegativeLogLikelihood
from ..training.player import objectives_of
from ..typing import ArrayLike, RandomState
from .base import Estimator
from .resampling import codes_given

__all__ = ["Encodes", "Games", "Reconstructs", "Samples"]

NOISE_SEEDS = 2**31
"""Seeds from here on are those of the noise of p(x|z); those of codes are all below."""


class Encodes(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator, system=False):  # type: ignore[misc]
    """Estimators with an encoder: `transform`."""

    offers: ClassVar[frozenset[str]] = frozenset({"codes"})

    posterior: Posterior | str = "auto"

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.posterior_ = self.part("posterior", Posterior, self.auto_posterior)

    def auto_posterior(self) -> Posterior:
        """Return the posterior that the system is defined with."""
        return Deterministic()

    def transform(self, X: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return the codes h (N, d): the posterior's mean, without corruption or draws."""
        return self.fitted_.encode(X, condition)

    def jacobian_norm(self, X: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return ‖∇ₓh‖_F at each row, (N,), exactly, in the model's units: how sensitive the code is to its input."""
        fitted = self.fitted_
        rows, model = fitted.rows(X), fitted.model
        closed = Contractive.closed_for(model.networks["encoder"])
        penalty = Contractive(method="closed" if closed else "exact")

        def norm(x: Tensor, c: Tensor | None) -> Tensor:
            source = Generated(torch.Generator(x.device))
            batch = Batch(x, condition=c, observed=model.observed(x))
            passed = Pass(model, batch, source, x_tilde=model.scaled(x).nan_to_num())
            return penalty(model, passed, source).detach().sqrt()

        return fitted.map(rows, norm, condition=fitted.conditions(condition, len(rows), X))


class Reconstructs(Encodes, system=False):
    """Estimators with an encoder and a decoder: `inverse_transform`, `reconstruct`, `score_samples`."""

    offers: ClassVar[frozenset[str]] = frozenset({"reconstructions", "scores"})

    def inverse_transform(self, H: ArrayLike, condition: ArrayLike | None = None) -> Any:
        """Return x̂ for codes (N, d), in the data's own shape and units; a frame where the fit was on one."""
        return rows_back(self, self.fitted_.decode(H, condition), H)

    def reconstruct(self, X: ArrayLike, condition: ArrayLike | None = None) -> Any:
        """Return x̂ of the shape of X, in the data's units; what was trained to clean, cleans.

        A model that was fitted on a frame returns one, with the index of X.
        """
        return rows_back(self, self.fitted_.reconstruct(X, condition), X)

    def score_samples(self, X: ArrayLike, condition: ArrayLike | None = None) -> Any:
        """Return log p(x|x̂) in nats for each row, in the data's units: higher is more usual, as in scikit-learn.

        A row outside what the likelihood has a density for gets −∞, such as a 2 under a Bernoulli; every row of real
        numbers has one under a Gaussian. Of a row with gaps, NaN, it is the density of what is observed alone.
        """

        def score(x: Tensor, c: Tensor | None) -> Tensor:
            return self.log_density_at(x, x, c)

        return values_back(self, self.fitted_.scores(X, score, condition), "score", X)

    def complete(
        self,
        X: ArrayLike,
        n_draws: int | None = None,
        *,
        random_state: RandomState = None,
        condition: ArrayLike | None = None,
    ) -> Any:
        """Return X with its gaps filled in; what is there stays as it is. Of a frame, frames come back.

        A variational autoencoder averages over codes that are weighted by what is seen of a row, see
        `isthmus.completion`. Without noise in the code, the best guess is the reconstruction, and draws are
        made from p(x|x̂) around it: they are as wide as its σ, which is that of entries that were seen, and know nothing
        of how the missing ones go together.

        Parameters
        ----------
        X : (N, ...), NaN where a value is missing.
        n_draws : None fills in the best guess, the mean of a number and the likeliest level of a category given all
            that is seen of the row; a number draws as many completions, (n_draws, N, ...).
        random_state : of the draws; None is the estimator's own.
        condition : of each row, where the model has one.

        Examples
        --------
        >>> from isthmus import VAE
        >>> X = np.random.default_rng(0).normal(size=(200, 1)) * [1, 2, 3] + [0, 5, 0]
        >>> X[::4, 1] = np.nan
        >>> vae = VAE(1, max_epochs=5, random_state=0).fit(X)
        >>> vae.complete(X).shape, vae.complete(X, n_draws=20).shape
        ((200, 3), (20, 200, 3))
        """
        if n_draws is not None and n_draws < 1:
            raise CompositionError(f"n_draws must be None or at least 1, got {n_draws}")
        fitted = self.fitted_
        rows = fitted.rows(X)
        rows = rows.astype(np.result_type(rows.dtype, np.float32))
        given = fitted.conditions(condition, len(rows), X)
        if n_draws is None:
            return rows_back(self, self.best_guess(rows, given), X)
        draws = self.completions(rows, given, n_draws, random_state)
        if self.schema_ is not None:
            gaps = np.isnan(rows)
            draws = np.stack([np.where(gaps, self.schema_.settle(draw), rows) for draw in draws])
        frames = [rows_back(self, draw, X) for draw in draws]
        return draws if isinstance(frames[0], np.ndarray) else frames

    def best_guess(self, rows: np.ndarray, condition: np.ndarray | None) -> np.ndarray:
        """Return rows as numbers, (N, ...), with the best guess in place of NaN."""
        return best_guess(self.fitted_, rows, condition)

    def completions(
        self, rows: np.ndarray, condition: np.ndarray | None, n_draws: int, random_state: RandomState
    ) -> np.ndarray:
        """Return rows as numbers, (n_draws, N, ...), with draws in place of NaN."""
        if isinstance(self.likelihood_, Gaussian) and not self.model_.has_density:
            warnings.warn(
                f"σ of {self.likelihood_!r} is fixed and not learnt, so that draws are as wide as it says; "
                "likelihood='residualgaussian' measures it",
                stacklevel=3,
            )
        seed = drawn_seed(self.random_state if random_state is None else random_state)
        return drawn_completions(self.fitted_, rows, condition, n_draws, seed)

    def log_density_at(self, x: Tensor, encoded: Tensor, condition: Tensor | None) -> Tensor:
        """Return log p(x|x̂), x̂ being what `encoded` is reconstructed to, (N,); both are in the data's units."""
        model, x_model = self.model_, self.model_.scaled(x)
        observed = seen = model.observed(x)
        if encoded is not x:
            seen = model.observed(encoded)
        q = model.encode(x_model if encoded is x else model.scaled(encoded), condition, seen)
        log_p = log_prob(model.decode(q.mean, condition), x_model, observed)
        return model.scaling.in_data_units(log_p, x, observed)

    def score(self, X: ArrayLike, y: ArrayLike | None = None, condition: ArrayLike | None = None) -> float:
        """Return the mean of ``score_samples``, for model selection: higher is better. Labels y are ignored."""
        return float(np.mean(self.score_samples(X, condition=condition)))


class Samples(Estimator, system=False):
    """Estimators that create: `sample`."""

    offers: ClassVar[frozenset[str]] = frozenset({"samples"})

    def choose(self, facts: Facts) -> None:
        super().choose(facts)
        self.prior_ = self.auto_prior()

    def auto_prior(self) -> Prior:
        """Return the prior that the system is defined with."""
        return StandardNormal()

    @property
    def learns_values(self) -> bool:
        """Whether some player lowers −log p(x|z); otherwise p(x|z) is there for its mean, as a generator's is."""
        return any(
            isinstance(objective, ImportanceWeighted)
            or any(isinstance(term, NegativeLogLikelihood) for term in objective.summands())
            for objective in objectives_of(self.players())
        )

    @property
    def draws_values(self) -> bool:
        """Whether `sample` draws x from p(x|z) unless it is told otherwise: rows of a table, where p(x|z) is learnt.

        A Gaussian of fixed σ about the output of a code without noise is a squared error, whose σ says nothing of x.
        """
        fixed = isinstance(self.likelihood_, Gaussian) and not self.fitted_.model.has_density
        return len(self.fitted_.shape) == 1 and self.learns_values and not fixed

    def sample(
        self,
        n_samples: int = 1,
        random_state: RandomState = None,
        *,
        condition: ArrayLike | None = None,
        draw: Literal["auto", "values", "mean"] = "auto",
        given: Mapping[Any, Any] | None = None,
        where: Where | None = None,
    ) -> Any:
        """Return new samples in the data's shape and units: z ~ p(z), then x ~ p(x|z) or its mean x̂.

        The mean of p(x|z) is no sample: it lacks what the likelihood says of noise, so that a column's spread comes out
        too narrow and a column of zeros and ones in between. Rows of a table are therefore drawn; pictures show the
        mean by convention. What a generator makes of z has no noise: a GAN's samples are G(z) in any case.

        A model that was fitted on a table gives one back. Unless the mean is asked for, what is drawn is such as the
        columns hold: whole numbers and truth values, rounded to as many decimals as the data have, of the data's sign
        and within their bounds; see `isthmus.data.Number`.

        The first n of many are the same as n alone, to the bit, if there is no `where`, and the codes are the same
        whatever `draw` is.

        Parameters
        ----------
        n_samples : how many.
        random_state : None is the estimator's own.
        condition : one for each sample, (n_samples, c), or a single one for all, (c,), where the model has one.
        draw : ``"values"`` draws x ~ p(x|z), ``"mean"`` takes x̂, ``"auto"`` draws rows of a table.
        given : what holds in the samples: a value for each of some entries, by number or name. Codes are drawn anew by
            how well they fit (importance resampling), and a warning says what they are worth where that is less than
            `n_samples`. It needs a model whose p(x|z) is learnt, without a condition.
        where : what they satisfy: an expression such as ``"start < end and age > 60"`` (`isthmus.data.predicate`), a
            function of samples (N, ...) to booleans (N,), or a list of these. Samples are drawn until each satisfies
            all. The share that does is measured first: it is printed if ``verbose``, and a warning says if it is small.

        Raises
        ------
        DataError : what is given fits next to none of the codes.

        Examples
        --------
        >>> from isthmus import VAE
        >>> X = np.random.default_rng(0).normal(size=(500, 4))
        >>> vae = VAE(1, max_epochs=5, random_state=0).fit(X)
        >>> drawn, mean = vae.sample(500, 0), vae.sample(500, 0, draw="mean")
        >>> bool((drawn.std(0) > mean.std(0)).all())
        True
        """
        fitted = self.fitted_
        if n_samples < 1:
            raise CompositionError(f"n_samples must be at least 1, got {n_samples}")
        if draw not in ("auto", "values", "mean"):
            raise CompositionError(f"draw must be 'auto', 'values' or 'mean', got {draw!r}")
        model, device = fitted.model, fitted.model.device
        conditions = fitted.conditions(condition, n_samples)
        generator = generator_for(self.random_state if random_state is None else random_state, device)
        source = Generated(generator)
        noise = Generated(torch.Generator(device).manual_seed(generator.initial_seed() + NOISE_SEEDS))
        if given is not None and (conditions is not None or not self.learns_values):
            raise CompositionError("given needs a model that learns p(x|z), without a condition; see MaskedAutoencoder")
        known = None if given is None else fitted.holding(given, 1)
        drawn = self.draws_values if draw == "auto" else draw == "values" and self.learns_values
        values = partial(fitted.drawn, source=noise) if drawn else fitted.decoded

        def made(rows: np.ndarray) -> np.ndarray:
            c = None if conditions is None else conditions[rows]
            with plain_modes(), torch.no_grad():
                if known is None:
                    z = self._prior_codes(len(rows), source, c)
                else:
                    z = codes_given(model, torch.as_tensor(known, device=device), len(rows), source)
            x = fitted.map(z, values, condition=c, dtype=self.dtype_)
            return x if known is None else np.where(np.isnan(known), x, known).astype(x.dtype)

        x = made(np.arange(n_samples)) if where is None else satisfying(self, where, made, n_samples)
        return rows_back(self, x, drawn=draw != "mean")

    def _prior_codes(self, n: int, source: Source, conditions: np.ndarray | None) -> np.ndarray:
        """Return n codes in blocks of one size, so that the first of them do not depend on n."""
        model, size, codes = self.fitted_.model, self.fitted_.block_rows(), []
        for start in range(0, n, size):
            c = None
            if conditions is not None:
                c = torch.zeros(size, conditions.shape[1], dtype=model.dtype, device=model.device)
                block = torch.as_tensor(conditions[start : start + size])
                c[: len(block)] = block.to(c)
            codes.append(model.prior_codes(size, source, c).cpu().numpy())
        return np.concatenate(codes)[:n]


class Games(Samples, system=False):
    """Estimators whose players compete: what says when to stop is their samples, since no loss does."""

    monitors: ClassVar[Sequence[Monitor]] = (Discrepancy(),)
    watch: ClassVar[str] = "validation_mmd"
