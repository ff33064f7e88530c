"""An estimator's methods that show it: each forwards to the verb that the package's root offers for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils.metaestimators import available_if

from ..typing import ArrayLike
from ..verbs import verb

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Views"]


def _encodes(model: Any) -> bool:
    return hasattr(model, "transform")


def _samples(model: Any) -> bool:
    return hasattr(model, "sample")


def _scores(model: Any) -> bool:
    return hasattr(model, "score_samples") or hasattr(model, "discriminate")


class Views:
    """Report, pictures and display; a method exists only where the system supports it.

    Every ``plot_*`` draws on the axes it is given, or on a new figure, and returns the axes.
    """

    def report(
        self,
        X: ArrayLike | None = None,
        path: str | Path = "report.html",
        X_train: ArrayLike | None = None,
        **about: Any,
    ) -> Path:
        """Write one HTML file about the fitted model that works offline; see `isthmus.report.report`."""
        path_written: Path = verb("report")(self, X, path, X_train, **about)
        return path_written

    def plot_learning_curves(self, ax: Axes | None = None) -> Axes:
        """Draw every term of the losses by epoch; see `isthmus.report.plots.learning_curves`."""
        axes: Axes = verb("plot_learning_curves")(self, ax)
        return axes

    @available_if(_encodes)  # type: ignore[untyped-decorator]
    def plot_reconstructions(self, X: ArrayLike, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
        """Draw rows and what comes back of them; see `isthmus.report.plots.reconstructions`."""
        axes: Axes = verb("plot_reconstructions")(self, X, ax, random_state=random_state)
        return axes

    @available_if(_encodes)  # type: ignore[untyped-decorator]
    def plot_latent_map(self, X: ArrayLike, color: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
        """Draw codes on two axes; see `isthmus.report.plots.latent_map`."""
        axes: Axes = verb("plot_latent_map")(self, X, color, ax)
        return axes

    @available_if(_scores)  # type: ignore[untyped-decorator]
    def plot_scores(
        self, X: ArrayLike, X_train: ArrayLike | None = None, ax: Axes | None = None, *, random_state: int = 0
    ) -> Axes:
        """Draw the histogram of scores; see `isthmus.report.plots.scores`."""
        axes: Axes = verb("plot_scores")(self, X, X_train, ax, random_state=random_state)
        return axes

    @available_if(_samples)  # type: ignore[untyped-decorator]
    def plot_samples(self, X_train: ArrayLike | None = None, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
        """Draw samples beside the training rows nearest to them; see `isthmus.report.plots.samples`."""
        axes: Axes = verb("plot_samples")(self, X_train, ax, random_state=random_state)
        return axes

    def plot_traversal(self, X: ArrayLike | None = None, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
        """Draw what one unit of the code at a time moves; see `isthmus.report.plots.traversal`."""
        axes: Axes = verb("plot_traversal")(self, X, ax, random_state=random_state)
        return axes

    def plot_filters(self, ax: Axes | None = None) -> Axes:
        """Draw the first layer's weights; see `isthmus.report.plots.filters`."""
        axes: Axes = verb("plot_filters")(self, ax)
        return axes

    def _html_repr(self) -> str:
        """Return scikit-learn's own display, and beneath it what a fit has learnt."""
        own: str = super()._html_repr()  # type: ignore[misc]
        return own + verb("history_html")(self.history_) if hasattr(self, "history_") else own
