"""Features in which samples are compared: raw values, a model's codes, a classifier's, or anyone's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .rows import flat, labelled

__all__ = ["Features", "SmallClassifier", "features", "on_features", "small_classifier"]

T = TypeVar("T")
Features = Callable[[Any], np.ndarray]
"""A function of rows (N, ...) that returns their features (N, k)."""


class SmallClassifier(NamedTuple):
    """What `small_classifier` returns: functions of rows, and its accuracy on `tested` rows held out."""

    labels: Callable[[Any], np.ndarray]
    features: Features
    accuracy: float
    tested: int


def features(source: Any = None) -> Features:
    """Return a function from rows (N, ...) to features (N, k), float64.

    Parameters
    ----------
    source : None for the rows as they are; a fitted estimator with ``transform`` for its codes (of isthmus or
        scikit-learn); or a function of rows, such as ``small_classifier(X, y).features`` or one of your own.

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
            raise DataError(f"{n} rows need as many rows of features, got shape {found.shape}")
        return flat(found.reshape(n, -1))

    return of


def on_features(metric: Callable[..., T], source: Any) -> Callable[..., T]:
    """Return a metric that is measured on features of the rows it is given.

    To measure several metrics, or an interval, apply `features` once and measure on its result.

    Parameters
    ----------
    metric : of arrays of rows, such as `frechet_distance`.
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
    """Train a small classifier on the spot; return its labels, its features and its held-out accuracy.

    p(y = c|x) = softmax(V relu(W x + b) + a)_c on rows standardised and cut at ±5, trained by Adam on nine tenths of
    the rows and tested on the rest; the features are relu(W x + b), as those of Heusel et al. 2017 are a larger
    classifier's. Samples of a model may only be compared with those of another in the features of one and the same
    classifier.

    Parameters
    ----------
    X, y : real rows (N, ...) and their classes (N,), of two classes or more.
    width : units of the hidden layer: features.
    max_epochs : passes over the rows at most.
    random_state : the seed of weights, order and split.

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
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after max_epochs, as it was told to
        mlp.fit(train, train_classes)
    weights, bias = mlp.coefs_[0], mlp.intercepts_[0]
    return SmallClassifier(
        labels=lambda values: np.asarray(mlp.predict(standardised(values))),
        features=lambda values: np.maximum(standardised(values) @ weights + bias, 0).astype(np.float64),
        accuracy=float(mlp.score(test, test_classes)),
        tested=len(test),
    )
