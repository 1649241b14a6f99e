"""Small slides for tests, written on the spot."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import ImageCms

from sample_data.pyramids import PyramidSettings, SyntheticSlide, write_pyramid

SMALL: dict[str, Any] = {"width": 1500, "height": 1100, "block_px": 512, "drawn_px": 128, "tile_px": 128}


_written: dict[str, tuple[SyntheticSlide, bytes]] = {}
"""Slides of this process by their settings, since many tests want the same one."""


def write_small_slide(path: Path, **changes: Any) -> SyntheticSlide:
    """Write a slide of 1500 x 1100 pixels with levels 1500, 750 (width) in tiles of 128."""
    settings = PyramidSettings(**{**SMALL, **changes})
    if repr(settings) not in _written:
        slide = write_pyramid(path, settings)
        _written[repr(settings)] = slide, path.read_bytes()
    slide, content = _written[repr(settings)]
    path.write_bytes(content)
    return slide


def standard_profile() -> bytes:
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def profile_that_swaps_red_and_blue() -> bytes:
    """The profile of a scanner whose red is blue: that of sRGB with two entries of its table exchanged."""
    return standard_profile().replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def lose_level(path: Path, index: int, share: float = 1.0) -> None:
    """Let the last tiles of a level lie beyond the end of a file, as if it was cut off."""
    with tifffile.TiffFile(path) as file:
        tag = file.pages[index].tags["TileOffsets"]  # type: ignore[union-attr]
        first, count = int(tag.valueoffset), int(tag.count)
    content = bytearray(path.read_bytes())
    starts = np.frombuffer(content, np.uint64, count, first)
    starts[count - round(count * share) :] += np.uint64(2 * len(content))
    path.write_bytes(content)
