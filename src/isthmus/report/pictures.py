"""Pictures of a comparison, as matplotlib figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compare import Study
from ..measured import encoding_of, reconstruction_of, scale_of
from .axes import ACCENT, draw_strips, styled, weight_tiles
from .content.codes import first_weights
from .content.look import is_image, look_of
from .rasters import grey, montage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pictures"]

SHOWN = 12


def pictures(study: Study) -> Iterator[tuple[str, str, str, Figure]]:
    """Yield (file name, title, caption, figure) for everything there is to see."""
    with styled():
        yield (
            "reconstructions",
            "Reconstructions",
            "Held-out rows, and what each system makes of them."
            if study.noisy is None
            else f"Held-out rows, the same with the noise that was trained on ({study.noise}), and what each system "
            "makes of the clean and of the noisy ones.",
            _reconstructions(study),
        )
        yield (
            "samples",
            "Samples",
            "New rows drawn from each system's prior, beside held-out rows. Every sample is drawn, none was picked.",
            _samples(study),
        )
        yield (
            "learning",
            "Learning curves",
            "Every term of every player's loss, mean a row, by epoch.",
            _learning(study),
        )
        filters = _filters(study)
        if filters is not None:
            yield (
                "filters",
                "Encoder filters",
                "The first layer's weights, a picture a unit, largest norm first; blue negative, red positive.",
                filters,
            )
        yield (
            "codes",
            "The latent map",
            "Codes of held-out rows on their first two principal axes"
            + (", coloured by label; the systems never saw a label." if study.data.test_labels is not None else "."),
            _codes(study),
        )


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _reconstructions(study: Study) -> Figure:
    test, noisy = np.asarray(study.data.test), study.noisy
    strips: list[tuple[str, np.ndarray]] = [("held-out", test[:SHOWN])]
    strips += [] if noisy is None else [("noisy", noisy[:SHOWN])]
    for entry in study.entries:
        reconstruct = reconstruction_of(entry.estimator, test.shape[1:])
        if reconstruct is not None:
            strips.append((entry.name, reconstruct(test[:SHOWN])))
            strips += [] if noisy is None else [("… of noisy", reconstruct(noisy[:SHOWN]))]
    return _strips(strips, test) if is_image(study.data.test.shape[1:]) else _row_panels(strips, test)


def _samples(study: Study) -> Figure:
    test = np.asarray(study.data.test)
    systems = [e for e in study.entries if hasattr(e.estimator, "sample")]
    if not is_image(study.data.test.shape[1:]):
        n = min(2_000, len(test))
        strips = [("held-out", test[:n])]
        strips += [(e.name, e.estimator.sample(n, random_state=study.seeds[0])) for e in systems]
        return _row_panels(strips, test)
    strips = [("held-out", test[i * SHOWN : (i + 1) * SHOWN]) for i in range(2)]
    for entry in systems:
        drawn = entry.estimator.sample(4 * SHOWN, random_state=study.seeds[0])
        strips += [(entry.name if i == 0 else "", drawn[i * SHOWN : (i + 1) * SHOWN]) for i in range(4)]
    return _strips(strips, test)


def _strips(strips: list[tuple[str, np.ndarray]], test: np.ndarray) -> Figure:
    limits = (float(test.min()), float(test.max()))
    height, width = test.shape[-2:]
    figure, axes = _figure(1, 1, 8.0, 0.25 + len(strips) * 6.8 / SHOWN * height / width)
    draw_strips(axes[0, 0], [(label, grey(images, limits)) for label, images in strips], SHOWN)
    return figure


def _row_panels(strips: list[tuple[str, np.ndarray]], test: np.ndarray) -> Figure:
    """Draw rows that are not images: as points where they have two or three columns, as curves otherwise."""
    columns = min(4, len(strips))
    lines = math.ceil(len(strips) / columns)
    shift: Any = 0.0
    scale: Any = 1.0
    if look_of(test).kind == "rows":  # columns of a table have units of their own
        shift, scale = test.mean(axis=0), scale_of(test)
    figure, axes = _figure(lines, columns, 8.0, 2.1 * lines)
    for axis, strip in zip(axes.flat, [*strips, *[None] * (axes.size - len(strips))], strict=True):
        if strip is None:
            axis.set_visible(False)
            continue
        label, values = strip
        flat = values.reshape(len(values), -1)
        axis.set_title(label)
        if flat.shape[1] <= 3:
            axis.plot(flat[:, 0], flat[:, -1], ".", ms=2, color=ACCENT, alpha=0.6)
            whole = test.reshape(len(test), -1)
            axis.set_xlim(whole[:, 0].min(), whole[:, 0].max())
            axis.set_ylim(whole[:, -1].min(), whole[:, -1].max())
        else:
            axis.plot(((flat[:SHOWN] - shift) / scale).T, lw=0.7, alpha=0.8)
    return figure


def _learning(study: Study) -> Figure:
    fitted = [e for e in study.entries if hasattr(e.estimator, "history_")]
    figure, axes = _figure(1, len(fitted), 9.0, 2.2)
    for axis, entry in zip(axes[0], fitted, strict=True):
        history = entry.estimator.history_
        for name in history.columns:
            if name not in ("epoch", "seconds", "active_units", "healed") and not name.endswith("loss"):
                axis.plot(history["epoch"], history[name], lw=1.3, label=name.replace("_", " "))
        axis.set_title(entry.name)
        axis.set_xlabel("epoch")
        axis.legend(fontsize=6)
    return figure


def _filters(study: Study) -> Figure | None:
    shape = study.data.test.shape[1:]
    if not is_image(shape):
        return None
    found: list[tuple[str, np.ndarray]] = []
    for entry in study.entries:
        encoder = getattr(getattr(entry.estimator, "model_", None), "encoder", None)
        weights = None if encoder is None else first_weights(encoder, shape)
        if weights is not None:
            found.append((entry.name, weights))
    if not found:
        return None
    figure, axes = _figure(1, len(found), 9.0, 2.6)
    for axis, (name, weights) in zip(axes[0], found, strict=True):
        norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
        chosen = weights[np.argsort(-norms)[:36]]
        axis.imshow(montage(weight_tiles(chosen), math.isqrt(len(chosen))), interpolation="nearest")
        axis.set_title(name)
        axis.axis("off")
    return figure


def _codes(study: Study) -> Figure:
    encoders = [(e.name, encoding_of(e.estimator)) for e in study.entries if encoding_of(e.estimator) is not None]
    figure, axes = _figure(1, len(encoders), 9.5, 2.3)
    test, labels = np.asarray(study.data.test)[:3_000], study.data.test_labels
    for axis, (name, encode) in zip(axes[0], encoders, strict=True):
        codes = encode(test)
        codes = codes - codes.mean(0)
        if codes.shape[1] > 2:
            codes = codes @ np.linalg.svd(codes, full_matrices=False)[2][:2].T
        colour: Any = {"color": ACCENT} if labels is None else {"c": labels[:3_000], "cmap": "tab10"}
        axis.scatter(codes[:, 0], codes[:, -1], s=5, alpha=0.8, lw=0, **colour)
        axis.set_title(name)
        axis.set_xticks([])
        axis.set_yticks([])
    if labels is not None and len(np.unique(labels)) <= 10:
        handles, names = axes[0, 0].collections[0].legend_elements()
        figure.legend(handles, names, loc="outside right center", fontsize=7, markerscale=0.7)
    return figure
