"""The page of a comparison: one self-contained HTML file that works offline."""

from __future__ import annotations

import io
from pathlib import Path

from .. import __version__
from ..compare import Study, rows
from ..measured import COLUMNS
from .pictures import pictures
from .shell import details, document, escape, figure, picture, write

__all__ = ["write_page"]

_HIGHER = {"log_likelihood", "denoising_gain", "probe", "coverage"}


def write_page(study: Study, out: Path) -> Path:
    """Write the pictures as PNG and the page that holds them; return the page's path."""
    sections = []
    for name, title, caption, drawn in pictures(study):
        buffer = io.BytesIO()
        drawn.savefig(buffer, format="png")
        (out / f"{name}.png").write_bytes(buffer.getvalue())
        shown = figure(picture(buffer.getvalue(), title, "plotted"), caption)
        sections.append(f'<section id="{name}"><h2>{escape(title)}</h2>{shown}</section>')
    return write(out / "report.html", _page(study, "".join(sections)))


def _page(study: Study, sections: str) -> str:
    data = study.data
    shape = " × ".join(str(n) for n in data.train.shape[1:])
    facts = (
        f"{len(data.train):,} training and {len(data.test):,} held-out samples of shape {shape}. Every fit has "
        f"{study.budget}, there {'is one' if len(study.seeds) == 1 else f'are {len(study.seeds)}'} of each system. "
        f"PCA has {study.latent_dim} numbers a row. Noise: {study.noise}."
    )
    definitions = "".join(f"<dt>{escape(label)}</dt><dd>{escape(meaning)}</dd>" for label, meaning in COLUMNS.values())
    return document(
        f"isthmus: {data.name}",
        f"""<header><p class="kicker">isthmus comparison</p>
<h1>{escape(data.name)}: {len(study.entries) - 1} systems, one budget</h1>
<p>{escape(data.description)}</p><p class="facts">{escape(facts)}</p></header>
<main><div class="headline"><p class="lead">{escape(_verdict(study))}</p></div>
<section id="table"><h2>Held-out measurements</h2><div class="scroll" tabindex="0">{_table(study)}</div>
{details("What each number is", f"<dl>{definitions}</dl>")}</section>
{sections}</main>
<footer>Made by isthmus {escape(__version__)}: <code>{escape(study.command)}</code></footer>""",
    )


def _table(study: Study) -> str:
    shown = rows(study)
    names = list(shown[0][1])
    best = {name: _best(study, name) for name in names}
    head = "".join(f'<th title="{escape(COLUMNS[n][1])}">{escape(COLUMNS[n][0])}</th>' for n in names)
    body = []
    for system, cells in shown:
        lines = {n: cell.replace("\n", "<br>") for n, cell in cells.items()}
        tds = (f"<td{' class=best' if best[n] == system else ''}>{cell}</td>" for n, cell in lines.items())
        body.append(f"<tr><td>{escape(system)}</td>{''.join(tds)}</tr>")
    return f"<table class=compare><thead><tr><th>system</th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _best(study: Study, name: str) -> str | None:
    figures = {e.name: e.measured[name] for e in study.entries if name in e.measured}
    if len(figures) < 2 or name == "density":
        return None
    return (max if name in _HIGHER else min)(figures, key=lambda system: figures[system])


def _verdict(study: Study) -> str:
    """Say in plain words what the table shows."""
    rebuilt = {e.name: e.measured["error_vs_pca"] for e in study.entries[1:] if "error_vs_pca" in e.measured}
    cleaned = {e.name: e.measured["denoising_gain"] for e in study.entries[1:] if "denoising_gain" in e.measured}
    words = []
    if rebuilt:
        best = min(rebuilt, key=lambda name: rebuilt[name])
        words.append(
            f"The smallest reconstruction error is the {_called(best)}'s: {rebuilt[best]:.2f} times that of PCA with "
            f"{study.latent_dim} numbers a row ({'better' if rebuilt[best] < 1 else 'no better'} than PCA)."
        )
    if cleaned:
        best = max(cleaned, key=lambda name: cleaned[name])
        words.append(f"At the noise shown, the {_called(best)} gains most: {cleaned[best]:.1f} dB.")
    floor = study.reference["coverage"]
    words += [
        f"Samples of the {_called(entry.name)} cover {_share(entry.measured['coverage'])} of the held-out rows; "
        f"real rows cover {_share(floor)}."
        for entry in study.entries
        if "coverage" in entry.measured
    ]
    return " ".join(words)


def _share(value: float) -> str:
    """Return a share in per cent, rounded as the table beside it rounds it."""
    return f"{round(value, 2):.0%}"


def _called(name: str) -> str:
    """Return what a system is called in a sentence."""
    short = {"vae": "VAE", "gan": "GAN", "denoising": "denoising autoencoder", "contractive": "contractive autoencoder"}
    return short.get(name, name)
