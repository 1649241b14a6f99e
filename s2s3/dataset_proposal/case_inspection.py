"""Reads a pair of image and mask and says what is in it, or what is wrong with it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nnunetv2.dataset_conversion.image_folder_cases import Pair, TestImage, image_problems, pair_problems
from nnunetv2.dataset_conversion.mask_colours import Colour
from nnunetv2.dataset_proposal.mask_contents import mask_contents
from nnunetv2.dataset_proposal.paired_cases import FoundCase
from nnunetv2.dataset_proposal.problem import Problem, from_message
from nnunetv2.errors import DriftError
from s1.picture import without_alpha

MOST_VALUES = 4096
"""A mask with more different values holds no labels."""


@dataclass(frozen=True)
class CaseFacts:
    """What one case holds."""

    problems: tuple[Problem, ...] = ()
    size_px: tuple[int, int] = (0, 0)
    """Height, width."""
    channels: int = 0
    pixel_type: str = ""
    file_type: str = ""
    """Ending of the image's name, in lower case."""
    values: tuple[int, ...] = ()
    """Values of the mask, sorted; none if it holds colours."""
    is_coloured: bool = False
    """Whether the mask holds colours and no values."""
    colours: dict[Colour, int] = field(default_factory=dict)
    """Colour -> number of its pixels in the mask, as far as they are few."""
    palette: dict[int, Colour] = field(default_factory=dict)
    """Value of the mask -> the colour in which a palette shows it."""
    pixels_sha256: str = ""


def inspect_case(case: FoundCase) -> CaseFacts:
    """Return what a case holds; problems are returned, not raised."""
    from nnunetv2.imageio.natural_image_files import read_picture

    pair = case.pair
    file = pair.image
    try:
        image = read_picture(str(file))
        pixels = without_alpha(image.pixels, file)
        file = pair.mask
        mask = mask_contents(str(file))
    except DriftError as error:
        return CaseFacts((from_message(str(error), str(file)),))
    lines = list(pair_problems(image, mask.labels, pair))
    if lines:
        return CaseFacts(tuple(_about_either(line, pair.image, pair.mask) for line in lines))
    values = np.array([]) if mask.is_coloured else np.unique(mask.labels.pixels)
    if len(values) > MOST_VALUES:
        what = f"holds {len(values)} different values, so they are no labels"
        return CaseFacts((Problem(str(pair.mask), what, "export the classes, each with one value"),))
    return CaseFacts(
        size_px=(pixels.shape[0], pixels.shape[1]),
        channels=1 if pixels.ndim == 2 else 3,
        pixel_type=str(pixels.dtype),
        file_type=pair.image.suffix.lower(),
        values=tuple(int(value) for value in values),
        is_coloured=mask.is_coloured,
        colours=mask.colours,
        palette=mask.palette,
        pixels_sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
    )


def inspect_test_image(test: TestImage, case: str) -> CaseFacts:
    """Return what an image for testing holds, with its mask if there is one."""
    from nnunetv2.imageio.natural_image_files import read_pixels

    if test.mask is not None:
        return inspect_case(FoundCase(case, Pair(test.image, test.mask), ()))
    try:
        pixels = without_alpha(read_pixels(str(test.image)), test.image)
    except DriftError as error:
        return CaseFacts((from_message(str(error), str(test.image)),))
    problems = tuple(from_message(line, str(test.image)) for line in image_problems(pixels, test.image))
    return CaseFacts(problems, channels=1 if pixels.ndim == 2 else 3)


def _about_either(line: str, image: Path, mask: Path) -> Problem:
    return from_message(line, str(image if line.startswith(f"{image}: ") else mask))
