"""Crops images to the bounding box of their nonzero voxels."""

import numpy as np

from nnunetv2.errors import CallError


def create_nonzero_mask(data: np.ndarray) -> np.ndarray:
    """Return where any channel of (C, x, y, z) or (C, x, y) is not zero (NaN counts as not zero), holes filled.

    A hole is a group of zeros, connected by faces, that does not reach the border of the array. In an array with an
    axis of length 1 every voxel lies at the border, so nothing is filled in 2D images.
    """
    if data.ndim not in (3, 4):
        raise CallError(f"expected an image of shape (C, x, y, z) or (C, x, y), got {data.shape}")
    mask = data[0] != 0
    for channel in data[1:]:
        if mask.all():
            return mask
        mask |= channel != 0
    return mask if _has_no_holes(mask) else _fill_holes(mask)


def _has_no_holes(mask: np.ndarray) -> bool:
    return 1 in mask.shape or bool(mask.all()) or not mask.any()


def _fill_holes(mask: np.ndarray) -> np.ndarray:
    """Set the background that is not connected to the border; holes can only lie in the box around the mask."""
    from scipy.ndimage import label

    box = tuple(slice(first, end) for first, end in _bounding_box(mask))
    regions, count = label(~mask[box])
    is_hole = np.ones(count + 1, dtype=bool)
    is_hole[0] = False
    for axis in range(regions.ndim):
        is_hole[np.take(regions, (0, -1), axis=axis)] = False
    mask[box] |= is_hole[regions]
    return mask


def _bounding_box(mask: np.ndarray) -> list[list[int]]:
    """Return half-open [first, end] of each axis; the whole extent for an empty mask."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        inside = np.flatnonzero(mask.any(axis=others))
        box.append([int(inside[0]), int(inside[-1]) + 1] if len(inside) else [0, mask.shape[axis]])
    return box


def crop_to_nonzero(
    data: np.ndarray, seg: np.ndarray | None = None, nonzero_label: int = -1
) -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Cut data (C, x, y, z) and seg to the box around the nonzero mask.

    Outside the mask, label 0 of `seg` becomes `nonzero_label`, in place. If there is no `seg`, one is made: int8, 0
    inside the mask, `nonzero_label` outside.

    Returns:
        view of data, view of seg (1, x, y, z), the box as half-open [first, end] of each spatial axis.
    """
    mask = create_nonzero_mask(data)
    box = _bounding_box(mask)
    cut = tuple(slice(first, end) for first, end in box)
    outside = ~mask[cut]
    data = data[(slice(None), *cut)]
    if seg is None:
        return data, np.where(outside, np.int8(nonzero_label), np.int8(0))[None], box
    seg = seg[(slice(None), *cut)]
    if outside.any():
        for channel in seg:
            channel[outside & (channel == 0)] = nonzero_label
    return data, seg, box
