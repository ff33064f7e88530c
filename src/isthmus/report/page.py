"""Pages: pictures as HTML and SVG by templates that escape every word, in one file that asks nothing of the network.

Marks are drawn in a square of 1000 × 1000 that is stretched to the room there is, while strokes and dots keep their
size; words stand beside it as HTML, so that they stay as large as text on a phone and on paper.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..atomic import atomic_file
from ..device import plain_modes
from ..diagnosis import headline
from ..errors import DataError
from ..history import History
from ..typing import ArrayLike
from ..version import VERSION
from .content import Content
from .content.learning import learning
from .drawings import pictures
from .pictures import Axis, Chart, Dots, Line, Matrix, Strip, number
from .rasters import data_uri, diverging, montage, png

if TYPE_CHECKING:
    from ..estimators import Estimator

__all__ = ["check_page", "history_html", "page", "render", "report", "write"]

SIDE = 1000
"""Width and height of an SVG's coordinates."""

FINE_TILE = 32
"""Pixels that a tile is enlarged to where it has fewer, so that the gaps between tiles are thin."""


@singledispatch
@plain_modes()
def report(
    model: Estimator,
    X: ArrayLike | None = None,
    path: str | Path = "report.html",
    X_train: ArrayLike | None = None,
    *,
    labels: ArrayLike | None = None,
    train_labels: ArrayLike | None = None,
    condition: ArrayLike | None = None,
    train_condition: ArrayLike | None = None,
    samples: ArrayLike | None = None,
    target: str | None = None,
    data: str = "",
    command: str = "",
    random_state: int = 0,
) -> Path:
    """Measure a fitted model on held-out rows, write one HTML file that works offline, return its path.

    Parameters
    ----------
    model : a fitted estimator.
    X : held-out rows, (N, ...), of which at most 10,000 are measured. Without them the report holds what needs no
        data: the history, samples and traversals from the prior, the model card.
    path : where to write; the file takes its place only once it is complete.
    X_train : the rows it was fitted on, for nearest rows, over-fitting, PCA beside it, and floors.
    labels, train_labels : a label for each row of X and X_train, for the map's colours, probes and classes of samples.
    condition, train_condition : what comes with each row of X and X_train, where the model has a condition. Samples are
        drawn under the conditions of the held-out rows.
    samples : rows that the model drew, to be judged; by default new ones are drawn.
    target : the name of a table's column; how well it is predicted after training on samples measures their use.
    data : the name of the data.
    command : how to make the report again; the call of this function if left out.
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
    ...     path = report(vae, X[1500:], f"{folder}/report.html", X[:1500], labels=y[1500:])
    ...     path.name, path.stat().st_size < 8_000_000
    ('report.html', True)
    """
    place = Path(path)
    check_page(place)
    if not command:
        given = ["X" if X is not None else "None", repr(str(place)), *(["X_train"] if X_train is not None else [])]
        command = f"{type(model).__name__}(...).report({', '.join(given)})"
    beside: dict[str, Any] = {
        "labels": labels,
        "train_labels": train_labels,
        "condition": condition,
        "train_condition": train_condition,
        "samples": samples,
        "target": target,
    }
    return write(place, page(Content(model, X, X_train, **beside, data=data, command=command, seed=random_state)))


def page(content: Content) -> str:
    """Return a report as HTML."""
    title = f"{content.system} on {content.data}" if content.data else content.system
    return render("report.html", title=title, content=content, pictures=list(pictures(content)))


def history_html(history: History) -> str:
    """Return what a notebook shows of a fit: each term's first and last value, and a curve the size of a word.

    >>> history_html(History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])).count("<tr>")
    2
    """
    lines = [
        (curve.term if rows == "training" else f"{curve.term}, {rows}", Line(*line, ""))
        for curve in learning(history)
        for rows, line in curve.lines.items()
    ]
    axes = [(Axis.of("", line.x, margin=0.01), Axis.of("", line.y, margin=0.06)) for _, line in lines]
    return render("notebook.html", epochs=len(history), lines=list(zip(lines, axes, strict=True)))


