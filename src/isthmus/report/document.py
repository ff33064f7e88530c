"""A report as one HTML file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from .. import __version__
from .content import Content, content
from .overview import headline
from .sections import sections
from .shell import check_page, document, escape, write

__all__ = ["command", "page", "report"]


def report(estimator: Any, X: Any, path: str | Path, X_train: Any = None, **about: Any) -> Path:
    """Measure a fitted estimator, write the report, return its path; see `isthmus.Estimator.report`."""
    place = Path(path)
    check_page(place)
    about.setdefault("command", _call(estimator, X, X_train, place))
    return write(place, page(content(estimator, X, X_train, **about)))


def _call(estimator: Any, X: Any, X_train: Any, path: Path) -> str:
    given = ["X" if X is not None else "None", repr(str(path)), *(["X_train"] if X_train is not None else [])]
    return f"{type(estimator).__name__}(...).report({', '.join(given)})"


def page(content: Content) -> str:
    """Return the report as HTML."""
    found = sections(content)
    title = f"{content.system} on {content.data}" if content.data else content.system
    links = "".join(f'<a href="#{name}">{escape(heading)}</a>' for name, heading, _ in found)
    body = "".join(
        f'<section id="{name}"><h2>{escape(heading)}</h2>{inside}</section>' for name, heading, inside in found
    )
    facts = f'<p class="facts">{escape(" ".join(content.facts))}</p>'
    return document(
        f"isthmus: {title}",
        f'<header><p class="kicker">isthmus report</p><h1>{escape(title)}</h1>{facts}</header>'
        f'<main>{headline(content)}<nav aria-label="Sections">{links}</nav>{body}</main>'
        f"<footer>Made by isthmus {escape(__version__)}. This file holds all it shows and asks nothing of the network."
        '</footer><div id="tip" hidden></div>',
        interactive=True,
    )


def command(model: str, data: str | None, out: str, train: str | None, labels: str | None, seed: int = 0) -> str:
    """Return the command line that makes a report.

    >>> command("model/", "my data.csv", "report.html", None, "kind")
    "isthmus report model/ 'my data.csv' -o report.html --labels kind"
    """
    words = ["isthmus", "report", model, *([] if data is None else [data]), "-o", out]
    words += [] if train is None else ["--train", train]
    words += [] if labels is None else ["--labels", labels]
    words += [] if seed == 0 else ["--seed", str(seed)]
    return shlex.join(words)
