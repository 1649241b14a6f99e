"""Values of an image brought to the range of a screen, a few rows at a time, so that no copy as floats is needed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_PIXELS_AT_ONCE = 2**20


def strips(plane: np.ndarray) -> Iterator[slice]:
    """Yield rows of a plane (H, W) or (H, W, C) that together are all of it."""
    rows = max(1, _PIXELS_AT_ONCE // max(1, plane.shape[1]))
    for top in range(0, plane.shape[0], rows):
        yield slice(top, top + rows)


@dataclass(frozen=True)
class Stretch:
    """Maps the finite range of values to 0..255; values that are not finite become 0, as do all if they are equal."""

    smallest: Any
    largest: Any
    """After the smallest was subtracted."""

    @classmethod
    def of(cls, plane: np.ndarray, convert: Callable[[np.ndarray], np.ndarray] = lambda values: values) -> "Stretch":
        """Return what maps the values of a plane (H, W), after they were converted."""
        smallest = None
        for rows in strips(plane):
            values = _as_floats(convert(plane[rows]))
            finite = values[np.isfinite(values)]
            if finite.size:
                smallest = finite.min() if smallest is None else min(smallest, finite.min())
        smallest = 0 if smallest is None else smallest
        largest = max((_shifted(convert(plane[rows]), smallest).max(initial=0) for rows in strips(plane)), default=0)
        return cls(smallest, largest)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return new values of any rows of the plane."""
        return _shifted(values, self.smallest) / self.largest * 255 if self.largest > 0 else np.zeros(values.shape)


def _as_floats(values: np.ndarray) -> np.ndarray:
    return values if values.dtype.kind == "f" else values.astype(np.float64)  # 16-bit differences may need 17 bits


def _shifted(values: np.ndarray, smallest: Any) -> np.ndarray:
    return np.nan_to_num(_as_floats(values) - smallest, nan=0, posinf=0, neginf=0)


def as_8_bit_colours(image: np.ndarray) -> np.ndarray:
    """Return colours (H, W, 3) for the screen, a new array.

    Values 0..255 stay, 0..1 are multiplied by 255. Anything else (16 bit, normalized) is stretched channel by channel,
    which restores the white of a slide that was normalised channel by channel.
    """
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image * np.uint8(255) if image.max(initial=0) <= 1 else image.copy()
    smallest = min((_colours(image[rows]).min(initial=0) for rows in strips(image)), default=0)
    largest = max((_colours(image[rows]).max(initial=0) for rows in strips(image)), default=0)
    stretches = []
    if smallest < 0 or largest > 255:
        stretches = [Stretch.of(image[..., channel], _colours) for channel in range(3)]
    picture = np.empty(image.shape, np.uint8)
    for rows in strips(image):
        values = _colours(image[rows])
        if stretches:
            values = np.stack([stretch(values[..., channel]) for channel, stretch in enumerate(stretches)], axis=-1)
        elif largest <= 1:
            values = values * 255
        picture[rows] = np.rint(values).astype(np.uint8)
    return picture


def _colours(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.asarray(values, np.float32))
