"""What a mask holds: values, or colours that stand for classes."""

from dataclasses import dataclass, field

import numpy as np

from nnunetv2.dataset_conversion.mask_colours import Colour, packed_colours
from nnunetv2.dataset_proposal.proposed_labels import MOST_CLASSES
from nnunetv2.errors import UnfitImageError
from nnunetv2.imageio.natural_image_files import read_label_picture, read_picture
from s1.picture import Picture
from s1.pillow_files import is_jpeg


@dataclass(frozen=True)
class MaskContents:
    """What the pixels of one mask are."""

    labels: Picture
    """Its values or the indices of its palette; of a mask in colours something of the same size."""
    is_coloured: bool
    """Whether there are only colours, no values."""
    colours: dict[Colour, int] = field(default_factory=dict)
    """Colour -> number of its pixels; empty where there are too many."""
    palette: dict[int, Colour] = field(default_factory=dict)
    """Index -> its colour, of a mask with a palette that is not grey."""


def mask_contents(path: str) -> MaskContents:
    """Read a mask. Raises UnfitImageError if it holds neither values nor a few opaque colours of 8 bits."""
    shown = read_picture(path)
    colours = _few_colours(shown, path)
    try:
        labels = read_label_picture(path)
    except UnfitImageError:
        if not _has_colours(shown) or is_jpeg(path):
            raise
        number = len(np.unique(packed_colours(shown.pixels, path)))
        if number > MOST_CLASSES:
            raise UnfitImageError(
                f"{path}: shows {number} different colours, more than {MOST_CLASSES} classes; export it anew as PNG, "
                "one colour a class, without smoothed edges"
            ) from None
        return MaskContents(shown._replace(pixels=shown.pixels[..., 0]), True, colours)
    return MaskContents(labels, False, colours, _palette(labels, shown, path) if _has_colours(shown) else {})


def _has_colours(shown: Picture) -> bool:
    pixels = shown.pixels
    return pixels.ndim == 3 and bool((pixels[..., :3] != pixels[..., :1]).any())


def _few_colours(shown: Picture, path: str) -> dict[Colour, int]:
    try:
        found, counts = np.unique(packed_colours(shown.pixels, path), return_counts=True)
    except UnfitImageError:  # 16 bits, or transparent: values at best
        return {}
    few = len(found) <= MOST_CLASSES
    return dict(zip(found.tolist(), counts.tolist(), strict=True)) if few else {}


def _palette(labels: Picture, shown: Picture, path: str) -> dict[int, Colour]:
    indices, first = np.unique(labels.pixels, return_index=True)
    colours = packed_colours(shown.pixels, path).ravel()[first]
    return dict(zip(indices.tolist(), colours.tolist(), strict=True))
