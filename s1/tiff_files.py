"""Read TIFF files in the layout in which training reads them (nnunetv2.imageio)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.damaged_files import require_whole
from s1.errors import DriftError, ImageProblemError

_COLOUR_CHANNELS = (3, 4)


def is_tiff(path: Path) -> bool:
    """Return whether the file name ends in .tif or .tiff."""
    return path.suffix.lower() in (".tif", ".tiff")


def tiff_size(path: Path) -> tuple[int, int]:
    """Return height and width from the file's header. Raises ImageProblemError if it cannot be read."""
    with _opened(path) as file:
        empty = np.broadcast_to(np.uint8(0), file.series[0].shape)
        height, width = _with_colours_last(empty, path).shape[:2]
    return height, width


def read_tiff(path: Path) -> NDArray[Any]:
    """Read the stored values (H, W), (H, W, 3) or (H, W, 4); the colours may be on the first or the last axis.

    Raises ImageProblemError for a file that cannot be read, has another shape, or is CMYK.
    """
    with _opened(path) as file:
        if file.series[0].keyframe.photometric.name == "SEPARATED":
            raise ImageProblemError(f"{path}: is a CMYK image, expected 8-bit RGB, RGBA or grey; convert it first")
        return _with_colours_last(file.asarray(maxworkers=1), path)


def _with_colours_last(pixels: NDArray[Any], path: Path) -> NDArray[Any]:
    if pixels.ndim == 3 and pixels.shape[-1] not in _COLOUR_CHANNELS and pixels.shape[0] in _COLOUR_CHANNELS:
        return np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in _COLOUR_CHANNELS):
        return pixels
    raise ImageProblemError(f"{path}: has the shape {pixels.shape}, expected one 2D image that is grey, RGB or RGBA")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import tifffile

    require_whole(path)
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except (DriftError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageProblemError(f"{path}: no such file") from None
    except Exception as error:  # each codec has errors of its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ImageProblemError(f"{path}: is damaged or not a TIFF file ({reason})") from None
