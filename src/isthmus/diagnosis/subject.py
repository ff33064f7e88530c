"""What is judged: a fitted estimator and the rows to judge it on, each quantity worked out once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..corruption import AnySubset
from ..data.output import of_arrays
from ..divergence import KL
from ..errors import DataError
from ..fitted import Fitted
from ..likelihood import Bernoulli
from ..look import Look, look_of
from ..look import Rows as TableRows
from ..metrics import TableQuality, r2
from ..metrics.table_quality import FEWEST_JUDGED_ROWS
from ..model import Model
from ..objective import Discriminate
from ..subsets import even_subset, random_subset
from ..training.player import objectives_of
from ..yardstick import PrincipalComponents
from .chosen import complete, measured_rows
from .completions import Completions, completions_of
from .held import Denoising, Rows
from .judged import Judged, judged_by
from .likeness import Likeness, Nearest, likeness_of, nearest_of
from .linear import Linear, linear_code
from .scored import Scored, scored_of

__all__ = ["COMPARED_ROWS", "Subject"]

COMPARED_ROWS = 2_000
"""Held-out rows that samples are compared with, at most: distances cost the square."""


class Subject:
    """A fitted estimator, held-out rows, and training rows where there are any.

    Everything that a verdict, a number or a picture says of them is worked out here once.

    Parameters
    ----------
    estimator : fitted.
    X : held-out rows, (N, ...); rows with gaps are left out unless the model reads gaps.
    X_train : the rows it was trained on, or None.
    samples : rows that the model drew, to be judged; None draws new ones.
    target : the name of a table's column whose prediction measures the use of samples, or None.
    condition, condition_train : the condition of each of these rows, or None.
    labels_train : a label for each training row, (N,), or None.
    names : of a table's columns, or None for those that the estimator was fitted with.
    random_state : the seed of every draw.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        X_train: Any = None,
        *,
        condition: Any = None,
        condition_train: Any = None,
        labels_train: Any = None,
        names: list[str] | None = None,
        samples: Any = None,
        target: str | None = None,
        random_state: int = 0,
    ) -> None:
        if not hasattr(type(estimator), "abilities"):
            raise DataError(f"a diagnosis is of an estimator of isthmus, got a {type(estimator).__name__}")
        self.estimator: Any = of_arrays(estimator)
        self.fitted, given = Fitted(self.estimator), Fitted(estimator)
        self.model: Model = self.fitted.model
        self.seed, self.labels_train, self.target = random_state, None, target
        self.reads_gaps = bool(self.model.scaling.reads_gaps)
        rows = given.rows(X)
        condition = given.told(X, condition, len(rows))
        self.own_samples = None if samples is None else given.rows(samples)
        self.every_training_row: np.ndarray | None = None
        if X_train is not None:
            train = given.rows(X_train)
            condition_train = given.told(X_train, condition_train, len(train))
            whole = self.measurable(train)
            self.every_training_row = train if len(whole) == len(train) else train[whole]
            self.labels_train = None if labels_train is None else np.asarray(labels_train)[whole]
            condition_train = None if condition_train is None else np.asarray(condition_train)[whole]
        known = rows if self.every_training_row is None else self.every_training_row
        given_names = getattr(estimator, "feature_names_in_", None) if names is None else names
        schema = estimator.schema_
        self.look: Look = look_of(
            known,
            None if given_names is None else [str(name) for name in given_names],
            () if schema is None else schema.columns,
        )
        self.held_out = self._some(rows, condition)
        self.training = None if X_train is None else self._some(self.every_training_row, condition_train)

    def _some(self, X: Any, condition: Any) -> Rows:
        """Return the rows that are measured, with their conditions."""
        chosen = measured_rows(X, self.seed, self.measurable(X))
        return Rows(self, X[chosen], None if condition is None else np.asarray(condition)[chosen], chosen)

    def measurable(self, X: np.ndarray) -> np.ndarray:
        """Return which of rows (N, ...) can be measured, in ascending order: those without gaps, or all."""
        return np.arange(len(X)) if self.reads_gaps else complete(X)

    def random(self) -> np.random.Generator:
        """Return a fresh source of random numbers."""
        return np.random.default_rng(self.seed)

    def generator(self) -> torch.Generator:
        """Return a fresh generator where the model is."""
        return torch.Generator(self.model.device).manual_seed(self.seed)

    @property
    def n(self) -> int:
        """The number of features."""
        return math.prod(self.estimator.shape_)

    @property
    def d(self) -> int:
        """The width of the code."""
        return int(self.estimator.latent_dim_)

    @property
    def encodes(self) -> bool:
        """Whether there is an encoder."""
        return self.model.posterior is not None

    @property
    def hides(self) -> bool:
        """Whether the model was trained to predict hidden entries, so that what it sees, it may simply copy."""
        return isinstance(self.model.corruption, AnySubset)

    @property
    def reconstructs(self) -> bool:
        """Whether rows go through an encoder and a decoder, and what comes back is more than a copy of what is seen."""
        return self.encodes and self.model.likelihood is not None and not self.hides

    @property
    def variational(self) -> bool:
        """Whether the code is drawn from a posterior with a density."""
        return self.model.has_density and self.model.prior is not None and self.model.likelihood is not None

    @cached_property
    def denoises(self) -> bool:
        """Whether the model was trained on noisy rows, with the clean ones as targets; hiding entries is no noise."""
        held = self.held_out
        return self.model.corruption is not None and not np.array_equal(held.inputs, held.x)

    @property
    def likelihood(self) -> Any:
        """The likelihood p(x|z), the part."""
        return self.estimator.likelihood_

    @property
    def bernoulli(self) -> bool:
        """Whether p(x|z) is a Bernoulli, whose variance is that of zeros and ones and not of what lies between."""
        return isinstance(self.likelihood, Bernoulli)

    @cached_property
    def game(self) -> Discriminate | None:
        """What a discriminator of the model minimises, or None where no players compete."""
        objectives = objectives_of(self.estimator.players())
        return next((objective for objective in objectives if isinstance(objective, Discriminate)), None)

    @cached_property
    def judged(self) -> Judged | None:
        """What the discriminator says of held-out rows and of samples, or None where there is none."""
        return None if self.game is None else judged_by(self.game, self)

    def units(self, X: np.ndarray) -> np.ndarray:
        """Return rows in the data's units as flat rows in the model's, (N, n), float64."""
        return self.fitted.units(X)

    def own_units(self, x: np.ndarray) -> np.ndarray:
        """Return flat rows in the model's units in the data's shape and units, (N, ...)."""
        scaling = self.model.scaling
        own: np.ndarray = scaling.inverse(torch.as_tensor(self.shaped(x)).to(scaling.shift)).cpu().numpy()
        return own

    def comparable(self, x: np.ndarray) -> np.ndarray:
        """Return flat rows in the model's units as flat rows in comparable ones, (N, n), float64."""
        return self.look.flat(self.own_units(x))

    def shaped(self, x: np.ndarray) -> np.ndarray:
        """Return flat rows in the shape of a sample; units of another width than the data's stay flat."""
        return x.reshape(-1, *self.estimator.shape_) if x.shape[1] == self.n else x

    def through(
        self, X: np.ndarray, f: Callable[[Tensor, Tensor | None], Any], condition: np.ndarray | None = None
    ) -> np.ndarray:
        """Return f of rows and their conditions, in blocks on the model's device, flat, float64."""
        out = self.fitted.map(X, f, condition=condition, dtype=np.dtype(np.float64))
        return out.reshape(len(X), -1)

    def encoded(self, x: np.ndarray, condition: np.ndarray | None) -> np.ndarray:
        """Return the codes of flat rows in the model's units, encoded as they are."""
        model = self.model
        return self.through(self.shaped(x), lambda rows, c: model.encode(rows.to(model.dtype), c).mean, condition)

    def decoded(self, codes: np.ndarray, condition: np.ndarray | None) -> np.ndarray:
        """Return x̂ for codes, flat and in the model's units."""
        model = self.model
        return self.through(codes, lambda z, c: model.decode(z.to(model.dtype), c).mean, condition)

    @property
    def known(self) -> Rows:
        """The training rows, or the held-out ones where there are none."""
        return self.held_out if self.training is None else self.training

    @cached_property
    def noise(self) -> np.ndarray:
        """The likelihood's σ of each feature in the model's units, (n,), the root mean square over rows.

        For a Bernoulli √p(1 − p) at the mean, but not below half of what it is over features: a pixel that is nearly
        always black would count for more than all the others.
        """
        if self.bernoulli:
            p = self.known.x.mean(0)
            variance = np.clip(p * (1 - p), 0, None)
            variance = np.where(variance > 0, np.maximum(variance, variance.mean() / 4), 0)
        else:
            model = self.model
            rows = self.held_out
            each = self.through(rows.codes, lambda z, c: model.decode(z.to(model.dtype), c).variance, rows.condition)
            variance = each.mean(0)
        noise: np.ndarray = np.sqrt(variance)
        return noise

    @property
    def pca_width(self) -> int:
        """The numbers that PCA gets: d, or the default quarter of n where d numbers could simply copy."""
        width = self.d if self.d < self.n else max(1, self.n // 4)
        return max(1, min(width, len(self.known)))

    def _told(self, known: np.ndarray, rows: Rows) -> np.ndarray | float:
        """Return what a linear regression of the known rows on their condition makes of rows; 0 without a condition."""
        if self.known.given is None or rows.given is None:
            return 0.0
        coefficients = np.linalg.lstsq(_with_one(self.known.given), known, rcond=None)[0]
        told: np.ndarray = _with_one(rows.given) @ coefficients
        return told

    @cached_property
    def _pca(self) -> PrincipalComponents:
        x = self.known.comparable
        return PrincipalComponents(self.pca_width).fit(x - self._told(x, self.known))

    def pca_x_hat(self, rows: Rows) -> np.ndarray:
        """Return what PCA of the known rows, told the condition, makes of what is encoded, in comparable units."""
        told = self._told(self.known.comparable, rows)
        return told + self._pca.reconstruct(rows.comparable_inputs - told)

    @cached_property
    def pca_error(self) -> float:
        """The mean squared error of held-out rows under PCA with as many numbers as the code has."""
        return float(((self.held_out.comparable - self.pca_x_hat(self.held_out)) ** 2).mean())

    @cached_property
    def linear(self) -> Linear:
        """What a linear variational autoencoder with the same noise would make of what the condition leaves."""
        x = self.known.x
        told = self._told(x, self.known)
        found = linear_code(x - told, self.noise, self.d)
        return found._replace(x_hat=found.x_hat + told)

    @cached_property
    def linear_r2(self) -> float:
        """The share of the known rows' variance that a linear model brings back.

        That is PCA with as many numbers, for a VAE a linear one with the same noise.
        """
        x_hat = self.comparable(self.linear.x_hat) if self.variational else self.pca_x_hat(self.known)
        return r2(self.known.comparable, x_hat)

    @cached_property
    def condition_r2(self) -> float:
        """The share of the known rows' variance that a linear regression on the condition brings back."""
        x = self.known.comparable
        return 0.0 if self.known.given is None else r2(x, np.asarray(self._told(x, self.known)))

    @cached_property
    def denoising_gain(self) -> Denoising | None:
        """Signal-to-noise ratios of held-out rows, corrupted as in training; None where an error is zero."""
        rows = self.held_out
        if len(self.known) < 2:
            return None  # PCA needs two rows
        x = rows.comparable
        signal = float(x.var(0).mean())
        errors = [
            float(((y - x) ** 2).mean()) for y in (rows.comparable_inputs, rows.comparable_x_hat, self.pca_x_hat(rows))
        ]
        if signal == 0 or not all(errors):
            return None
        return Denoising(*(10 * math.log10(signal / error) for error in errors))

    @cached_property
    def divergence(self) -> KL | None:
        """The divergence of posterior from prior that is a term of the loss, or None."""
        objectives = objectives_of(self.estimator.players())
        terms = (term for objective in objectives for term in objective.summands())
        return next((term for term in terms if isinstance(term, KL)), None)

    def loss(self) -> np.ndarray | None:
        """Return the loss an epoch, a VAE's with the divergence at its last weight; None where players compete."""
        reconstruction, divergence = self.column("reconstruction"), self.column("divergence")
        if self.divergence is not None and reconstruction is not None and divergence is not None:
            return np.asarray(reconstruction + self.divergence.weight_at(1.0) * divergence)
        return self.column("loss")

    @cached_property
    def compared(self) -> Rows:
        """The held-out rows that samples are compared with."""
        return self.held_out.some(even_subset(len(self.held_out), COMPARED_ROWS))

    @cached_property
    def drawn(self) -> np.ndarray | None:
        """As many samples as rows they are compared with, under the conditions of these, as a user gets them.

        They have gaps as often as the rows if the model draws gaps.
        """
        if self.own_samples is not None:
            chosen: np.ndarray = self.own_samples[random_subset(len(self.own_samples), len(self.compared), self.seed)]
            return chosen
        if "samples" not in self.fitted.abilities:
            return None
        given = {} if self.compared.asked is None else {"condition": self.compared.asked}
        if self.model.gaps and self.hides:
            given["gaps"] = True
        return np.asarray(self.estimator.sample(len(self.compared), random_state=self.seed, **given))

    @cached_property
    def table(self) -> TableQuality | None:
        """Samples of a table beside held-out and training rows; None if it is no table, or there are too few rows."""
        if not isinstance(self.look, TableRows) or self.drawn is None or self.every_training_row is None:
            return None
        real, made = (self.compared, self.drawn) if self.own_samples is None else (self.held_out, self.own_samples)
        train, held, new = (
            np.asarray(x, np.float64).reshape(len(x), -1) for x in (self.every_training_row, real.own, made)
        )
        if min(len(train), len(held), len(new)) < FEWEST_JUDGED_ROWS:
            return None
        look, seed = self.look, self.seed
        return TableQuality(train, held, new, look.categories, names=look.names, target=self.target, random_state=seed)

    @cached_property
    def completions(self) -> Completions | None:
        """What the model makes of hidden cells of held-out rows; None unless it was trained to, and of no table."""
        return completions_of(self)

    @cached_property
    def scored(self) -> Scored | None:
        """Log-likelihoods of held-out and of training rows; None if there are no training rows or no exact ones."""
        return scored_of(self)

    @cached_property
    def samples(self) -> np.ndarray | None:
        """The samples in comparable units, (N, n); None where the model draws none."""
        return None if self.drawn is None else self.look.flat(self.drawn)

    @cached_property
    def likeness(self) -> Likeness | None:
        """How like held-out rows samples are; None without samples, or with too few rows."""
        return likeness_of(self)

    @cached_property
    def nearest(self) -> Nearest | None:
        """How far samples and held-out rows are from the training rows; None without either."""
        return nearest_of(self)

    def column(self, name: str) -> np.ndarray | None:
        """Return a column of the history, one number an epoch, or None if it was not recorded."""
        history = self.estimator.history_
        return history[name] if name in history.columns else None


def _with_one(condition: np.ndarray | None) -> np.ndarray:
    """Return conditions with a column of ones before them."""
    c = np.asarray(condition, dtype=np.float64)
    return np.concatenate([np.ones((len(c), 1)), c], axis=1)
