"""What is judged: a fitted estimator and the rows to judge it on, each quantity worked out once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.output import of_arrays
from ..divergence import KL
from ..errors import DataError
from ..fitted import Fitted
from ..metrics import r2
from ..model import Model
from ..objective import Discriminate
from ..training.player import turns_of
from .held import Rows
from .linear import Linear, linear_code, projection

__all__ = ["MINIMUM", "ROWS", "Subject"]

ROWS = 2_000
"""Rows of either kind that are judged, at most, drawn at random: distances cost the square."""

NEAREST = 20_000
"""Training rows among which nearest ones are looked for, at most."""

MINIMUM = 20
"""Held-out rows below which no share or spread is worth a verdict."""


class Subject:
    """A fitted estimator, held-out rows, and training rows where there are any.

    Parameters
    ----------
    estimator : fitted.
    X : held-out rows, (N, ...).
    X_train : the rows it was trained on, or None.
    condition, condition_train : the condition of each of these rows, or None.
    random_state : the seed of every draw.
    """

    def __init__(
        self, estimator: Any, X: Any, X_train: Any, condition: Any, condition_train: Any, random_state: int
    ) -> None:
        if not hasattr(type(estimator), "abilities"):
            raise DataError(f"a diagnosis is of an estimator of isthmus, got a {type(estimator).__name__}")
        self.estimator: Any = of_arrays(estimator)
        self.fitted = Fitted(estimator)
        self.model: Model = self.fitted.model
        self.seed = random_state
        self.held_out = self._some(self.fitted.rows(X), condition)
        if len(self.held_out) < MINIMUM:
            raise DataError(f"a diagnosis needs at least {MINIMUM} held-out rows, got {len(self.held_out)}")
        self.every_training_row = None if X_train is None else self.fitted.rows(X_train)
        self.training = None if X_train is None else self._some(self.every_training_row, condition_train)

    def _some(self, X: Any, condition: Any) -> Rows:
        """Return at most `ROWS` of the rows, with their conditions."""
        if len(X) > ROWS:
            chosen = np.sort(self.random().choice(len(X), ROWS, replace=False))
            X, condition = X[chosen], None if condition is None else np.asarray(condition)[chosen]
        return Rows(self, X, condition)

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
    def linear_width(self) -> int:
        """The numbers a linear model gets: d, or the default quarter of n where d numbers could simply copy."""
        return self.d if self.d < self.n else max(1, self.n // 4)

    @property
    def encodes(self) -> bool:
        """Whether there is an encoder."""
        return self.model.posterior is not None

    @property
    def reconstructs(self) -> bool:
        """Whether there are an encoder and a decoder."""
        return self.encodes and self.model.likelihood is not None

    @property
    def variational(self) -> bool:
        """Whether the code is drawn from a posterior with a density."""
        return self.model.has_density and self.model.prior is not None and self.model.likelihood is not None

    @property
    def likelihood(self) -> Any:
        """The likelihood p(x|z), the part."""
        return self.estimator.likelihood_

    @property
    def unit_interval(self) -> bool:
        """Whether values lie in [0, 1], and what comes back is a probability."""
        return self.likelihood is not None and bool(self.likelihood.support == (0.0, 1.0))

    @cached_property
    def game(self) -> Discriminate | None:
        """What a discriminator of the model minimises, or None where no players compete."""
        objectives = (player.objective for turn in turns_of(self.estimator.players()) for player in turn)
        return next((objective for objective in objectives if isinstance(objective, Discriminate)), None)

    def units(self, X: np.ndarray) -> np.ndarray:
        """Return rows in the data's units as flat rows in the model's, (N, n), float64."""
        return self.fitted.units(X)

    def shaped(self, x: np.ndarray) -> np.ndarray:
        """Return flat rows in the shape of a sample."""
        return x.reshape(-1, *self.estimator.shape_)

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
        if self.unit_interval:
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

    @cached_property
    def _regression(self) -> np.ndarray:
        """The coefficients of x on 1 and the condition, by least squares over the known rows."""
        coefficients: np.ndarray = np.linalg.lstsq(_with_one(self.known.given), self.known.x, rcond=None)[0]
        return coefficients

    def by_condition(self, rows: Rows) -> np.ndarray | float:
        """Return what a linear regression on the condition makes of rows, (N, n); 0 where there is no condition."""
        predicted: np.ndarray | float = 0.0 if rows.given is None else _with_one(rows.given) @ self._regression
        return predicted

    def projected(self, rows: Rows) -> np.ndarray:
        """Return what PCA with as many numbers as the code has, told the condition, makes of what is encoded."""
        known, told = self.known.x - self.by_condition(self.known), self.by_condition(rows)
        return told + projection(known, rows.inputs - told, self.linear_width)

    @cached_property
    def linear(self) -> Linear:
        """What a linear variational autoencoder with the same noise would make of what the condition leaves."""
        return linear_code(self.known.x - self.by_condition(self.known), self.noise, self.d)

    @cached_property
    def explained_by_condition(self) -> float:
        """The share of the variance that a linear regression on the condition brings."""
        return 0.0 if self.known.given is None else self._explained(np.asarray(self.by_condition(self.known)))

    @cached_property
    def explained_linearly(self) -> float:
        """The share of the variance that a linear model of the same width brings back."""
        if self.variational:
            return self.explained_by_condition + (1 - self.explained_by_condition) * self.linear.explained
        return self._explained(self.projected(self.known))

    @cached_property
    def explained(self) -> float:
        """The share of the variance that comes back."""
        return self._explained(self.known.x_hat)

    def _explained(self, x_hat: np.ndarray) -> float:
        """Return 1 − Σ(x − x̂)²/Σ(x − x̄)², features of a VAE divided by the likelihood's noise."""
        x = self.known.x
        used = self.noise > 0 if self.variational else np.ones(self.n, dtype=bool)
        noise = self.noise[used] if self.variational else 1.0
        return r2(x[:, used] / noise, x_hat[:, used] / noise) if used.any() else 0.0

    @cached_property
    def divergence(self) -> KL | None:
        """The divergence of posterior from prior that is a term of the loss, or None."""
        objectives = (player.objective for turn in turns_of(self.estimator.players()) for player in turn)
        terms = (term for objective in objectives for term in objective.summands())
        return next((term for term in terms if isinstance(term, KL)), None)

    def loss(self) -> np.ndarray | None:
        """Return the loss an epoch, a VAE's with the divergence at its last weight; None where players compete."""
        reconstruction, divergence = self.column("reconstruction"), self.column("divergence")
        if self.divergence is not None and reconstruction is not None and divergence is not None:
            return np.asarray(reconstruction + self.divergence.weight_at(1.0) * divergence)
        return self.column("loss")

    @cached_property
    def samples(self) -> np.ndarray | None:
        """As many samples as there are held-out rows, flat and in the model's units; None without a prior."""
        if "samples" not in self.fitted.abilities:
            return None
        given = {} if self.held_out.asked is None else {"condition": self.held_out.asked}
        return self.units(self.estimator.sample(len(self.held_out), random_state=self.seed, **given))

    @cached_property
    def nearest_candidates(self) -> np.ndarray:
        """Training rows among which the nearest is looked for, in random order, flat and in the model's units."""
        rows = self.every_training_row
        assert rows is not None
        return self.units(rows[self.random().permutation(len(rows))[:NEAREST]])

    def column(self, name: str) -> np.ndarray | None:
        """Return a column of the history, one number an epoch, or None if it was not recorded."""
        history = self.estimator.history_
        return history[name] if name in history.columns else None


def _with_one(condition: np.ndarray | None) -> np.ndarray:
    """Return conditions with a column of ones before them."""
    c = np.asarray(condition, dtype=np.float64)
    return np.concatenate([np.ones((len(c), 1)), c], axis=1)
