"""Single pictures of a fitted model on matplotlib's axes.

Each function draws on the axes it is given, or on a new figure, and returns the axes. All raise `MissingExtraError`
where matplotlib is not installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CompositionError
from ..typing import ArrayLike
from . import drawings
from .axes import draw
from .content import Content
from .content.codes import LatentMap, colouring, on_two_axes
from .pictures import Group, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..estimators import Estimator

__all__ = ["filters", "latent_map", "learning_curves", "reconstructions", "samples", "scores", "traversal"]


def learning_curves(model: Estimator, ax: Axes | None = None) -> Axes:
    """Draw every term of every player's loss, mean a row, by epoch; held-out rows dashed."""
    return _drawn(drawings.learning_curves(Content(model), together=True), ax, "the history has no finite value yet")


def reconstructions(model: Estimator, X: ArrayLike, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
    """Draw originals, inputs, outputs and errors of rows, best to worst; of a table, the columns that are worst."""
    picture = drawings.reconstructions(Content(model, X, seed=random_state))
    return _drawn(picture, ax, f"a {type(model).__name__} does not encode rows")


def latent_map(model: Estimator, X: ArrayLike, color: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """Draw codes on their leading principal axes (Pearson 1901), coloured by `color`, a label or a number a row."""
    content = Content(model, X, labels=color)
    if content.H is None:
        raise CompositionError(f"a {type(model).__name__} does not encode rows")
    colours = [] if content.labels is None else [colouring("color", content.labels)]
    latent = LatentMap(*on_two_axes(content.H), content.index, content.H, colours)
    return draw(Picture("latent", "Latent map", "", [Group([drawings.map_chart(latent)])]), ax)


def scores(
    model: Estimator, X: ArrayLike, X_train: ArrayLike | None = None, ax: Axes | None = None, *, random_state: int = 0
) -> Axes:
    """Draw the histogram of scores in nats of held-out and training rows; of a GAN, of D(x) of rows and samples."""
    picture = drawings.scores(Content(model, X, X_train, seed=random_state))
    return _drawn(picture, ax, f"a {type(model).__name__} gives rows no score")


def samples(
    model: Estimator, X_train: ArrayLike | None = None, ax: Axes | None = None, *, random_state: int = 0
) -> Axes:
    """Draw samples, each above the training row nearest to it where those rows are given; of a table, a cloud."""
    picture = drawings.samples(Content(model, X_train=X_train, seed=random_state))
    return _drawn(picture, ax, f"a {type(model).__name__} draws no samples")


def traversal(model: Estimator, X: ArrayLike | None = None, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
    """Draw what the decoder makes of one unit at a time, about the mean code of X, or about a draw from the prior.

    Raises
    ------
    CompositionError : X is not given, and the system has no prior to draw from.
    """
    why = f"a {type(model).__name__} has no prior: give X, whose codes say where units lie"
    return _drawn(drawings.traversals(Content(model, X, seed=random_state)), ax, why)


def filters(model: Estimator, ax: Axes | None = None) -> Axes:
    """Draw the first layer's weights, largest norm first.

    Raises
    ------
    CompositionError : the data are rows of a table, or the first layer does not look at them as images or series.
    """
    why = "the first layer's weights are no pictures: samples are rows of a table"
    return _drawn(drawings.filters(Content(model)), ax, why)


def _drawn(picture: Picture | None, ax: Axes | None, why: str) -> Axes:
    """Draw a picture, or refuse with the reason why there is none."""
    if picture is None:
        raise CompositionError(why)
    return draw(picture, ax)
