"""What every reader of a slide format offers, and what all of them say in the same words."""

import os
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.pathology.slides.geometry import Box, Level

PathLike = str | os.PathLike[str]
Pixels = NDArray[np.uint8]
"""(height, width, 3), red, green, blue."""
Valid = NDArray[np.bool_]
"""(height, width), False where the scanner took no image or the file lacks it; such pixels are white."""

WHITE = (255, 255, 255)
WANTED = "8-bit RGB brightfield expected"


class SlideReader(Protocol):
    """One open file (or series of files). Not for use by several processes; each opens its own."""

    @property
    def name(self) -> str:
        """Library and version, for example `openslide 4.0.1`."""

    @property
    def levels(self) -> Sequence[Level]:
        """The pyramid, finest first, each cut to the scanned area."""

    @property
    def origin(self) -> tuple[int, int]:
        """The corner (x, y) of the scanned area in the pixels of the file's finest level."""

    @property
    def properties(self) -> Mapping[str, str]:
        """What the file says about itself, under the names of OpenSlide where that has some."""

    @property
    def warnings(self) -> Sequence[str]:
        """One line for each thing that is unusual about the file, without its path."""

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return the pixels of a box that lies within a level.

        Raises UnreadableSlideError, whose text is the library's reason; a later call may succeed.
        """

    def icc_profile(self) -> bytes | None:
        """Return the ICC profile of the file's colours, None if it has none. Raises UnreadableSlideError."""

    def close(self) -> None:
        """Close the file."""


def reason(library: str, error: BaseException) -> UnreadableSlideError:
    """Return the error for what a library said, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return UnreadableSlideError(f"{library}: {text}")
