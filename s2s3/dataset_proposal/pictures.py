"""Small pictures of proposed cases, with their masks in colour."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

from nnunetv2.dataset_proposal.paired_cases import FoundCase
from nnunetv2.imageio.natural_image_files import read_label_pixels, read_pixels

SIDE_PX = 200
_COLOURS = np.array([(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233)])
_STRENGTH = 0.45


def case_picture(case: FoundCase, relabel: Mapping[int, int]) -> bytes:
    """Return a JPEG: the image beside the same with its labels above 0 in colour. The case was read before."""
    from PIL import Image

    image, labels = _reduced(read_pixels(str(case.pair.image))), _reduced(read_label_pixels(str(case.pair.mask)))
    pixels = _as_8_bit_rgb(image)
    marked = _relabelled(labels, relabel)
    shown = pixels.copy()
    inside = marked > 0
    colours = _COLOURS[(marked[inside].astype(int) - 1) % len(_COLOURS)]
    shown[inside] = ((1 - _STRENGTH) * shown[inside] + _STRENGTH * colours).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([pixels, shown], axis=1)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """Return evenly spread pixels, at most 200 in each direction."""
    rows, columns = (np.linspace(0, side - 1, min(side, SIDE_PX)).astype(int) for side in pixels.shape[:2])
    return pixels[rows][:, columns]


def _as_8_bit_rgb(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8:
        pixels = (pixels / max(1, int(pixels.max())) * 255).astype(np.uint8)
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels[..., :3]


def _relabelled(labels: np.ndarray, relabel: Mapping[int, int]) -> np.ndarray:
    changed = labels.astype(np.int64)
    for value, label in relabel.items():
        changed[labels == value] = label
    return changed


def shown_cases(cases: Sequence[FoundCase], domains: Mapping[str, str], most: int = 3) -> dict[str, list[FoundCase]]:
    """Return domain -> a few of its cases; one entry without a name where there are no domains."""
    found: dict[str, list[FoundCase]] = {}
    for case in cases:
        members = found.setdefault(domains.get(case.name, ""), [])
        if len(members) < most:
            members.append(case)
    return found
