"""The page of a comparison: one self-contained HTML file that works offline."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

from .. import __version__
from ..compare import COLUMNS, Study, rows
from .pictures import pictures

__all__ = ["write_page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2a38; --muted: #5b6875; --line: #d8dee4; --paper: #fff; --accent: #0b6e75; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --muted: #9aa7b4; --line: #34404c; --paper: #12181f; --accent: #58c2c9; }
  img { background: #fff; border-radius: 6px; }
}
body { margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .4rem; }
p, figcaption, li { color: var(--muted); } p.lead { color: var(--ink); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--muted); font-weight: 600; cursor: help; }
tr:last-child td { color: var(--muted); } td.best { color: var(--accent); font-weight: 700; }
figure { margin: .6rem 0 0; } img { width: 100%; height: auto; } dt { font-weight: 600; }
dd { margin: 0 0 .4rem; color: var(--muted); }
"""

_HIGHER = {"log_likelihood", "denoising_gain", "probe", "coverage"}


def write_page(study: Study, out: Path) -> Path:
    """Write the pictures as PNG and the page that holds them; return the page's path."""
    sections = []
    for name, title, caption, figure in pictures(study):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        (out / f"{name}.png").write_bytes(buffer.getvalue())
        image = base64.b64encode(buffer.getvalue()).decode("ascii")
        sections.append(
            f'<h2 id="{name}">{title}</h2><figure><img alt="{html.escape(title)}" '
            f'src="data:image/png;base64,{image}"><figcaption>{html.escape(caption)}</figcaption></figure>'
        )
    page = out / "report.html"
    draft = out / ".report.html"
    draft.write_text(_page(study, "\n".join(sections)), encoding="utf-8")
    draft.replace(page)
    return page


def _page(study: Study, sections: str) -> str:
    data = study.data
    shape = " × ".join(str(n) for n in data.train.shape[1:])
    facts = (
        f"{len(data.train):,} training and {len(data.test):,} held-out samples of shape {shape}. Every system: "
        f"{study.epochs} epochs, a code of {study.latent_dim} numbers, seed {study.seed}. Noise: {study.corruption}."
    )
    definitions = "".join(f"<dt>{label}</dt><dd>{meaning}</dd>" for label, meaning in COLUMNS.values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>isthmus: {html.escape(data.name)}</title><style>{_STYLE}</style></head><body>
<h1>{html.escape(data.name)}: five systems, one budget</h1>
<p>{html.escape(data.description)}</p><p>{html.escape(facts)}</p>
<p class="lead">{html.escape(_verdict(study))}</p>
<h2>Held-out measurements</h2><div class="scroll">{_table(study)}</div>
<details><summary>What each number is</summary><dl>{definitions}</dl></details>
{sections}
<p>Made by isthmus {__version__}: <code>isthmus compare {html.escape(data.name)} --epochs {study.epochs}
--latent-dim {study.latent_dim} --seed {study.seed}</code></p>
</body></html>
"""


def _table(study: Study) -> str:
    shown = rows(study)
    names = list(shown[0][1])
    best = {name: _best(study, name) for name in names}
    head = "".join(f'<th title="{html.escape(COLUMNS[n][1])}">{html.escape(COLUMNS[n][0])}</th>' for n in names)
    body = []
    for system, cells in shown:
        tds = (f"<td{' class=best' if best[n] == system else ''}>{cell}</td>" for n, cell in cells.items())
        body.append(f"<tr><td>{html.escape(system)}</td>{''.join(tds)}</tr>")
    return f"<table><thead><tr><th>system</th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


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
