"""PNG, JPEG and other pictures as slides of one level."""

from collections.abc import Mapping

import numpy as np

from nnunetv2.errors import SlideError
from nnunetv2.pathology.slides.geometry import Box, Level
from nnunetv2.pathology.slides.slide_reader import WANTED, PathLike, Pixels, Valid, reason
from s1.claimed_size import check_claimed_size
from s1.damaged_files import require_whole
from s1.errors import DriftError
from s1.pillow_files import (
    COLOUR,
    colour_profile_with_pillow,
    pixel_kind_with_pillow,
    read_with_pillow,
    size_with_pillow,
)

LARGEST_PX = 20_000 * 20_000


class PictureReader:
    """One picture, read whole at the first use and kept."""

    def __init__(self, path: PathLike):
        import PIL

        self.name = f"pillow {PIL.__version__}"
        self._path = path
        height, width = _size(path)
        self.levels = (Level(0, width, height, 1.0),)
        self.origin = (0, 0)
        self.properties: Mapping[str, str] = {"openslide.vendor": "picture"}
        self.warnings: tuple[str, ...] = ()
        self._pixels: Pixels | None = None

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return pixels of a box; all are valid."""
        if self._pixels is None:
            self._pixels = _read(self._path)
        part = self._pixels[box.y : box.bottom, box.x : box.right]
        return np.ascontiguousarray(part), np.ones(part.shape[:2], bool)

    def icc_profile(self) -> bytes | None:
        """Return the ICC profile of the picture."""
        try:
            return colour_profile_with_pillow(self._path)
        except DriftError:
            raise
        except Exception as error:  # whatever a damaged file makes Pillow raise
            raise reason("Pillow", error) from None

    def close(self) -> None:
        """Let go of the pixels."""
        self._pixels = None


def refuse_other_pictures(path: PathLike) -> None:
    """Raise SlideError if a picture holds grey, 16-bit or other pixels than 8-bit colours."""
    try:
        kind = pixel_kind_with_pillow(path)
    except Exception:  # whoever opens the picture says what is wrong with it
        return
    if kind != COLOUR:
        raise SlideError(f"{path}: {WANTED}, got {kind}")


def _size(path: PathLike) -> tuple[int, int]:
    try:
        height, width = size_with_pillow(path)
    except DriftError:
        raise
    except Exception as error:  # whatever a damaged file makes Pillow raise
        raise reason("Pillow", error) from None
    if height * width > LARGEST_PX:
        raise SlideError(
            f"{width} x {height} pixels in one picture, expected 20000 x 20000 at most; save it as a tiled TIFF pyramid"
        )
    check_claimed_size(path, (height, width, 3), 1)
    return height, width


def _read(path: PathLike) -> Pixels:
    try:
        require_whole(path)
        pixels = read_with_pillow(path).pixels
    except DriftError:
        raise
    except Exception as error:  # whatever a damaged file makes Pillow raise
        raise reason("Pillow", error) from None
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise SlideError(f"{WANTED}, got {pixels.dtype} of the shape {pixels.shape}")
    return pixels[..., :3]
