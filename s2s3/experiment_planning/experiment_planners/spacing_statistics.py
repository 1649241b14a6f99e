"""Target spacing, axis order and typical image size of a dataset, from the spacings and shapes of its images.

Pure arithmetic. Axes are in the order of the image arrays; `spacings` and `shapes` have one row per case.
"""

from collections.abc import Sequence

import numpy as np

from nnunetv2.preprocessing.resampling.default_resampling import Numbers, compute_new_shape


def fullres_target_spacing(
    spacings: Sequence[Sequence[float]], shapes: Sequence[Sequence[int]], anisotropy_threshold: float
) -> np.ndarray:
    """Return the median spacing, with a finer value along an axis that is both coarse and short.

    Such an axis takes the 10th percentile of its spacings, but stays coarser than the other axes.
    """
    target = np.percentile(np.vstack(spacings), 50, 0)
    median_size = np.percentile(np.vstack(shapes), 50, 0)
    coarse = int(np.argmax(target))
    others = [axis for axis in range(len(target)) if axis != coarse]
    finer_spacing = max(target[others])
    is_coarse = target[coarse] > anisotropy_threshold * finer_spacing
    is_short = median_size[coarse] * anisotropy_threshold < min(median_size[others])
    if is_coarse and is_short:
        lower = np.percentile(np.vstack(spacings)[:, coarse], 10)
        target[coarse] = lower if lower >= finer_spacing else finer_spacing + 1e-5
    return target


def coarsest_axis_first(spacing: Numbers) -> tuple[list[int], list[int]]:
    """Return the axis order that puts the coarsest axis first, and the order that undoes it."""
    return axis_first(int(np.argmax(spacing)), len(spacing))


def axis_first(first: int, num_axes: int = 3) -> tuple[list[int], list[int]]:
    """Return the axis order that puts an axis first, and the order that undoes it."""
    forward = [first, *(axis for axis in range(num_axes) if axis != first)]
    return forward, [forward.index(axis) for axis in range(num_axes)]


def single_slice_axis(shapes: Sequence[Sequence[int]], spacing: Numbers) -> int | None:
    """Return the axis along which the median image has one slice, if that is not the coarsest one anyway.

    Without it, 2D images that are stored as (y, x, 1) would be cut into rows of one voxel.
    """
    is_single = np.median(np.vstack(shapes), 0) == 1
    return None if not is_single.any() or is_single[np.argmax(spacing)] else int(np.argmax(is_single))


def lie_in_different_planes(shapes: Sequence[Sequence[int]]) -> bool:
    """Tell whether every image is a single slice, but not all along the same axis."""
    is_single = np.vstack(shapes) == 1
    return bool(is_single.any(1).all() and not is_single.all(0).any())


def median_resampled_shape(
    spacings: Sequence[Sequence[float]], shapes: Sequence[Sequence[int]], target: Numbers
) -> np.ndarray:
    """Return the median over cases of the resampled shapes, axis by axis; floats that may end in .5."""
    return np.median([compute_new_shape(*case, target) for case in zip(shapes, spacings, strict=True)], 0)


def lower_resolution(spacing: np.ndarray, step: float = 1.03) -> np.ndarray:
    """Return a spacing one step coarser: only its fine axes if another is more than twice as coarse, otherwise all."""
    fine = max(spacing) / spacing > 2
    return np.where(fine, spacing * step, spacing) if fine.any() else spacing * step
