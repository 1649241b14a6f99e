"""Pictures of a slide with its labels, for a first look."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nnunetv2.errors import WrongShapeError
from nnunetv2.overlays.legend import add_legend
from nnunetv2.overlays.rendering import Rgb, colour_of, generate_overlay
from nnunetv2.pathology.outputs.label_reduction import Array, sampled
from nnunetv2.pathology.slides.thumbnail import LARGEST_PX
from s1.files import replacing

NOT_READ = "Not read"
NOT_READ_COLOUR: Rgb = (90, 90, 90)
_HALF = 1.0
"""Intensity at which labels are mixed half and half with the image."""
_HATCH_PX = 8


def class_colours(labels: Mapping[str, int]) -> dict[str, Rgb]:
    """Return the colour of each foreground class; a label has the same one on every slide and in every file."""
    return {name: colour_of(label) for name, label in labels.items() if label}


def overlay_picture(thumbnail: Array, labels: Array, names: Mapping[str, int], not_read: Array | None = None) -> Array:
    """Return a thumbnail with its labels half transparent and outlined, and a legend of the classes it shows, 8 bit.

    Parameters:
        thumbnail: colours of the slide, uint8, (H, W, 3).
        labels: of the same area at any resolution, (h, w).
        names: class -> label.
        not_read: of the same area, bool, (h', w'): what could not be read; it is hatched and named in the legend.

    Raises WrongShapeError for arrays of other dimensions.
    """
    if thumbnail.ndim != 3 or thumbnail.shape[2] != 3 or labels.ndim != 2:
        raise WrongShapeError(f"thumbnail {thumbnail.shape}, labels {labels.shape}: expected (H, W, 3) and (h, w)")
    shape = thumbnail.shape[:2]
    shown = sampled(labels, shape)
    present = set(np.unique(shown).tolist())
    foreground = {label: label for label in names.values() if label}
    picture = generate_overlay(thumbnail, shown, mapping=foreground, overlay_intensity=_HALF)
    legend = [(name, colour) for name, colour in class_colours(names).items() if names[name] in present]
    if not_read is not None and not_read.any():
        picture = _hatched(picture, sampled(not_read, shape))
        legend.append((NOT_READ, NOT_READ_COLOUR))
    return add_legend(picture, legend)


def write_picture(picture: Array, target: Path) -> None:
    """Write a picture, uint8 (H, W, 3), as PNG, atomically."""
    from PIL import Image

    with replacing(target) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")


def thumbnail_size(height: int, width: int, largest: int = LARGEST_PX) -> tuple[int, int]:
    """Return height and width of a picture of the same proportions that is not larger than the limit."""
    factor = min(1.0, largest / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _hatched(picture: Array, where: Array) -> Array:
    """Draw diagonal stripes where asked."""
    rows, columns = np.ogrid[: picture.shape[0], : picture.shape[1]]
    stripes = (rows + columns) % _HATCH_PX < _HATCH_PX // 2
    hatched = picture.copy()
    hatched[where & stripes] = NOT_READ_COLOUR
    return hatched
