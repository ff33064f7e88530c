"""Folders of images: grey (N, H, W) or colour (N, 3, H, W), as a viewer shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from ..errors import DataError, MissingExtraError, first_line

__all__ = ["IMAGES", "as_pixels", "import_pillow", "read_images", "write_images"]

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""The suffixes of images that are read."""


def import_pillow() -> ModuleType:
    """Return Pillow's ``Image`` module, or say how to install it."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("pillow", "images", "reading and writing images") from None
    return Image


def read_images(paths: list[Path]) -> np.ndarray:
    """Return images of one size, uint8, grey (N, H, W) or colour (N, 3, H, W).

    Each is turned upright as its EXIF orientation asks, as a viewer does. Of 16 bits a pixel the upper 8 are kept.

    Raises
    ------
    DataError : images differ in size or colour, or one is damaged; it is named.
    """
    first = _read_image(paths[0])
    images = np.empty((len(paths), *first.shape), np.uint8)
    for i, path in enumerate(paths):
        image = _read_image(path)
        if image.shape != first.shape:
            raise DataError(
                f"{path}: is {_size(image.shape)}, {paths[0].name} is {_size(first.shape)}; make all images alike"
            )
        images[i] = image
    return images


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}×{shape[-2]} {'grey' if len(shape) == 2 else 'colour'}"


def _read_image(path: Path) -> np.ndarray:
    """Return an image as uint8, grey (H, W) or colour (3, H, W)."""
    Image = import_pillow()
    from PIL import ImageOps

    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            if image.mode == "F":
                raise DataError(f"{path}: its pixels are floating-point numbers; save the images as one .npy file")
            if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
                upper: np.ndarray = np.clip(np.array(image), 0, 65535) // 256
                return upper.astype(np.uint8)
            if image.mode in ("1", "L", "LA", "La"):
                return np.array(image.convert("L"))
            return np.moveaxis(np.array(image.convert("RGB")), -1, 0)
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read: {first_line(error)}") from None


def as_pixels(place: Path, values: np.ndarray) -> np.ndarray:
    """Return values as Pillow takes images: uint8, (N, H, W) or (N, H, W, 3); floating point up to 2 counts to 1.

    Raises
    ------
    DataError : the values have not the shape of images, or are not finite.
    """
    if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[1] not in (1, 3)) or values.size == 0:
        raise DataError(f"{place}: values of shape {values.shape} are no images; choose a suffix, such as .npy")
    if not np.isfinite(values).all():
        row = np.argwhere(~np.isfinite(values))[0, 0]
        raise DataError(f"{place}: image {row} holds NaN or infinity; choose a suffix, such as .npy")
    if values.dtype.kind in "fb":  # a reconstruction of [0, 1] may stray a little beyond 1
        values = np.round(values * (255.0 if values.max() <= 2 else 1.0))
    pixels: np.ndarray = np.clip(values, 0, 255).astype(np.uint8)
    if pixels.ndim == 3:
        return pixels
    return pixels[:, 0] if pixels.shape[1] == 1 else np.moveaxis(pixels, 1, -1)


def write_images(folder: Path, pixels: np.ndarray, names: Sequence[str] | None = None) -> None:
    """Write each image as a PNG, under the name of its own file, in folders as those were, or under its number."""
    Image = import_pillow()
    digits = len(str(len(pixels) - 1))
    places = [Path(f"{i:0{digits}d}") for i in range(len(pixels))] if names is None else [Path(name) for name in names]
    bare = [place.with_suffix("") for place in places]
    for place, image in zip(bare if len(set(bare)) == len(bare) else places, pixels, strict=True):
        file = folder / place.parent / f"{place.name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
