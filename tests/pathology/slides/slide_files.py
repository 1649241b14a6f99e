"""Small slides for tests, written on the spot."""

from pathlib import Path
from typing import Any

from sample_data.pyramids import PyramidSettings, SyntheticSlide, write_pyramid

SMALL: dict[str, Any] = {"width": 1500, "height": 1100, "block_px": 512, "drawn_px": 128, "tile_px": 128}


def write_small_slide(path: Path, **changes: Any) -> SyntheticSlide:
    """Write a slide of 1500 x 1100 pixels with levels 1500, 750 (width) in tiles of 128."""
    return write_pyramid(path, PyramidSettings(**{**SMALL, **changes}))
