"""Samples as pixels: montages, colour maps, PNG as data URIs."""

from __future__ import annotations

import base64
import io
import math

import numpy as np

from ..errors import MissingExtraError

__all__ = ["channels_last", "data_uri", "diverging", "grey", "montage", "png", "thumbnails"]

BLUE, WHITE, RED = (33, 102, 172), (247, 247, 247), (178, 24, 43)
"""The ends and the middle of the diverging map (ColorBrewer's RdBu)."""

GAP = 1


def channels_last(images: np.ndarray) -> np.ndarray:
    """Return images as (N, H, W) or (N, H, W, 3)."""
    if images.ndim == 4:
        return images[:, 0] if images.shape[1] == 1 else np.moveaxis(images, 1, -1)
    return images


def grey(images: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return images (N, H, W) or (N, C, H, W) as bytes (N, H, W, 3), the limits black and white."""
    low, high = limits
    x = channels_last(np.asarray(images, dtype=np.float64))
    pixels = np.clip((x - low) / ((high - low) or 1.0) * 255, 0, 255).astype(np.uint8)
    return pixels if pixels.ndim == 4 else np.repeat(pixels[..., None], 3, -1)


def diverging(values: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Return signed values (N, H, W) as bytes (N, H, W, 3): blue below zero, white at zero, red above.

    >>> diverging(np.array([[[-1.0, 0.0, 1.0]]]))[0, 0].tolist()
    [[33, 102, 172], [247, 247, 247], [178, 24, 43]]
    """
    x = channels_last(np.asarray(values, dtype=np.float64))
    x = x.mean(-1) if x.ndim == 4 else x
    size = float(np.abs(x).max()) if largest is None else largest
    place = np.clip(x / (size or 1.0), -1, 1)
    colours = [np.interp(place, [-1, 0, 1], [BLUE[c], WHITE[c], RED[c]]) for c in range(3)]
    return np.stack(colours, -1).round().astype(np.uint8)


def montage(tiles: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """Return tiles (N, H, W, 3) as one transparent-gapped picture (rows, columns, 4), read like a page.

    >>> montage(np.zeros((3, 4, 5, 3), np.uint8), 2).shape
    (9, 11, 4)
    """
    n, h, w, _ = tiles.shape
    lines = math.ceil(n / columns)
    page = np.zeros((lines * (h + gap) - gap, columns * (w + gap) - gap, 4), np.uint8)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (h + gap), (i % columns) * (w + gap)
        page[top : top + h, left : left + w, :3] = tile
        page[top : top + h, left : left + w, 3] = 255
    return page


def thumbnails(images: np.ndarray, limits: tuple[float, float], columns: int, pixels: int) -> tuple[np.ndarray, int]:
    """Return all images in one sheet, without gaps, each averaged down until all fit in so many pixels; and the factor.

    Grey images make a sheet (rows, columns), colour ones (rows, columns, 3).
    """
    x = grey(images, limits)
    n, h, w, _ = x.shape
    factor = max(1, math.ceil(math.sqrt(n * h * w / pixels)))
    if factor > 1:
        h, w = h // factor, w // factor
        x = x[:, : h * factor, : w * factor].reshape(n, h, factor, w, factor, 3).mean((2, 4)).astype(np.uint8)
    sheet = montage(x, columns, gap=0)
    coloured = images.ndim == 4 and images.shape[1] == 3
    return (sheet[..., :3] if coloured else sheet[..., 0]), factor


def png(pixels: np.ndarray) -> bytes:
    """Return bytes (H, W), (H, W, 3) or (H, W, 4) as a PNG.

    Raises
    ------
    MissingExtraError : Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("pillow", "images", "drawing pictures") from None
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png", optimize=pixels.size < 2**18)
    return buffer.getvalue()


def data_uri(image: bytes) -> str:
    """Return a PNG as what goes into ``src``."""
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")
