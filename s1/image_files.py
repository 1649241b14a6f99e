"""Read image files as 8-bit RGB or grey, and mask files as label numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.damaged_files import require_whole
from s1.errors import DriftError, ImageProblemError, UnfitImageError
from s1.orientation import orientation_problems
from s1.picture import Picture, without_alpha
from s1.shown_pixels import read_shown_labels, read_shown_pixels, shown_image_size

Pixels = NDArray[np.uint8]
Labels = NDArray[Any]


def image_size(path: Path) -> tuple[int, int]:
    """Return height and width as shown. Raises ImageProblemError if the file cannot be read."""
    with _naming_file(path):
        return shown_image_size(path)


def read_image(path: Path) -> Pixels:
    """Read an 8-bit image as shown: (H, W, 3), or (H, W) if it is grey; an opaque alpha channel is dropped.

    Raises ImageProblemError, naming the file, if it is unreadable, cut off, or not one 8-bit RGB or grey image.
    """
    return _read_8_bits(path).pixels


def read_image_and_mask(image: Path, mask: Path) -> tuple[Pixels, Labels]:
    """Read an image as read_image does and its labels (H, W).

    Raises ImageProblemError as read_image does, and if the mask has another size or an orientation tag of its own.
    """
    picture, labels = _read_8_bits(image), _read_labels(mask)
    if labels.pixels.shape != picture.pixels.shape[:2]:
        got, expected = (f"{width} x {height}" for height, width in (labels.pixels.shape, picture.pixels.shape[:2]))
        raise ImageProblemError(f"{mask}: the mask is {got} pixels, its image {expected} (width x height)")
    height, width = labels.pixels.shape
    for problem in orientation_problems(picture.orientation, labels.orientation, image, mask, (height, width)):
        raise UnfitImageError(problem)
    return picture.pixels, labels.pixels


def _read_8_bits(path: Path) -> Picture:
    with _naming_file(path):
        picture = read_shown_pixels(path)
    if picture.pixels.dtype != np.uint8:
        raise ImageProblemError(
            f"{path}: is a {picture.pixels.dtype} image, expected 8-bit RGB, RGBA or grey; convert it first"
        )
    return picture._replace(pixels=without_alpha(picture.pixels, path))


def _read_labels(path: Path) -> Picture:
    with _naming_file(path):
        labels = read_shown_labels(path)
    if labels.pixels.dtype.kind not in "bui":
        raise ImageProblemError(f"{path}: is a mask of type {labels.pixels.dtype}, expected one integer channel")
    return labels._replace(pixels=labels.pixels.astype(np.uint8)) if labels.pixels.dtype == bool else labels


@contextmanager
def _naming_file(path: Path) -> Iterator[None]:
    """Check that the file is whole; raise ImageProblemError for whatever a library raises about it, but MemoryError."""
    require_whole(path)
    try:
        yield
    except (DriftError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageProblemError(f"{path}: no such file") from None
    except Exception as error:  # each format has errors of its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ImageProblemError(f"{path}: cannot be read, damaged or of another format ({reason})") from None
