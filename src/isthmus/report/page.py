"""The page of a comparison: one self-contained HTML file that works offline."""

from __future__ import annotations

import io
from pathlib import Path

from .. import __version__
from ..compare import COLUMNS, Study, rows
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
        f"{len(data.train):,} training and {len(data.test):,} held-out samples of shape {shape}. Every system: "
        f"{study.epochs} epochs, a code of {study.latent_dim} numbers, seed {study.seed}. Noise: {study.corruption}."
    )
    definitions = "".join(f"<dt>{escape(label)}</dt><dd>{escape(meaning)}</dd>" for label, meaning in COLUMNS.values())
    command = f"isthmus compare {data.name} --epochs {study.epochs} --latent-dim {study.latent_dim} --seed {study.seed}"
    return document(
        f"isthmus: {data.name}",
        f"""<header><p class="kicker">isthmus comparison</p><h1>{escape(data.name)}: five systems, one budget</h1>
<p>{escape(data.description)}</p><p class="facts">{escape(facts)}</p></header>
<main><div class="headline"><p class="lead">{escape(_verdict(study))}</p></div>
<section id="table"><h2>Held-out measurements</h2><div class="scroll" tabindex="0">{_table(study)}</div>
{details("What each number is", f"<dl>{definitions}</dl>")}</section>
{sections}</main>
<footer>Made by isthmus {escape(__version__)}: <code>{escape(command)}</code></footer>""",
    )


def _table(study: Study) -> str:
    shown = rows(study)
    names = list(shown[0][1])
    best = {name: _best(study, name) for name in names}
    head = "".join(f'<th title="{escape(COLUMNS[n][1])}">{escape(COLUMNS[n][0])}</th>' for n in names)
    body = []
    for system, cells in shown:
        tds = (f"<td{' class=best' if best[n] == system else ''}>{cell}</td>" for n, cell in cells.items())
        body.append(f"<tr><td>{escape(system)}</td>{''.join(tds)}</tr>")
    return f"<table class=compare><thead><tr><th>system</th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _best(study: Study, name: str) -> str | None:
    figures = {e.name: e.measured[name] for e in study.entries if name in e.measured}
    if len(figures) < 2 or name == "density":
        return None
    return (max if name in _HIGHER else min)(figures, key=lambda system: figures[system])


def _verdict(study: Study) -> str:
    """Say in plain words what the table shows."""
    auto, denoising = study["autoencoder"].measured, study["denoising"].measured
    ratio = auto["error_vs_pca"]
    words = [
        f"With {study.latent_dim} numbers a row, the autoencoder's reconstruction error is {ratio:.2f} times PCA's "
        f"({'better' if ratio < 1 else 'no better'} than PCA).",
        f"At the noise it was trained on, the denoising autoencoder gains {denoising['denoising_gain']:.1f} dB; "
        f"the plain one {auto['denoising_gain']:.1f} dB.",
    ]
    floor = study.reference["coverage"]
    words += [
        f"Samples of the {entry.name.upper()} cover {entry.measured['coverage']:.0%} of the held-out rows; "
        f"real rows cover {floor:.0%}."
        for entry in study.entries
        if "coverage" in entry.measured
    ]
    return " ".join(words)
