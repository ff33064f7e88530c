"""Features in which samples are compared: raw values, codes, a classifier's features, or a function of your own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from ..errors import DataError
from ..typing import ArrayLike
from .rows import flat, labelled

__all__ = ["Features", "SmallClassifier", "features", "on_features", "small_classifier"]

T = TypeVar("T")
Features = Callable[..., np.ndarray]
"""A function of rows (N, ...) that returns their features (N, k)."""


class Transformer(Protocol):
    """An estimator that turns rows into codes."""

    def transform(self, X: ArrayLike, /) -> ArrayLike:
        """Return codes, (N, k)."""


FeatureSource = Transformer | Callable[..., ArrayLike] | None
"""An estimator with ``transform``, a function of rows, or None for the rows themselves."""


class SmallClassifier(NamedTuple):
    """The result of `small_classifier`: two functions of rows, and the accuracy on `tested` held-out rows."""

    labels: Callable[..., np.ndarray]
    features: Features
    accuracy: float
    tested: int


def features(source: FeatureSource = None) -> Features:
    """Return a function from rows (N, ...) to features (N, k), float64.

    Parameters
    ----------
    source : None for the rows themselves; a fitted estimator with ``transform``, of isthmus or scikit-learn, for its
        codes; or a function of rows, such as ``small_classifier(X, y).features`` or one of your own.

    >>> features()([[[1, 2], [3, 4]]]).tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    >>> features(lambda rows: rows.mean(1))(np.eye(2)).tolist()
    [[0.5], [0.5]]
    """
    if source is None:
        return flat
    f = getattr(source, "transform", source)
    if not callable(f):
        raise DataError(f"features come from None, an estimator with transform or a function of rows, got {source!r}")

    def of(rows: ArrayLike) -> np.ndarray:
        found = np.asarray(f(rows), dtype=np.float64)
        n = len(np.asarray(rows))
        if found.shape[:1] != (n,):
            raise DataError(f"{n} rows must have {n} rows of features, got shape {found.shape}")
        return flat(found.reshape(n, -1))

    return of


def on_features(metric: Callable[..., T], source: FeatureSource) -> Callable[..., T]:
    """Return a metric that is measured on features of its arguments.

    For several metrics, or for an interval, apply `features` once and pass its results to the metrics.

    Parameters
    ----------
    metric : a function of arrays of rows, such as `frechet_distance`.
    source : as in `features`.

    >>> from isthmus.metrics import mmd
    >>> on_features(lambda a, b: (a.shape, b.shape), lambda rows: rows[:, :1])(np.eye(3), np.eye(2, 3))
    ((3, 1), (2, 1))
    """
    f = features(source)
    return lambda *arrays, **arguments: metric(*(f(a) for a in arrays), **arguments)


def small_classifier(
    X: ArrayLike, y: ArrayLike, width: int = 128, max_epochs: int = 15, random_state: int = 0
) -> SmallClassifier:
    """Train a small classifier; return its labels, its features and its held-out accuracy.

    p(y = c|x) = softmax(V relu(W x + b) + a)_c on rows that are standardised and clipped at ±5. Adam trains it on nine
    tenths of the rows; the rest are held out. The features are relu(W x + b); Heusel et al. 2017 take those of a larger
    classifier. Compare two models only in the features of the same classifier.

    Parameters
    ----------
    X, y : real rows (N, ...) and their classes (N,), of two classes or more.
    width : the number of hidden units, which is the number of features.
    max_epochs : the largest number of passes over the rows.
    random_state : the seed of the weights, the order of rows and the split.

    References
    ----------
    Martin Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017,
        https://arxiv.org/abs/1706.08500.

    >>> rows = np.concatenate([np.zeros((50, 2)), np.ones((50, 2))])
    >>> classifier = small_classifier(rows, np.repeat(["a", "b"], 50), max_epochs=50)
    >>> classifier.labels([[0.0, 0.0], [1.0, 1.0]]).tolist(), classifier.features(rows).shape
    (['a', 'b'], (100, 128))
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    rows = flat(X)
    classes = labelled(rows, y)
    if len(np.unique(classes)) < 2 or len(rows) < 10:
        raise DataError(f"a classifier needs ten rows or more of two classes or more, got {len(rows)} rows")
    mean, std = rows.mean(0), rows.std(0)
    std[std <= 1e-12 * np.abs(mean)] = 1

    def standardised(values: ArrayLike) -> np.ndarray:
        scaled: np.ndarray = np.clip((flat(values) - mean) / std, -5, 5).astype(np.float32)
        return scaled

    train, test, train_classes, test_classes = train_test_split(
        standardised(rows), classes, test_size=0.1, random_state=random_state
    )
    mlp = MLPClassifier((width,), max_iter=max_epochs, random_state=random_state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping after max_epochs is intended
        mlp.fit(train, train_classes)
    weights, bias = mlp.coefs_[0], mlp.intercepts_[0]
    return SmallClassifier(
        labels=lambda values: np.asarray(mlp.predict(standardised(values))),
        features=lambda values: np.maximum(standardised(values) @ weights + bias, 0).astype(np.float64),
        accuracy=float(mlp.score(test, test_classes)),
        tested=len(test),
    )
