"""What can be wrong with the images and labels of a case, in one line per problem.

The integrity check lists all of these problems; fingerprint and preprocessing raise the first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nnunetv2.errors import UnfitImageError
from s1.orientation import UPRIGHT, orientation_problems

_MOST_VALUES_LISTED = 10
_CHANNEL_HINTS = {
    (4, 3): "; save RGBA images without alpha",
    (1, 3): "; save grey images as RGB",
    (3, 1): "; an RGB image needs three channel_names, or save it as grey",
}
"""(Channels of the only file of a case, channels that dataset.json names) -> what to do."""


def raise_first(problems: Iterable[str]) -> None:
    """Raise UnfitImageError with the first problem, if there is one."""
    for problem in problems:
        raise UnfitImageError(problem)


def channel_problems(found: int, image_files: Sequence[str], expected: int) -> list[str]:
    """Compare the number of channels in the files of a case with the number that dataset.json names."""
    if found == expected:
        return []
    more = f" and {len(image_files) - 1} more file(s)" if len(image_files) > 1 else ""
    hint = "" if more else _CHANNEL_HINTS.get((found, expected), "")
    return [f"{image_files[0]}{more}: {found} channel(s), dataset.json names {expected}{hint}"]


def nan_problems(array: np.ndarray, name: str) -> list[str]:
    """Look for NaN in an array, which is called `name` in the message."""
    return [f"{name}: contains NaN; replace it with a number"] if array.size and np.isnan(array.min()) else []


def shape_problems(seg: np.ndarray, data: np.ndarray, seg_name: str, image_name: str) -> list[str]:
    """Compare the spatial shapes of a segmentation and its image."""
    if seg.shape[1:] == data.shape[1:]:
        return []
    shapes = f"shape {seg.shape[1:]}, expected {data.shape[1:]} as in {image_name}"
    return [f"{seg_name}: {shapes}; export the mask in the size of its image"]


def orientation_tag_problems(
    image_properties: Mapping[str, Any], seg_properties: Mapping[str, Any], shape: Sequence[int], names: tuple[str, str]
) -> list[str]:
    """Compare the orientation tags that a reader found.

    Parameters:
        shape: spatial shape of both as read, (1, H, W).
        names: of image and segmentation.
    """
    image, seg = (properties.get("orientation", UPRIGHT) for properties in (image_properties, seg_properties))
    return orientation_problems(image, seg, *names, (shape[-2], shape[-1]))


def label_channel_problems(seg: np.ndarray, seg_file: str) -> list[str]:
    """Check that a segmentation has one channel."""
    if len(seg) == 1:
        return []
    return [f"{seg_file}: {len(seg)} channels, expected one; save labels as grey values, not as colours"]


def label_problems(seg: np.ndarray, known_labels: Sequence[int], seg_file: str) -> list[str]:
    """Return a line for each value of `seg` that is not a label; -1 is not one either. Very many values are counted."""
    is_known = np.zeros(seg.shape, dtype=bool)
    for label in known_labels:
        is_known |= seg == label
    unknown, counts = np.unique(seg[~is_known], return_counts=True)
    if not len(unknown):
        return []
    hints = _hints(unknown, [label for label in sorted(known_labels) if label > 0 and label not in seg])
    known = ", ".join(map(str, known_labels))
    problems = [
        f"{seg_file}: found {_in_full(value)}{hint} ({count} voxel(s); dataset.json has {known})"
        for value, hint, count in list(zip(unknown, hints, counts, strict=True))[:_MOST_VALUES_LISTED]
    ]
    more = len(unknown) - _MOST_VALUES_LISTED
    return problems if more <= 0 else [*problems, f"{seg_file}: {more} more such values"]


def _hints(unknown: np.ndarray, unused_labels: Sequence[int]) -> list[str]:
    """Guess what unknown values mean by their order: 0/255 is meant as 0/1, 0/127/255 as 0/1/2."""
    guesses = [f", did you mean {label}?" for label in unused_labels[: len(unknown)]]
    if len(guesses) < len(unknown):
        guesses = [""] * len(unknown)
    return [
        guess if float(value).is_integer() else ", expected a whole number"
        for value, guess in zip(unknown, guesses, strict=True)
    ]


def _in_full(value: np.number) -> str:
    """Return enough digits to tell 1.0000001 from 1."""
    return f"{value:.0f}" if float(value).is_integer() else str(value)
