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

from ..data import Conditions, Schema
from ..data.conditions import asked_of, columns_named
from ..data.schema import is_table
from ..device import plain_modes
from ..errors import CompositionError, DataError
from ..facts import Facts
from ..fitted import Fitted
from ..fitting import fit
from ..given import Given
from ..history import History
from ..model import Model
from ..monitor import Monitor
from ..networks import Tied
from ..parts import own_copy
from ..rows import TakesTables, check_rows, check_target, check_weights, condition_rows
from ..scaling import Scaling
from ..term import Term
from ..training import Turns
from ..training.checkpoint import Held
from ..training.interrupt import Interrupts
from ..training.player import objectives_of
from ..typing import ArrayLike
from ..verbs import verb
from .choices import Choices
from .views import Views

__all__ = ["Estimator"]


class Estimator(TakesTables, Views, Choices, system=False):
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
    condition_ = cast(Conditions | None, None)
    dtype_: np.dtype[Any] = field(init=False)
    model_: Model = field(init=False)
    history_: History = field(init=False)
    n_epochs_: int = field(init=False)
    arguments_: dict[str, Any] = field(init=False)

    def numbers_of(self, condition: ArrayLike) -> ArrayLike:
        """Return a condition as numbers, one row each: columns of a table by `isthmus.data.Conditions`.

        Numbers stay as they are. A system of your own may take something else, such as classes, names or dates.

        >>> from isthmus import VAE
        >>> class ClassVAE(VAE):
        ...     "A VAE whose condition is one of ten classes."
        ...     def numbers_of(self, condition):
        ...         return np.eye(10)[condition]
        >>> X, y = np.random.default_rng(0).normal(size=(64, 6)), np.arange(64) % 10
        >>> ClassVAE(2, max_epochs=1, random_state=0).fit(X, condition=y).sample(3, condition=[7, 7, 2]).shape
        (3, 6)
        """
        return condition if self.condition_ is None else self.condition_.encode(condition)

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
        for objective in objectives_of(self.players()):
            terms |= {term.name: term for term in objective.summands()}
        return Model(
            facts,
            scaling=scaling,
            networks=self.networks(facts, scaling),
            posterior=self.posterior_,
            likelihood=self.likelihood_,
            prior=self.prior_,
            sampling_prior=self.sampling_prior_,
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
        X : (N, features), (N, length), (N, H, W), ..., perhaps with an axis of channels (`isthmus.layout.layout_of`):
            array, tensor or memory map; or a table with columns of any kind, a frame of pandas or polars, lazy ones
            too, or an Arrow table. NaN and whatever else stands for a missing value is a gap: not observed, in
            training, in codes and in scores. A GAN takes none.
        y : ignored, as scikit-learn's pipelines want it, unless the system takes it for a target.
        sample_weight : how much each row counts in every term's mean, (N,); a row of weight 2 counts as two rows, one
            of weight 0 is left out.
        condition : what the model is told beside each row: it learns p(x|c), and wants the condition of new rows and
            samples too. Numbers (N, c), such as a class as one-hot columns; columns of a table X by their names,
            ``["sex", "age"]``, which new rows then have too; or a table of its own, of N rows. Of a table's columns
            numbers are standardised and categories made one-hot; a sample's are ``condition={"sex": "f", "age": 40}``.
            A system of your own that takes something else for a condition makes numbers of it in `numbers_of`.

        Returns
        -------
        self : fitted. If the fit fails, whatever was fitted before is still there. With ``warm_start=True`` a fit
            begins with the weights, units and parts of the one before.

        Raises
        ------
        KeyboardInterrupt : Ctrl-C was pressed; the estimator is fitted with what was learnt until then. A second Ctrl-C
            ends the fit at once, and whatever was fitted before is still there.
        DataError : the data cannot be used; rows and columns are named.
        CompositionError : an argument is out of range, or parts mean nothing together.
        """
        return self._fit(X, y, sample_weight, condition)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        condition: ArrayLike | None = None,
    ) -> Self:
        """Go on with the fit by one epoch over the rows X; the first call begins it.

        Units, and all that ``"auto"`` stands for, are those of the first call, so its rows should be like those to
        come. Where the fit will end is not known: the learning rate stays at its highest, terms and parts that change
        with progress stand as at the end of a fit, and there is neither early stopping nor a budget of time. k calls
        with the same rows are, to the bit, a fit of k epochs with ``Training(warmup=0, decay="constant")`` whose
        terms and parts do not change with progress. A model that was loaded, or fitted by `fit`, goes on from its
        weights, with an optimiser that begins anew.

        Parameters
        ----------
        X, y, sample_weight, condition : as in `fit`.

        Returns
        -------
        self : fitted. If the fit fails, whatever was fitted before is still there.

        Raises
        ------
        DataError : the rows cannot be used, or are not like those of the first call.
        CompositionError : arguments that decide on the weights were changed since the first call.

        >>> from isthmus import Autoencoder
        >>> X, ae = np.random.default_rng(0).normal(size=(200, 6)), Autoencoder(2, random_state=0)
        >>> for chunk in np.split(X, 4):
        ...     _ = ae.partial_fit(chunk)
        >>> len(ae.history_)
        4
        """
        return self._fit(X, y, sample_weight, condition, one_epoch=True)

    def target_of(self, X: ArrayLike, y: ArrayLike | None) -> ArrayLike | None:
        """Return the rows that the model is to bring back, of the shape of X; None is X itself.

        A subclass may take y for them.
        """
        return None

    def condition_of(self, y: ArrayLike | None) -> ArrayLike | None:
        """Return the condition of each row where none is given; None is none.

        A subclass may take y for it.
        """
        return None

    def beside(self, y: ArrayLike | None) -> dict[str, np.ndarray]:
        """Return arrays that a system's own terms find in the batch by name, one row a sample; none by default.

        A subclass may make labels of y, for a term that reads ``passed.batch["label"]``.
        """
        return {}

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        condition: ArrayLike | None,
        *,
        one_epoch: bool = False,
    ) -> Self:
        """Fit anew, or go on from the weights that are there."""
        before, interrupts = dict(vars(self)), Interrupts()
        goes_on = hasattr(self, "model_") and (one_epoch or self.warm_start)
        try:
            with plain_modes():
                self.check_arguments()
                held = Held(self.__dict__.pop("_state", None)) if one_epoch else None
                if not goes_on:
                    for name in ("model_", "arguments_", "_state"):
                        self.__dict__.pop(name, None)
                arguments = own_copy(self.get_params(deep=False))
                target, noisy, width = self.target_of(X, y), None, None
                condition = self.condition_of(y) if condition is None else condition
                asked = asked_of(X, condition, self.condition_ if goes_on else None)
                if goes_on:
                    x = self.fitted_.rows(X, to_learn=True)
                    width = self.model_.condition_width - self.model_.corruption_width
                else:
                    learnt = is_table(asked) and type(self).numbers_of is Estimator.numbers_of
                    self.condition_ = Conditions.learn(asked, self.schema) if learnt else None
                    x = check_rows(self, X, reset=True, minimum=2, without=columns_named(condition))
                if target is not None:
                    x, noisy = check_target(target, schema=self.schema_), x
                numbers = None if asked is None else self.numbers_of(asked)
                c = condition_rows(numbers, len(x), width)
                columns = None if self.schema_ is None else tuple(self.schema_.columns)
                beside = self.beside(y)
                short = next((name for name, array in beside.items() if len(array) != len(x)), None)
                if short is not None:
                    raise DataError(f"X has {len(x)} rows and there are {len(beside[short])} of {short}")
                given = Given(x, noisy, c, check_weights(sample_weight, len(x)), columns, beside)
                fit(self, given, interrupts, held)
                self.arguments_ = arguments
                if held is not None:
                    self._state = held.found
        except BaseException:
            self.__dict__ = before
            raise
        finally:
            interrupts.pass_on()
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
