"""Rows as pixels: colour maps, montages, PNG as data URIs."""

from __future__ import annotations

import base64
import io
import math

import numpy as np

from ..errors import MissingExtraError

__all__ = ["data_uri", "diverging", "grey", "montage", "png", "thumbnails"]

BLUE, WHITE, RED = (33, 102, 172), (247, 247, 247), (178, 24, 43)
"""The ends and the middle of the diverging map (ColorBrewer's RdBu)."""


def grey(shades: np.ndarray) -> np.ndarray:
    """Return shades from 0 to 1, (N, H, W) or in colour (N, H, W, 3), as bytes (N, H, W, 3)."""
    x = np.asarray(shades, dtype=np.float64)
    pixels = np.clip((x if x.ndim == 4 else x[..., None]) * 255, 0, 255).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:3], 3))


def diverging(values: np.ndarray, largest: float) -> np.ndarray:
    """Return signed values as bytes (N, H, W, 3): blue at −`largest`, white at zero, red at `largest`.

    Values are (N, H, W), or (N, H, W, 3), of which the mean over colours is shown.

    >>> diverging(np.array([[[-1.0, 0.0, 1.0]]]), 1.0)[0, 0].tolist()
    [[33, 102, 172], [247, 247, 247], [178, 24, 43]]
    """
    x = np.asarray(values, dtype=np.float64)
    x = x.mean(-1) if x.ndim == 4 else x
    place = np.clip(x / (largest or 1.0), -1, 1)
    colours = [np.interp(place, [-1, 0, 1], ends) for ends in zip(BLUE, WHITE, RED, strict=True)]
    return np.stack(colours, -1).round().astype(np.uint8)


def montage(tiles: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Return tiles (N, H, W, 3) as one picture with transparent gaps, (rows, columns, 4), read like a page.

    >>> montage(np.zeros((3, 4, 5, 3), np.uint8), 2).shape
    (9, 11, 4)
    """
    n, h, w, _ = tiles.shape
    lines = math.ceil(n / columns)
    page = np.zeros((lines, h + gap, columns, w + gap, 4), np.uint8)
    for i, tile in enumerate(tiles):
        page[i // columns, :h, i % columns, :w] = np.dstack([tile, np.full((h, w), 255, np.uint8)])
    whole = page.reshape(lines * (h + gap), columns * (w + gap), 4)
    return whole[: len(whole) - gap, : whole.shape[1] - gap]


def thumbnails(shades: np.ndarray, columns: int, pixels: int) -> np.ndarray:
    """Return all images in one sheet without gaps, each averaged over blocks until the sheet has at most `pixels`.

    Shades from 0 to 1 in grey, (N, H, W), make a sheet (rows, columns), in colour, (N, H, W, 3), (rows, columns, 3).
    """
    x = grey(shades)
    n, h, w, _ = x.shape
    factor = max(1, math.ceil(math.sqrt(n * h * w / pixels)))
    h, w = h // factor, w // factor
    x = x[:, : h * factor, : w * factor].reshape(n, h, factor, w, factor, 3).mean((2, 4)).astype(np.uint8)
    sheet = montage(x, columns, gap=0)
    return sheet[..., :3] if shades.ndim == 4 else sheet[..., 0]


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
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="png", optimize=pixels.size < 2**18)
    return buffer.getvalue()


def data_uri(image: bytes) -> str:
    """Return a PNG as the value of ``src``."""
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")
