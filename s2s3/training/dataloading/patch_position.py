"""Where a training patch is cut: at random, or around a voxel of a class.

Draws come from numpy's global generator in nnU-Net's order, so equal seeds give nnU-Net's patches.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnunetv2.errors import CallError

Label = int | tuple[int, ...]
ClassLocations = Mapping[Label, Sequence[Sequence[int]]]


def lower_bounds(image_size: Sequence[int], patch_size: Sequence[int], padding: Sequence[int]) -> list[range]:
    """Return the lower corners a patch may have, one range an axis.

    Parameters:
        padding: voxels by which a patch may reach over the image along each axis, both ends together; more where image
            and padding are smaller than the patch.
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

    The corner keeps to the lower bounds only: at the far border a patch may reach further over the image than a random
    one (as in nnU-Net).
    """
    voxels = locations[label]
    voxel = voxels[np.random.choice(len(voxels))]
    return [
        max(bound.start, int(center) - int(patch) // 2)
        for bound, center, patch in zip(bounds, voxel[1:], patch_size, strict=True)
    ]


def choose_class(locations: ClassLocations | None, annotated: Label | None, wanted: Any = None) -> Label | None:
    """Return the class to centre a patch on: `wanted` if it has a voxel, else any class that has, equally likely.

    Parameters:
        annotated: with an ignore label, the key of all annotated voxels; chosen only where no class has a voxel.

    Returns None if there is no voxel at all. Raises CallError for a wanted class that `locations` does not know.
    """
    locations = locations or {}
    if wanted is not None and wanted not in locations:
        raise CallError(f"class {wanted} is none of the classes with locations: {list(locations)}")
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
    warnings.warn("a case has no annotated voxel, its patch is cut at random", stacklevel=2)
    return None
