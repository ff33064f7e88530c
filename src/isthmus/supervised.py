"""Fine-tuning: a classifier that starts at what an encoder has learnt without labels.

>>> from sklearn.datasets import load_digits
>>> from isthmus import Autoencoder
>>> from isthmus.supervised import fine_tune
>>> X, y = load_digits(return_X_y=True)
>>> encoder = Autoencoder(32, max_epochs=5, random_state=0).fit(X / 16)
>>> classifier = fine_tune(encoder, X[:200] / 16, y[:200], max_epochs=20, random_state=0)
>>> bool(classifier.score(X[200:] / 16, y[200:]) > 0.7)
True
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .corruption import Corruption
from .errors import CompositionError, DataError
from .estimators import Encodes
from .estimators import Estimator as Encoder
from .facts import Facts
from .model import Model, Pass
from .objective import Sum
from .parts import Part, own_copy
from .scaling import Scaling
from .source import Source
from .term import Term
from .training import Player, Rows, Turns, codes_of
from .typing import ArrayLike

__all__ = ["Classes", "CrossEntropy", "FineTuned", "Pretrained", "fine_tune"]

HEAD_ROWS, HEAD_STEPS = 5_000, 1_000
"""Labelled rows that the head's first weights are fitted to at most, and steps of that fit."""


class Pretrained:
    """A fitted estimator that `sklearn.clone` and copies hand on as it is, with what it has learnt.

    Parameters
    ----------
    estimator : fitted, with an encoder.

    Raises
    ------
    CompositionError : it has no encoder.
    """

    def __init__(self, estimator: Encoder) -> None:
        check_is_fitted(estimator, "model_")
        if "codes" not in estimator.fitted_.abilities or "encoder" not in estimator.model_.networks:
            raise CompositionError(f"fine-tuning needs an encoder, and a {type(estimator).__name__} has none")
        self.estimator = estimator

    def __sklearn_clone__(self) -> Pretrained:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Pretrained:
        return self

    def __repr__(self) -> str:
        return f"Pretrained({self.estimator!r})"


class Classes(Part, kind="classes", final=True):
    """The classes of a classifier, in order.

    Parameters
    ----------
    values : numbers, truth values or words.
    """

    values: tuple[Any, ...] = ()


