"""Size of the patch to cut, so that rotating and shrinking it leaves few empty corners."""

from collections.abc import Sequence

import numpy as np

Angle = float | Sequence[float]


def get_patch_size(
    final_patch_size: Sequence[int],
    rot_x: Angle,
    rot_y: Angle,
    rot_z: Angle,
    scale_range: Sequence[float],
) -> np.ndarray:
    """Return the size of the patch to cut, as integers.

    Each axis gets the largest extent that the vector `final_patch_size` takes when it is rotated about one axis,
    divided by the smallest scale. This is nnU-Net's rule, not a bounding box: corners of a rotated patch stay empty.

    Parameters:
        final_patch_size: size after augmentation, 2 or 3 axes.
        rot_x, rot_y, rot_z: angles in radians, or ranges of them, capped at 90 degrees. 2D uses `rot_x` only.
    """
    size = np.array(final_patch_size, dtype=float)
    angles = [_largest_angle(angle) for angle in (rot_x, rot_y, rot_z)]
    rotations = [_rotation_2d(angles[0])] if len(size) == 2 else [_rotation_3d(i, a) for i, a in enumerate(angles)]
    extents = np.max([size, *(np.abs(size @ rotation) for rotation in rotations)], axis=0)
    return (extents / min(scale_range)).astype(int)


def _largest_angle(angle: Angle) -> float:
    return min(float(np.max(np.abs(angle))), np.pi / 2)


def _rotation_2d(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _rotation_3d(axis: int, angle: float) -> np.ndarray:
    """Return the rotation of row vectors about one axis, in the direction of nnU-Net's rule."""
    rotation = np.eye(3)
    first, second = [other for other in range(3) if other != axis]
    sine = np.sin(angle) if axis != 1 else -np.sin(angle)
    rotation[first, first] = rotation[second, second] = np.cos(angle)
    rotation[first, second] = -sine
    rotation[second, first] = sine
    return rotation
