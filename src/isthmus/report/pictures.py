"""Pictures of a comparison, as matplotlib figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from ..compare import Study, encoding_of, reconstruction_of
from ..errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["pictures"]

INK, MUTED, ACCENT = "#1b2a38", "#7b8794", "#0b6e75"
SHOWN = 12


def pictures(study: Study) -> Iterator[tuple[str, str, str, Figure]]:
    """Yield (file name, title, caption, figure) for everything there is to see."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError("matplotlib", "plots", "drawing pictures") from None
    style: Any = {
        "font.size": 9,
        "font.family": "sans-serif",
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.titlesize": 10,
        "axes.titlecolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "legend.frameon": False,
        "figure.dpi": 130,
    }
    with mpl.rc_context(style):
        yield (
            "reconstructions",
            "Reconstructions",
            f"Held-out rows, the same with the noise that was trained on ({study.corruption}), and what each "
            "system makes of the clean and of the noisy ones.",
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


def _image_shape(study: Study) -> bool:
    shape = study.data.test.shape[1:]
    return len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))


def _tile(images: np.ndarray) -> np.ndarray:
    """Put images side by side with a gap of one pixel: (N, H, W) or (N, C, H, W) → (H, W') or (H, W', C)."""
    if images.ndim == 4:
        images = np.moveaxis(images, 1, -1)
        images = images[..., 0] if images.shape[-1] == 1 else images
    gap = np.full((images.shape[1], 1, *images.shape[3:]), np.nan)
    parts: list[np.ndarray] = []
    for image in images:
        parts += [image.astype(np.float64), gap]
    return np.concatenate(parts[:-1], axis=1)


def _show_strip(axis: Axes, images: np.ndarray, label: str, limits: tuple[float, float]) -> None:
    tiled = _tile(images)
    axis.margins(0)
    if tiled.ndim == 3:
        tiled = np.nan_to_num(np.clip((tiled - limits[0]) / (limits[1] - limits[0]), 0, 1), nan=1.0)
    axis.imshow(tiled, cmap="gray_r", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_ylabel(label, rotation=0, ha="right", va="center", color=INK, fontsize=8)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _reconstructions(study: Study) -> Figure:
    test, noisy = np.asarray(study.data.test), study.noisy
    strips: list[tuple[str, np.ndarray]] = [("held-out", test[:SHOWN]), ("noisy", noisy[:SHOWN])]
    for entry in study.entries:
        reconstruct = reconstruction_of(study, entry)
        if reconstruct is not None:
            strips.append((entry.name, reconstruct(test[:SHOWN])))
            strips.append(("… of noisy", reconstruct(noisy[:SHOWN])))
    return _strips(strips, test) if _image_shape(study) else _row_panels(strips, test)


def _samples(study: Study) -> Figure:
    test = np.asarray(study.data.test)
    systems = [e for e in study.entries if hasattr(e.estimator, "sample")]
    if not _image_shape(study):
        n = min(2_000, len(test))
        strips = [("held-out", test[:n])]
        strips += [(e.name, e.estimator.sample(n, random_state=study.seed)) for e in systems]
        return _row_panels(strips, test)
    strips = [("held-out", test[i * SHOWN : (i + 1) * SHOWN]) for i in range(2)]
    for entry in systems:
        drawn = entry.estimator.sample(4 * SHOWN, random_state=study.seed)
        strips += [(entry.name if i == 0 else "", drawn[i * SHOWN : (i + 1) * SHOWN]) for i in range(4)]
    return _strips(strips, test)


def _strips(strips: list[tuple[str, np.ndarray]], test: np.ndarray) -> Figure:
    limits = (float(test.min()), float(test.max()))
    height, width = test.shape[-2:]
    figure, axes = _figure(len(strips), 1, 8.0, 0.25 + len(strips) * 6.8 / SHOWN * height / width)
    for axis, (label, images) in zip(axes[:, 0], strips, strict=True):
        _show_strip(axis, images, label, limits)
    return figure


def _row_panels(strips: list[tuple[str, np.ndarray]], test: np.ndarray) -> Figure:
    """Draw rows that are not images: as points where they have two or three columns, as curves otherwise."""
    columns = min(4, len(strips))
    lines = math.ceil(len(strips) / columns)
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
            axis.plot(flat[:SHOWN].T, lw=0.7, alpha=0.8)
    return figure


def _learning(study: Study) -> Figure:
    fitted = [e for e in study.entries if hasattr(e.estimator, "history_")]
    figure, axes = _figure(1, len(fitted), 9.0, 2.2)
    for axis, entry in zip(axes[0], fitted, strict=True):
        history = entry.estimator.history_
        for name in history.columns:
            if name not in ("epoch", "seconds") and not name.endswith("loss"):
                axis.plot(history["epoch"], history[name], lw=1.3, label=name.replace("_", " "))
        axis.set_title(entry.name)
        axis.set_xlabel("epoch")
        axis.legend(fontsize=6)
    return figure


def _filters(study: Study) -> Figure | None:
    shape = study.data.test.shape[1:]
    if len(shape) != 2:
        return None
    found: list[tuple[str, np.ndarray]] = []
    for entry in study.entries:
        encoder = getattr(getattr(entry.estimator, "model_", None), "encoder", None)
        weights = None if encoder is None else _first_weights(encoder, shape)
        if weights is not None:
            found.append((entry.name, weights))
    if not found:
        return None
    figure, axes = _figure(1, len(found), 9.0, 2.6)
    for axis, (name, weights) in zip(axes[0], found, strict=True):
        norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
        chosen = weights[np.argsort(-norms)[:36]]
        chosen = chosen / np.abs(chosen).max(axis=(1, 2), keepdims=True)
        side = math.isqrt(len(chosen))
        tiled = np.concatenate([_pad(_tile(chosen[i * side : (i + 1) * side])) for i in range(side)])
        axis.imshow(tiled, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axis.set_title(name)
        axis.axis("off")
    return figure


def _pad(strip: np.ndarray) -> np.ndarray:
    return np.pad(strip, ((0, 1), (0, 0)), constant_values=np.nan)


def _first_weights(encoder: nn.Module, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the first layer's weights as pictures (units, H, W)."""
    first: Any = next((m for m in encoder.modules() if isinstance(m, nn.Linear | nn.Conv2d)), None)
    if first is None:
        return None
    weights: np.ndarray = first.weight.detach().cpu().numpy()
    return weights[:, 0] if isinstance(first, nn.Conv2d) else weights.reshape(-1, *shape)


def _codes(study: Study) -> Figure:
    encoders = [(e.name, encoding_of(e)) for e in study.entries if encoding_of(e) is not None]
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
