"""What the axes of one sample are: features of a row, time, height and width, depth, channels; decided here alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

__all__ = ["LAYOUTS", "LONGEST_PICTURE", "SMALLEST_PICTURE", "Layout", "layout_of", "unit_axis"]

LAYOUTS = ("L", "CL", "LC", "HW", "CHW", "HWC", "DHW", "CDHW", "DHWC")
"""The letters of layouts whose neighbours belong together: length, height, width, depth, and channels first or last."""

LONGEST_PICTURE = 8
"""Two axes are a picture's up to this ratio of the longer to the shorter."""

SMALLEST_PICTURE = 4
"""Pixels that a picture has along each axis, at least."""

FEWEST_TIMES_CHANNELS = 2
"""Among three or four axes, channels are those of the shortest, where the others are at least this much longer."""

COLOURS = (1, 3, 4)
"""Channels of grey and colour pictures, with and without transparency, which share one unit."""

MEANS_APART = 10.0
"""Units differ where the means of channels lie this many times farther apart than values within a channel."""

SCALES_APART = 5.0
"""Units differ where the scales of channels do by this factor, ..."""

BETWEEN_TO_WITHIN = 10.0
"""... and vary between channels by at least this many times what they vary within one."""


@dataclass(frozen=True)
class Layout:
    """The axes of one sample, a letter each: ``"CL"`` is channels × length; ``""`` is a row, whose order means nothing.

    >>> Layout("HWC").kind, Layout("HWC").channel_axis, Layout("HW").channel_axis, Layout("").kind
    ('picture', 2, None, 'row')
    """

    letters: str

    @property
    def kind(self) -> Literal["row", "series", "picture", "volume"]:
        """What the sample is: by the number of axes along which neighbours belong together."""
        return ("row", "series", "picture", "volume")[len(self.letters.replace("C", ""))]

    @property
    def channel_axis(self) -> int | None:
        """The axis of the channels, in a sample without its batch dimension, or None."""
        return self.letters.index("C") if "C" in self.letters else None

    def channels_first(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape with its channels in front, (C, *size); a sample without that axis has one channel."""
        if self.channel_axis is None:
            return (1, *shape)
        return (shape[self.channel_axis], *shape[: self.channel_axis], *shape[self.channel_axis + 1 :])


def layout_of(shape: tuple[int, ...], mean: Tensor | None = None, std: Tensor | None = None) -> Layout:
    """Return the layout that samples of a shape are taken to have.

    - One axis is a row of features.
    - Two axes are a picture, unless they are too thin for one; then the shorter are the channels of a series, first or
      last. What a shape cannot tell, windows of many sensors from small pictures, the data can: where the features'
      means or scales differ far more between the lines of one axis than within them, these lines are channels.
    - Three axes are a picture whose shortest axis, first or last, are its channels; a volume where all are about
      equally long. Four are a volume with channels, by the same rule.

    Parameters
    ----------
    shape : of one sample.
    mean, std : of each feature over the rows, of that shape, where the data are known.

    >>> [layout_of(shape).letters for shape in ((64,), (28, 28), (2, 500), (500, 2), (3, 28, 28), (28, 28, 3))]
    ['', 'HW', 'CL', 'LC', 'CHW', 'HWC']
    >>> [layout_of(shape).letters for shape in ((16, 16, 16), (2, 16, 16, 16), (16, 16, 16, 1))]
    ['DHW', 'CDHW', 'DHWC']
    """
    match len(shape):
        case 2:
            if min(shape) < SMALLEST_PICTURE or max(shape) > LONGEST_PICTURE * min(shape):
                return Layout("CL" if shape[0] <= shape[1] else "LC")
            if mean is not None and std is not None:
                for axis, letters in ((1, "LC"), (0, "CL")):
                    if _units_differ(axis, mean, std):
                        return Layout(letters)
            return Layout("HW")
        case 3:
            first, _, last = shape
            alike = FEWEST_TIMES_CHANNELS * min(first, last) > sorted(shape)[1]
            if alike and min(shape) >= SMALLEST_PICTURE:
                return Layout("DHW")
            return Layout("CHW" if first <= last else "HWC")
        case 4:
            return Layout("CDHW" if shape[0] <= shape[-1] else "DHWC")
        case _:
            return Layout("")


def unit_axis(mean: Tensor, std: Tensor) -> int | None:
    """Return the axis along which each index has a unit of its own, or None where all values share one.

    Channels have their own, except those of a colour picture, unless these differ as far as only units do.

    Parameters
    ----------
    mean, std : of each feature over the rows, of the sample's shape.
    """
    layout = layout_of(tuple(mean.shape), mean, std)
    axis = layout.channel_axis
    if axis is not None and layout.kind == "picture" and mean.shape[axis] in COLOURS:
        return axis if _units_differ(axis, mean, std) else None
    return axis


def _units_differ(axis: int, mean: Tensor, std: Tensor) -> bool:
    """Return whether the features' means or scales differ far more between the lines of an axis than within them."""
    m, s = (x.movedim(axis, 0).flatten(1) for x in (mean, std))
    if len(m) < 2 or mean.is_meta:
        return False
    if m.mean(1).var() > MEANS_APART**2 * (m.var(1, correction=0) + s.square().mean(1)).mean():
        return True
    s = s[(s > 0).any(1)]
    if len(s) < 2 or not (s > 0).all():
        return False
    log_s = s.log()
    between = log_s.mean(1)
    apart = between.max() - between.min() > math.log(SCALES_APART)
    return bool(apart and between.std() > BETWEEN_TO_WITHIN * log_s.std(1, correction=0).mean())
