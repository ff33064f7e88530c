"""The latent map: dots that change colour and show their sample."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from .charts import CLASSES, RAMP, Axis, chart, dots_path, number, ramp_index
from .content import Colouring, Content, Look
from .rasters import data_uri, png, thumbnails
from .shell import escape

__all__ = ["latent_section"]

SHEET = 50
"""Thumbnails side by side in the sheet of samples."""

PIXELS = 1_600_000
"""Numbers that the sheet of thumbnails holds, at most."""

SERIES = 64
"""Points at which the small picture of a series is drawn, at most."""

TOLD = 5
"""Columns of a row that are told when the pointer is on it: those farthest from the mean."""


def latent_section(content: Content) -> Iterator[tuple[str, str, str]]:
    """Return the section of the latent map, if there are codes."""
    latent, look, X = content.latent, content.look, content.map_samples
    if latent is None or look is None or X is None:
        return
    x, y = Axis.of(latent.axes[0], latent.points[:, 0]), Axis.of(latent.axes[1], latent.points[:, 1])
    px = x.place(latent.points[:, 0]).round().astype(int)
    py = 1000 - y.place(latent.points[:, 1]).round().astype(int)
    colourings = [_painted(colouring) for colouring in latent.colourings]
    data: dict[str, Any] = {
        "x": px.tolist(),
        "y": py.tolist(),
        "rows": latent.rows.tolist(),
        "colourings": colourings,
        **_told(X, look),
    }
    share = f" They hold {latent.share:.0%} of the variance of the codes." if latent.share is not None else ""
    where = " on their first two principal axes" if latent.share is not None else ""
    note = (
        f"Codes of {len(px):,} held-out rows{where}.{share} Point at a dot, or tap it, "
        "for its sample; with the map in focus, arrow keys walk from dot to dot."
    )
    options = "".join(f'<option value="{i}">{escape(c["name"])}</option>' for i, c in enumerate(colourings))
    first = colourings[0]
    index = np.array(first["index"])
    paths = "".join(dots_path(px[index == i], py[index == i], colour) for i, colour in enumerate(first["colours"]))
    alt = f"Map of the codes, coloured by {first['name']}"
    attributes = f' id="map" tabindex="0" style="--dot:{5 if len(px) > 500 else 8}px"'
    drawn = chart([], x, y, alt, square=True, attributes=attributes)
    drawn = drawn.replace("</svg>", f"{paths}</svg>", 1)
    swatches = [f'<i style="background:{colour}"></i>' for colour in first["colours"]]
    items = [f"{swatch}{escape(word)}" for swatch, word in zip(swatches, first["words"], strict=True)]
    if "ramp" in first:
        items[0] = escape(first["words"][0]) + swatches[0]  # the least stands before the ramp, the most behind it
    css = "legend ramp" if "ramp" in first else "legend"
    key = "".join(f"<li>{item}</li>" for item in items)
    payload = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # nothing in the data can end the script that carries it
    payload = payload.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    yield (
        "latent",
        "Latent map",
        f'<p class="note">{escape(note)}</p><p class="choose"><label for="colour">Colour by</label> '
        f'<select id="colour">{options}</select></p><ul class="{css}" id="map-legend">{key}</ul>'
        f'{drawn}<script type="application/json" id="map-data">{payload}</script>',
    )


def _painted(colouring: Colouring) -> dict[str, Any]:
    """Return for each dot the index of its colour, the colours, and what they mean."""
    if colouring.classes is not None:
        colours = [CLASSES[i % len(CLASSES)] for i in range(len(colouring.classes))]
        return {
            "name": colouring.name,
            "index": colouring.values.astype(int).tolist(),
            "colours": colours,
            "words": colouring.classes,
        }
    index, low, high = ramp_index(colouring.values)
    told = colouring.name in ("score", "error")
    words = [""] * len(RAMP)
    words[0], words[-1] = f"≤ {number(low)}", f"≥ {number(high)}"
    return {
        "name": colouring.name,
        "index": index.tolist(),
        "colours": list(RAMP),
        "words": words,
        "ramp": True,
        "values": [number(float(f"{v:.4g}")) for v in colouring.values] if told else None,
    }


def _told(X: np.ndarray, look: Look) -> dict[str, Any]:
    """Return what a dot shows of its sample: a place in a sheet of thumbnails, a small curve, or its oddest columns."""
    if look.kind == "images":
        sheet, _ = thumbnails(X, look.limits, SHEET, PIXELS)
        rows = -(-len(X) // SHEET)
        return {
            "sheet": data_uri(png(sheet)),
            "columns": SHEET,
            "lines": rows,
            "aspect": look.shape[-2] / look.shape[-1],
        }
    flat = look.flat(X)
    if look.kind == "series":
        places = np.linspace(0, look.n - 1, min(look.n, SERIES)).round().astype(int)
        low, high = look.limits
        curves = np.clip((flat[:, places] - low) / ((high - low) or 1) * 100, 0, 100).round().astype(int)
        return {"curves": curves.tolist()}
    centred = flat - flat.mean(0)
    own = np.asarray(X).reshape(len(X), -1)
    oddest = np.argsort(-np.abs(centred), axis=1, kind="stable")[:, :TOLD]
    told = [
        [[int(j), number(float(own[i, j])), f"{centred[i, j]:+.1f}σ".replace("-", "−")] for j in oddest[i]]
        for i in range(len(own))
    ]
    return {"names": look.names, "told": told}