class CrossEntropy(Term):
    r"""−log p(y|x) of the class y of each row, p(·|x) = softmax(head(h(x))), h the code.

    The batch has the number of the class as ``label``.
    """

    name: ClassVar[str] = "cross_entropy"

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return −log p(y|x), (N,)."""
        logits = model.through("head", passed.q.mean)
        return cross_entropy(logits, passed.batch["label"], reduction="none")


class FineTuned(ClassifierMixin, Encodes):  # type: ignore[misc]
    r"""Classifier p(y|x) = softmax(W h(x) + b), whose encoder h starts at the weights of a fitted one.

    W and b start at a logistic regression of the labelled rows' codes, so that the first steps do not spoil the encoder
    for a head that knows nothing yet. Then all weights are trained on −log p(y|x), by the loop that trains every other
    system. The encoder that it starts from is not changed.

    Parameters
    ----------
    {common}
        Network, likelihood, units, posterior and the width of the code are those of `pretrained`.
    pretrained : a `Pretrained` estimator to start from; `fine_tune` makes one.
    corruption : p(x̃|x) in training, in the data's units, or None.

    Attributes
    ----------
    classes_ : the classes, in the order of the columns of `predict_proba`.

    References
    ----------
    Geoffrey E. Hinton and Ruslan R. Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006,
        https://doi.org/10.1126/science.1127647.
    Pascal Vincent et al., "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a
        Local Denoising Criterion", 2010, https://jmlr.org/papers/v11/vincent10a.html, section 3.5.
    Ananya Kumar, Aditi Raghunathan, Robbie Jones, Tengyu Ma and Percy Liang, "Fine-Tuning can Distort Pretrained
        Features and Underperform Out-of-Distribution", 2022, https://arxiv.org/abs/2202.10054: the head first.
    """

    pretrained: Pretrained | None = None
    corruption: Corruption | str | None = None
    learning_rate: float = 3e-4

    watch: ClassVar[str] = "validation_loss"

    @property
    def classes_(self) -> np.ndarray:
        """The classes, (K,)."""
        check_is_fitted(self, "classes_found_")
        return np.array(self.classes_found_.values)

    def beside(self, y: ArrayLike | None) -> dict[str, np.ndarray]:
        """Return the number of each row's class."""
        if y is None:
            raise DataError(f"{type(self).__name__} learns from labels: fit(X, y)")
        given = np.asarray(y)
        if given.ndim != 1:
            raise DataError(f"y must be one class a row, (N,), got {given.shape}")
        if not hasattr(self, "model_"):
            found = np.unique(given)
            if len(found) < 2:
                raise DataError(f"y names {len(found)} class; a classifier needs two at least")
            self.classes_found_ = Classes(tuple(found.tolist()))
        known = self.classes_
        at = np.searchsorted(known, given).clip(max=len(known) - 1)
        strange = known[at] != given
        if strange.any():
            row = int(strange.argmax())
            raise DataError(f"row {row} has the class {given[row]!r}, which the first fit did not know")
        return {"label": at.astype(np.int64)}

    def choose(self, facts: Facts) -> None:
        start = self._start()
        if start is None:
            raise CompositionError("FineTuned needs an encoder to start from: fine_tune(fitted, X, y)")
        if facts.shape != start.shape_:
            raise DataError(f"X has samples of shape {facts.shape}, the encoder was fitted on {start.shape_}")
        for name in ("network_", "likelihood_", "posterior_", "latent_dim_"):
            setattr(self, name, own_copy(getattr(start, name)))
        self.corruption_ = self.part("corruption", Corruption, or_none=True)

    def networks(self, facts: Facts, scaling: Scaling) -> dict[str, nn.Module]:
        """Return the encoder, and the head that makes logits of its code."""
        condition = [facts.condition] if facts.condition else []
        assert self.posterior_ is not None
        encoder = self.network_.encoder(scaling.input_shape, self.posterior_.width(facts), *condition)
        head = _Head(facts.latent_dim, len(self.classes_), self.pretrained)
        return {"encoder": encoder, "head": head}

    def compose(self, facts: Facts, scaling: Scaling) -> Model:
        """Put the model together, in the units of the encoder that it starts from."""
        start = self._start()
        if start is not None:
            facts, scaling = replace(facts, gaps=start.model_.gaps), copy.deepcopy(start.model_.scaling).cpu()
            if start.model_.condition_width != facts.condition:
                raise CompositionError(
                    f"the encoder was fitted with a condition of width {start.model_.condition_width}, and this fit "
                    f"has one of width {facts.condition}"
                )
        model = super().compose(facts, scaling)
        model.likelihood = None  # it chose the units; nothing is decoded
        return model

    def players(self) -> Turns:
        """Return the one player."""
        return [Player("classifier", Sum((CrossEntropy(),)))]

    def predict_proba(self, X: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return p(y|x) of every class, (N, K)."""
        fitted = self.fitted_
        rows = fitted.rows(X)

        def probabilities(x: Tensor, c: Tensor | None) -> Tensor:
            return fitted.model.through("head", fitted.code(x, c)).softmax(-1)

        return fitted.map(rows, probabilities, condition=fitted.conditions(condition, len(rows), X))

    def predict(self, X: ArrayLike, condition: ArrayLike | None = None) -> np.ndarray:
        """Return the most probable class of each row, (N,)."""
        named: np.ndarray = self.classes_[self.predict_proba(X, condition).argmax(1)]
        return named

    def _start(self) -> Encoder | None:
        if self.pretrained is not None and not isinstance(self.pretrained, Pretrained):
            raise CompositionError(f"pretrained must be a Pretrained estimator or None, got {self.pretrained!r}")
        return None if self.pretrained is None else self.pretrained.estimator


class _Head(nn.Linear):
    """W h + b, which begins the fit: the encoder at its learnt weights, W and b at the best for its codes."""

    def __init__(self, latent_dim: int, classes: int, pretrained: Pretrained | None) -> None:
        super().__init__(latent_dim, classes)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        self.pretrained = pretrained

    def begin(self, model: Model, rows: Rows) -> None:
        from sklearn.linear_model import LogisticRegression  # not needed where a model is only loaded

        if self.pretrained is None:
            return
        start = self.pretrained.estimator.model_
        model.networks["encoder"].load_state_dict(start.networks["encoder"].state_dict())
        if isinstance(model.posterior, nn.Module) and isinstance(start.posterior, nn.Module):
            model.posterior.load_state_dict(start.posterior.state_dict())
        every = max(1, len(rows) // HEAD_ROWS)
        labels = torch.cat([batch["label"] for batch in rows.in_order()]).cpu().numpy()[::every]
        codes = codes_of(model, rows).cpu().numpy()[::every]
        weights = [batch.weight for batch in rows.in_order()]
        weight = (
            torch.cat([w for w in weights if w is not None]).cpu().numpy()[::every] if None not in weights else None
        )
        if len(np.unique(labels)) < 2:
            return
        with warnings.catch_warnings():  # a start need not have converged
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = LogisticRegression(max_iter=HEAD_STEPS).fit(codes, labels, weight)
        coefficients, biases = found.coef_, found.intercept_
        if len(found.classes_) == 2:  # the logit of the second class alone
            coefficients, biases = (
                np.concatenate([-coefficients, coefficients]) / 2,
                np.concatenate([-biases, biases]) / 2,
            )
        at = torch.as_tensor(found.classes_, device=self.weight.device)
        self.weight[at] = torch.as_tensor(coefficients).to(self.weight)
        self.bias[at] = torch.as_tensor(biases).to(self.bias)


def fine_tune(
    fitted: Encoder,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    condition: ArrayLike | None = None,
    **arguments: Any,
) -> FineTuned:
    """Return a classifier of scikit-learn's kind, fitted to labelled rows from the weights of a fitted encoder.

    Parameters
    ----------
    fitted : any estimator with an encoder, fitted to rows of the kind of X; it is not changed.
    X : labelled rows, (N, ...).
    y : their classes, (N,).
    sample_weight, condition : as in `Estimator.fit`.
    arguments : of `FineTuned`, such as ``max_epochs``, ``learning_rate``, ``validation_fraction`` and ``corruption``.

    Returns
    -------
    FineTuned : with `predict`, `predict_proba`, `score`, `save` and `transform`, the code after fine-tuning.

    Raises
    ------
    CompositionError : the estimator has no encoder.
    DataError : rows and labels do not go with each other, or with the encoder.
    """
    own = {"pretrained": Pretrained(fitted), "schema": fitted.schema_, "scaling": fitted.scaling} | arguments
    return FineTuned(**own).fit(X, y, sample_weight=sample_weight, condition=condition)
