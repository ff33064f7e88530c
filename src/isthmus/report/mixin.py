"""What every estimator can show of itself: a report, pictures on matplotlib axes, a notebook's display."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..errors import CompositionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Reports"]


def _encodes(estimator: Any) -> bool:
    return hasattr(estimator, "transform")


def _samples(estimator: Any) -> bool:
    return hasattr(estimator, "sample")


def _scores(estimator: Any) -> bool:
    return hasattr(estimator, "score_samples") or hasattr(estimator, "discriminate")


class Reports:
    """Report, pictures and display; a method exists only where the system supports it.

    Every ``plot_*`` draws on the axes it is given, or on a new figure, and returns the axes.
    """

    def report(
        self,
        X: Any = None,
        path: str | Path = "report.html",
        X_train: Any = None,
        *,
        labels: Any = None,
        train_labels: Any = None,
        data: str = "",
        random_state: int = 0,
    ) -> Path:
        """Measure the fitted estimator on held-out rows, write one HTML file that works offline, return its path.

        Parameters
        ----------
        X : held-out rows, (N, ...); of more than 10,000 so many are drawn. Without them the report holds what needs
            no data: the history, samples and traversals from the prior, the model card.
        path : where to write; the file takes its place only once it is complete.
        X_train : the rows it was fitted on, for nearest rows, over-fitting, PCA beside it, and floors.
        labels, train_labels : a label for each row of X and X_train, for the map's colours and probes.
        data : what the data are called.
        random_state : the seed of every draw.

        Raises
        ------
        DataError : rows do not fit the model, labels do not fit the rows, or the place cannot be written to.
        MissingExtraError : the rows are images and Pillow is not installed.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import VAE
        >>> X, y = load_digits(return_X_y=True)
        >>> vae = VAE(4, max_epochs=2, random_state=0).fit(X[:1500])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = vae.report(X[1500:], f"{folder}/report.html", X[:1500], labels=y[1500:])
        ...     path.name, path.stat().st_size < 8_000_000
        ('report.html', True)
        """
        from .document import report

        about = {"labels": labels, "train_labels": train_labels, "data": data, "seed": random_state}
        return report(self, X, path, X_train, **about)

    def plot_learning_curves(self, ax: Axes | None = None) -> Axes:
        """Draw every term of every player's loss, mean a row, by epoch."""
        from .axes import draw_learning, new_axes, styled
        from .content.learning import learning

        check_is_fitted(self, "model_")
        with styled():
            return draw_learning(ax or new_axes(), learning(self.history_))  # type: ignore[attr-defined]

    @available_if(_encodes)  # type: ignore[untyped-decorator]
    def plot_reconstructions(self, X: Any, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
        """Draw originals, inputs, outputs and errors of rows, best to worst; of a table, the columns that are worst."""
        from .axes import draw_reconstructions, new_axes, styled
        from .content.single import reconstructions_of

        made, look = reconstructions_of(self, X, random_state)
        with styled():
            return draw_reconstructions(ax or new_axes(8, 3.4), made, look)

    @available_if(_encodes)  # type: ignore[untyped-decorator]
    def plot_latent_map(self, X: Any, color: Any = None, ax: Axes | None = None) -> Axes:
        """Draw codes on their leading principal axes (Pearson 1901), coloured by `color`, a label or a number a row."""
        from .axes import draw_map, new_axes, styled
        from .content.single import map_of

        latent, colouring = map_of(self, X, color)
        with styled():
            return draw_map(ax or new_axes(6.4, 5), latent, colouring)

    @available_if(_scores)  # type: ignore[untyped-decorator]
    def plot_scores(self, X: Any, X_train: Any = None, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
        """Draw the histogram of scores in nats of held-out and training rows; of a GAN, of D(x) of rows and samples."""
        from .axes import draw_scores, new_axes, styled
        from .content.single import scores_of

        made = scores_of(self, X, X_train, random_state)
        with styled():
            return draw_scores(ax or new_axes(), made)

    @available_if(_samples)  # type: ignore[untyped-decorator]
    def plot_samples(self, X_train: Any = None, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
        """Draw samples, each above the training row nearest to it where those rows are given; of a table, a cloud."""
        from .axes import draw_samples, new_axes, styled
        from .content.single import samples_of

        made, look = samples_of(self, X_train, random_state)
        with styled():
            return draw_samples(ax or new_axes(8, 4), made, look)

    def plot_traversal(self, X: Any = None, ax: Axes | None = None, *, random_state: int = 0) -> Axes:
        """Draw what the decoder makes of one unit at a time, about the mean code of X, or about a draw from the prior.

        Raises
        ------
        CompositionError : X is not given, and the system has no prior to draw from.
        """
        from .axes import draw_traversals, new_axes, styled
        from .content.single import traversals_of

        found, look = traversals_of(self, X, random_state)
        if not found:
            raise CompositionError(f"a {type(self).__name__} has no prior: give X, whose codes say where units lie")
        with styled():
            return draw_traversals(ax or new_axes(6.4, max(3.2, 0.6 + 0.55 * len(found))), found, look)

    def plot_filters(self, ax: Axes | None = None) -> Axes:
        """Draw the first layer's weights, largest norm first.

        Raises
        ------
        CompositionError : samples are neither images nor series, or the first layer does not look at them as such.
        """
        from .axes import draw_filters, new_axes, styled
        from .content.single import filters_of

        made = filters_of(self)
        if made is None:
            raise CompositionError("the first layer's weights are no pictures: samples are rows of a table")
        with styled():
            return draw_filters(ax or new_axes(6.4, 2.6), made)

    def _html_repr(self) -> str:
        """Return scikit-learn's own display, and beneath it what a fit has learnt."""
        from .notebook import history_html

        own: str = super()._html_repr()  # type: ignore[misc]
        return own + history_html(self.history_) if hasattr(self, "history_") else own
