"""What is judged: a fitted estimator and the rows to judge it on, each quantity worked out once."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..batch import Batch
from ..divergence import KL
from ..errors import DataError
from ..fitted import Fitted
from ..metrics import r2
from ..model import Model, Pass
from ..objective import Discriminate
from ..source import Generated
from ..training.player import turns_of
from .linear import Linear, linear_code, projection

__all__ = ["MINIMUM", "ROWS", "Rows", "Subject"]

ROWS = 2_000
"""Rows of either kind that are judged, at most, drawn at random: distances cost the square."""

NEAREST = 20_000
"""Training rows among which nearest ones are looked for, at most."""

MINIMUM = 20
"""Held-out rows below which no share or spread is worth a verdict."""


class Rows:
    """Rows on their way through the model, flat and in the model's units: what is wanted, x, and what comes out, x̂."""

    def __init__(self, subject: Subject, X: np.ndarray) -> None:
        self._subject = subject
        self.own = X
        self.x = subject.units(X)

    def __len__(self) -> int:
        return len(self.own)

    @cached_property
    def inputs(self) -> np.ndarray:
        """What is encoded: x, or a corruption of it where that is what the model was trained on, (N, n)."""
        model = self._subject.model
        if model.corruption is None:
            return self.x
        source = Generated(self._subject.generator())
        return self._subject.through(self.own, lambda x: Pass(model, Batch(x), source).x_tilde)

    @cached_property
    def codes(self) -> np.ndarray:
        """The codes of what is encoded, the posterior's mean, (N, d)."""
        model = self._subject.model
        return self._subject.through(self._subject.shaped(self.inputs), lambda x: model.encode(x.to(model.dtype)).mean)

    @cached_property
    def x_hat(self) -> np.ndarray:
        """The reconstructions, the mean of p(x|z), (N, n)."""
        return self._subject.decoded(self.codes)

    @cached_property
    def errors(self) -> np.ndarray:
        """Each row's squared error over its features, (N,)."""
        errors: np.ndarray = ((self.x - self.x_hat) ** 2).mean(1)
        return errors


class Subject:
    """A fitted estimator, held-out rows, and training rows where there are any.

    Parameters
    ----------
    estimator : fitted.
    X : held-out rows, (N, ...).
    X_train : the rows it was trained on, or None.
    random_state : the seed of every draw.
    """

    def __init__(self, estimator: Any, X: Any, X_train: Any, random_state: int) -> None:
        if not hasattr(type(estimator), "abilities"):
            raise DataError(f"a diagnosis is of an estimator of isthmus, got a {type(estimator).__name__}")
        self.estimator: Any = estimator
        self.fitted = Fitted(estimator)
        self.model: Model = self.fitted.model
        self.seed = random_state
        self.every_training_row = None if X_train is None else self.fitted.rows(X_train)
        self.held_out = Rows(self, self._some(self.fitted.rows(X)))
        if len(self.held_out) < MINIMUM:
            raise DataError(f"a diagnosis needs at least {MINIMUM} held-out rows, got {len(self.held_out)}")
        self.training = None if X_train is None else Rows(self, self._some(self.every_training_row))

    def _some(self, X: Any, most: int = ROWS) -> np.ndarray:
        rows: np.ndarray = X
        if len(rows) <= most:
            return rows
        return rows[np.sort(self.random().choice(len(rows), most, replace=False))]

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

    def through(self, X: np.ndarray, f: Any) -> np.ndarray:
        """Return f applied to rows in blocks on the model's device, flat, float64."""
        out: np.ndarray = self.fitted.map(X, lambda x, c: f(x), dtype=np.dtype(np.float64))
        return out.reshape(len(X), -1)

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """Return x̂ for codes, flat and in the model's units."""
        model = self.model

        def decode(z: Tensor) -> Tensor:
            mean: Tensor = model.decode(z.to(model.dtype)).mean
            return mean

        return self.through(codes, decode)

    def passed(self, x: np.ndarray) -> np.ndarray:
        """Return x̂ for flat rows in the model's units, encoded as they are."""
        model = self.model
        return self.decoded(self.through(self.shaped(x), lambda rows: model.encode(rows.to(model.dtype)).mean))

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
            variance = self.through(self.held_out.codes, lambda z: model.decode(z.to(model.dtype)).variance).mean(0)
        noise: np.ndarray = np.sqrt(variance)
        return noise

    @cached_property
    def linear(self) -> Linear:
        """What a linear variational autoencoder with the same noise would make of the rows."""
        return linear_code(self.known.x, self.noise, self.d)

    @cached_property
    def explained_linearly(self) -> float:
        """The share of the variance that a linear model of the same width brings back."""
        if self.variational:
            return self.linear.explained
        x = self.known.x
        return self._explained(projection(x, self.known.inputs, self.linear_width))

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
        return self.units(self.estimator.sample(len(self.held_out), random_state=self.seed))

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
