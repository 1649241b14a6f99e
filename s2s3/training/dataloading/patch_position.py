"""The position of a training patch: at random, or around a voxel of a class.

Random numbers come from numpy's global generator in nnU-Net's order, so equal seeds give nnU-Net's patches.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnunetv2.errors import CallError

Label = int | tuple[int, ...]
ClassLocations = Mapping[Label, Sequence[Sequence[int]]]


def lower_bounds(image_size: Sequence[int], patch_size: Sequence[int], padding: Sequence[int]) -> list[range]:
    """Return the lower corners that a patch may have, one range per axis.

    Parameters:
        padding: voxels by which a patch may extend beyond the image along each axis, both ends together; raised where
            image and padding are smaller than the patch.
    """
    ranges = []
    for size, patch, pad in zip(image_size, patch_size, padding, strict=True):
        before = -(-max(int(pad), int(patch) - int(size)) // 2)
        ranges.append(range(-before, int(size) + before - int(patch) + 1))
    return ranges


def random_corner(bounds: Sequence[range]) -> list[int]:
    """Return a lower corner, uniform in the bounds."""
    return [int(np.random.randint(bound.start, bound.stop)) for bound in bounds]


def corner_around_class(
    label: Label, locations: ClassLocations, bounds: Sequence[range], patch_size: Sequence[int]
) -> list[int]:
    """Return the lower corner of a patch centred on a random voxel of a class.

    Only the lower bounds are enforced: at the far border a patch may extend further beyond the image than a random one
    (as in nnU-Net).
    """
    voxels = locations[label]
    voxel = voxels[np.random.choice(len(voxels))]
    return [
        max(bound.start, int(center) - int(patch) // 2)
        for bound, center, patch in zip(bounds, voxel[1:], patch_size, strict=True)
    ]


def choose_class(locations: ClassLocations | None, annotated: Label | None, wanted: Any = None) -> Label | None:
    """Return the class to centre a patch on: `wanted` if it has a voxel, otherwise any class that does, equally likely.

    Parameters:
        annotated: with an ignore label, the key of all annotated voxels; chosen only if no class has a voxel.

    Returns None if there is no voxel at all. Raises CallError for a wanted class that is not in `locations`.
    """
    locations = locations or {}
    if wanted is not None and wanted not in locations:
        raise CallError(f"class {wanted} is not one of the classes with locations: {list(locations)}")
    present = [label for label, voxels in locations.items() if len(voxels) > 0]
    if annotated in present and len(present) > 1:
        present.remove(annotated)
    if not present:
        return None
    if wanted is not None and wanted in present:
        return wanted
    return present[np.random.choice(len(present))]


def annotated_class(locations: ClassLocations, annotated: Label) -> Label | None:
    """Return the key of all annotated voxels, None (with a warning) if there are none; KeyError if it is missing."""
    if len(locations[annotated]) > 0:
        return annotated
    warnings.warn("a case has no annotated voxel; its patch is cut at random", stacklevel=2)
    return None
