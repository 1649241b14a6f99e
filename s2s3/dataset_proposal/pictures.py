"""Small pictures of proposed cases, with their masks in colour."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

from nnunetv2.dataset_conversion.image_folder_cases import relabelled
from nnunetv2.dataset_conversion.mask_colours import read_mask
from nnunetv2.dataset_proposal.paired_cases import FoundCase
from nnunetv2.imageio.natural_image_files import read_pixels
from nnunetv2.overlays.rendering import generate_overlay
from nnunetv2.overlays.value_ranges import as_8_bit_colours

SIDE_PX = 200


def case_picture(case: FoundCase, relabel: Mapping[int, int], colours: Mapping[int, int]) -> bytes:
    """Return a JPEG: the image beside the same with its labels above 0 in colour. The case was read before.

    Parameters:
        colours: as in `convert_pair`.
    """
    from PIL import Image

    mask = read_mask(str(case.pair.mask), colours).pixels
    image, labels = _reduced(read_pixels(str(case.pair.image))), _reduced(mask)
    pixels = as_8_bit_colours(np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3])
    shown = generate_overlay(pixels, relabelled(labels.astype(np.uint16), relabel))
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([pixels, shown], axis=1)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """Return evenly spread pixels, at most 200 in each direction."""
    rows, columns = (np.linspace(0, side - 1, min(side, SIDE_PX)).astype(int) for side in pixels.shape[:2])
    return pixels[rows][:, columns]


def shown_cases(cases: Sequence[FoundCase], domains: Mapping[str, str], most: int = 3) -> dict[str, list[FoundCase]]:
    """Return domain -> a few of its cases; one entry without a name where there are no domains."""
    found: dict[str, list[FoundCase]] = {}
    for case in cases:
        members = found.setdefault(domains.get(case.name, ""), [])
        if len(members) < most:
            members.append(case)
    return found