def render(template: str, **words: Any) -> str:
    """Return a template of this package filled in; whatever is text in `words` is escaped."""
    templates = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    functions = (kind, number, widest, line_path, dots_path, readings, strip_image, squares)
    templates.filters |= {function.__name__: function for function in functions}
    return templates.get_template(template).render(made_by=made_by(), headline=headline, **words) + "\n"


def made_by() -> str:
    """Return the day, and the versions of what a page was made with."""
    with_what = f"torch {torch.__version__}, numpy {np.__version__}, Python {platform.python_version()}"
    return f"Made on {datetime.now(UTC):%Y-%m-%d} (UTC) by isthmus {VERSION} with {with_what}."


def kind(thing: Any) -> str:
    """Return the name of a panel's or a mark's class, by which a template chooses how to write it."""
    return type(thing).__name__


def widest(ticks: np.ndarray) -> str:
    """Return the longest text on an axis, which keeps its column wide enough."""
    return max(map(number, ticks), key=len, default="")


def line_path(mark: Line, x: Axis, y: Axis, closed: bool = False) -> str:
    """Return a line as an SVG path; `closed` follows the zero of the y axis, or its low end, back to the start."""
    px, py = SIDE * x.place(mark.x), SIDE - SIDE * y.place(mark.y)
    if len(px) == 1 and not closed:
        return dots_path(Dots(np.stack([mark.x, mark.y], 1), ""), x, y)
    points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(px, py, strict=True))
    base = SIDE - SIDE * float(y.place(max(0.0, y.low))) if closed else 0.0
    return f"M{px[0]:.1f} {base:.1f}L{points}L{px[-1]:.1f} {base:.1f}Z" if closed else f"M{points}"


def dots_path(mark: Dots, x: Axis, y: Axis) -> str:
    """Return dots as an SVG path: lines of no length, whose round ends keep their size."""
    px, py = SIDE * x.place(mark.points[:, 0]), SIDE - SIDE * y.place(mark.points[:, 1])
    return "".join(f"M{a:.0f} {b:.0f}h0" for a, b in zip(px, py, strict=True))


def readings(chart: Chart) -> dict[str, Any]:
    """Return what a script needs to read values off a chart's lines: places from 0 to 1, values as text."""
    lines = [
        {
            "name": mark.name,
            "colour": mark.colour,
            "x": chart.x.place(mark.x).round(4).tolist(),
            "at": [number(v) for v in mark.x],
            "value": [number(v) for v in mark.y],
        }
        for mark in chart.marks
        if isinstance(mark, Line)
    ]
    return {"axis": chart.x.label, "lines": lines}


def strip_image(strip: Strip) -> str:
    """Return a strip's tiles as the source of an image."""
    larger = max(1, FINE_TILE // strip.tiles.shape[1])
    return data_uri(png(montage(strip.tiles.repeat(larger, 1).repeat(larger, 2), strip.columns, gap=2)))


def squares(matrix: Matrix) -> Iterator[tuple[int, int, str, str]]:
    """Yield column, row, colour and words of each square of a matrix."""
    colours = diverging(matrix.values[None], 1.0)[0]
    for i, row in enumerate(matrix.names):
        for j, column in enumerate(matrix.names):
            value = f"{matrix.values[i, j]:.2f}".replace("-", "−")
            yield j, i, "#" + bytes(colours[i, j]).hex(), f"{row} and {column}: {value}"


def check_page(path: Path) -> None:
    """Refuse, before any work is done, a place where no page can be written.

    Raises
    ------
    DataError : the folder above is missing or closed, or the place is a folder.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file, such as {path / 'report.html'}")
    if path.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"{path}: a report is HTML; name it {path.with_suffix('.html').name}")
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise DataError(f"{path}: the folder {path.parent} cannot be written to; choose another place")


def write(path: Path, text: str) -> Path:
    """Write a text file, which takes its place only once it is complete."""
    with atomic_file(path, DataError) as draft:
        draft.write_text(text, encoding="utf-8", newline="")
    return path
