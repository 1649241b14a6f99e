"""Small folders of images and masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def write_image(file: Path, seed: int = 0, side: int = 8) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)


def write_mask(file: Path, values: Sequence[int] = (0, 1), side: int = 8) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    mask = np.resize(np.asarray(values, np.uint16 if max(values) > 255 else np.uint8), (side, side))
    Image.fromarray(mask).save(file)


def write_pairs(
    folder: Path, names: Sequence[str], images: str = "images", masks: str = "masks", values: Sequence[int] = (0, 1)
) -> None:
    """Write `<folder>/<images>/<name>.png` and its mask, each image with pixels of its own."""
    for name in names:
        write_image(folder / images / f"{name}.png", seed=hash((str(folder), name)) % 2**32)
        write_mask(folder / masks / f"{name}.png", values)


def write_colour_mask(file: Path, colours: Sequence[tuple[int, ...]], side: int = 8) -> None:
    """Write an RGB or RGBA mask that shows the colours in turn."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.asarray(colours, np.uint8), (side, side, len(colours[0])))).save(file)


def write_palette_mask(file: Path, palette: Sequence[tuple[int, int, int]], side: int = 8) -> None:
    """Write a mask whose pixels are all indices of a palette in turn."""
    file.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(np.resize(np.arange(len(palette), dtype=np.uint8), (side, side)), "L").convert("P")
    mask.putpalette([part for colour in palette for part in colour])
    mask.save(file)
