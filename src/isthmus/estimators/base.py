"""The base of all estimators: what a system is composed of, who plays, and the fit."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import nn

from ..data import Schema
from ..errors import CompositionError
from ..facts import Facts
from ..fitted import Fitted
from ..fitting import fit
from ..given import Given
from ..history import History
from ..model import Model
from ..monitor import Monitor
from ..networks import Tied
from ..rows import check_rows, check_target, check_weights, condition_rows
from ..scaling import Scaling
from ..term import Term
from ..training import Turns
from ..training.player import turns_of
from ..typing import ArrayLike
from ..verbs import verb
from .choices import Choices
from .views import Views

__all__ = ["Estimator"]


class Estimator(Views, Choices, system=False):
    """Base of the estimators.

    A system of your own says who plays (`players`) and, where it needs more than an encoder and a decoder, with which
    networks (`networks`). Its arguments are annotated attributes, as in a dataclass; `choose` turns what ``"auto"`` and
    names stand for into parts.

    >>> from isthmus.estimators import Reconstructs
    >>> from isthmus.objective import Sum
    >>> from isthmus.posterior import Deterministic
    >>> from isthmus.term import NegativeLogLikelihood, Term
    >>> from isthmus.training import Player
    >>> class L1(Term):
    ...     def __call__(self, model, passed, source):
    ...         return passed.z.abs().sum(-1)
    >>> class SparseAutoencoder(Reconstructs):
    ...     "An autoencoder whose codes are pulled to zero."
    ...     sparsity: float = 0.01
    ...     def players(self):
    ...         return [Player("autoencoder", Sum((NegativeLogLikelihood(), L1(self.sparsity))))]
    >>> X = np.random.default_rng(0).normal(size=(64, 6))
    >>> SparseAutoencoder(2, sparsity=0.1, max_epochs=1, random_state=0).fit(X).transform(X).shape
    (64, 2)
    """

    monitors: ClassVar[Sequence[Monitor]] = ()
    """What is measured after each epoch, beside the losses."""

    watch: ClassVar[str] = "validation_loss"
    """The column of the history that says when to stop early, lower is better."""

    tied = False

    schema_ = cast(Schema | None, None)
    dtype_: np.dtype[Any] = field(init=False)
    model_: Model = field(init=False)
    history_: History = field(init=False)
    n_epochs_: int = field(init=False)

    def numbers_of(self, condition: ArrayLike) -> ArrayLike:
        """Return a condition as numbers, one row each: as it is, unless a system takes classes, names or dates for it.

        >>> from isthmus import VAE
        >>> class ClassVAE(VAE):
        ...     "A VAE whose condition is one of ten classes."
        ...     def numbers_of(self, condition):
        ...         return np.eye(10)[condition]
        >>> X, y = np.random.default_rng(0).normal(size=(64, 6)), np.arange(64) % 10
        >>> ClassVAE(2, max_epochs=1, random_state=0).fit(X, condition=y).sample(3, condition=[7, 7, 2]).shape
        (3, 6)
        """
        return condition

    def players(self) -> Turns:
        """Return who plays on the model: one after the other, or at once where a turn is a sequence."""
        raise NotImplementedError(f"{type(self).__name__} does not say who plays: define players()")

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return the networks by name; a subclass adds its own to these.

        Parameters
        ----------
        facts : the data's shape, the code's width and the condition's.
        scaling : the units, which say what an encoder looks at.
        """
        made: dict[str, nn.Module] = {}
        condition = [facts.condition] if facts.condition else []
        if self.posterior_ is not None:
            width = self.posterior_.width(facts)
            made["encoder"] = self.network_.encoder(scaling.input_shape, width, *condition)
        if self.likelihood_ is not None:
            width = self.likelihood_.width(facts)
            if self.tied:
                one_each = self.posterior_ is not None and self.posterior_.width(facts) == facts.latent_dim
                if not one_each or width != math.prod(scaling.input_shape):
                    raise CompositionError(
                        "tied weights need one number a code unit and one a feature: an autoencoder's"
                    )
                made["decoder"] = Tied(made["encoder"], scaling.input_shape)
            elif width % facts.features == 0:
                made["decoder"] = self.network_.decoder(
                    facts.latent_dim, facts.shape, width // facts.features, *condition
                )
            else:
                made["decoder"] = self.network_.decoder(facts.latent_dim, (width,), 1, *condition)
        if self.prior_ is not None and self.prior_.width(facts):
            made["prior"] = self.network_.encoder((facts.condition,), self.prior_.width(facts))
        return made

    def compose(self, facts: Facts, scaling: Scaling) -> Model:
        """Put the model together from the chosen parts."""
        terms: dict[str, Term] = {}
        for turn in turns_of(self.players()):
            for player in turn:
                terms |= {term.name: term for term in player.objective.summands()}
        return Model(
            facts,
            scaling=scaling,
            networks=self.networks(facts, scaling),
            posterior=self.posterior_,
            likelihood=self.likelihood_,
            prior=self.prior_,
            corruption=self.corruption_,
            terms=terms,
        )

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        condition: ArrayLike | None = None,
    ) -> Self:
        """Fit the model to X.

        Parameters
        ----------
        X : (N, features), (N, H, W), (N, C, H, W), ...: array, tensor or memory map; or a table with columns of any
            kind, a frame of pandas or polars, lazy ones too, or an Arrow table. NaN and whatever else stands for a
            missing value is a gap: not observed, in training, in codes and in scores. A GAN takes none.
        y : ignored, as scikit-learn's pipelines want it.
        sample_weight : how much each row counts in every term's mean, (N,); a row of weight 2 counts as two rows, one
            of weight 0 is left out.
        condition : numbers that the model is given beside each row, (N, c), such as a class as one-hot columns; the
            model learns p(x|c), and wants the condition of new rows and samples too. A system of your own that takes
            something else for a condition makes numbers of it in `numbers_of`.

        Returns
        -------
        self : fitted. If the fit fails, whatever was fitted before is still there.

        Raises
        ------
        DataError : the data cannot be used; rows and columns are named.
        CompositionError : an argument is out of range, or parts mean nothing together.
        """
        return self._fit(X, None, sample_weight, condition)

    def _fit(
        self, X: ArrayLike, target: ArrayLike | None, sample_weight: ArrayLike | None, condition: ArrayLike | None
    ) -> Self:
        """Fit with X as input and as target, unless another target of X's shape is given."""
        before = dict(vars(self))
        try:
            self.check_arguments()
            x, noisy = check_rows(self, X, reset=True, minimum=2), None
            if target is not None:
                x, noisy = check_target(target, schema=self.schema_), x
            c = None if condition is None else condition_rows(self.numbers_of(condition), len(x))
            columns = None if self.schema_ is None else tuple(self.schema_.columns)
            fit(self, Given(x, noisy, c, check_weights(sample_weight, len(x)), columns))
        except BaseException:
            self.__dict__ = before
            raise
        if self.verbose:
            automatic = [f"{name}_" for name, value in self.get_params(deep=False).items() if value == "auto"]
            picked = [f"{name.rstrip('_')} {value}" for name, value in vars(self).items() if name in automatic]
            print(f"{type(self).__name__}: " + ", ".join(picked))
        return self

    def under(self, condition: ArrayLike) -> Self:
        """Return the fitted model under one condition: p(x|c) for that c, which needs none to be given any more.

        It shares its weights with this one, and is measured, diagnosed and reported like any model without a condition.

        >>> from isthmus import VAE
        >>> X, C = np.random.default_rng(0).normal(size=(64, 6)), np.eye(2)[np.arange(64) % 2]
        >>> vae = VAE(2, max_epochs=1, random_state=0).fit(X, condition=C)
        >>> bool(np.all(vae.under([0, 1]).sample(3, 0) == vae.sample(3, 0, condition=[0, 1])))
        True
        """
        view, numbers = copy.copy(self), self.fitted_.conditions(condition, 1)
        if numbers is None:
            raise CompositionError("under: this model was fitted without a condition")
        view.model_ = copy.copy(self.model_)
        view.model_.fixed = torch.as_tensor(numbers[0]).to(view.model_.device, view.model_.dtype)
        return view

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.takes_gaps
        tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    @property
    def fitted_(self) -> Fitted:
        """What the fitted model offers to whatever measures, judges or keeps it."""
        return Fitted(self)

    def save(self, path: str | Path) -> None:
        """Write the fitted model to a folder: ``config.json``, ``model.safetensors``; no pickle.

        Beside them lie ``README.md``, the model card, and ``history.jsonl``, a line an epoch, for other programs.

        Writing is atomic: the folder is complete or it is not there. A folder is only replaced if it is a model's.
        """
        verb("save")(self, path)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto", **own: Any) -> Self:
        """Read a model that `save` wrote, onto any device; `own` hands over code of your own that it was made with.

        Raises
        ------
        ModelFileError : the folder is missing, damaged, or holds another class's model.
        """
        estimator: Self = verb("load")(path, device=device, own=own, expected=cls)
        return estimator
