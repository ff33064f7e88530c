"""What every page is made in: one style sheet, one way to embed a picture, one way to write a file."""

from __future__ import annotations

import html
import os
import tempfile
from importlib.resources import files
from pathlib import Path

from ..errors import DataError
from .rasters import data_uri

__all__ = ["check_page", "details", "document", "escape", "figure", "picture", "write"]

escape = html.escape

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""No request leaves the page, whatever the data's names say."""


def _template(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def document(title: str, body: str, interactive: bool = False) -> str:
    """Return a whole page: `body` is HTML, `title` is text."""
    script = f"<script>{_template('page.js')}</script>" if interactive else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><link rel="icon" href="data:,">
<title>{escape(title)}</title><style>{_template("style.css")}</style></head><body>
{body}
{script}</body></html>
"""


def picture(image: bytes, alt: str, kind: str = "") -> str:
    """Return a PNG as an ``img`` that holds it."""
    css = f' class="{kind}"' if kind else ""
    return f'<img{css} alt="{escape(alt)}" src="{data_uri(image)}">'


def figure(content: str, caption: str, label: str = "") -> str:
    """Return a figure; `content` is HTML, `caption` and `label`, which stands above, are text."""
    above = f'<div class="label">{escape(label)}</div>' if label else ""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{above}{content}{below}</figure>"


def details(summary: str, content: str, kind: str = "") -> str:
    """Return what is one click away; both are HTML."""
    css = f' class="{kind}"' if kind else ""
    return f"<details{css}><summary>{summary}</summary>{content}</details>"


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


def write(path: Path, page: str) -> Path:
    """Write a page; the file takes its place only once it is complete."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as draft:
            draft.write(page)
        try:
            os.chmod(draft.name, 0o644)
            os.replace(draft.name, path)
        except OSError:
            os.unlink(draft.name)
            raise
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path
