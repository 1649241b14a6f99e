"""Labels of logits that are resampled one class at a time, so that many classes need the memory of one.

Each voxel gets the label that it gets from all resampled logits at once: the first of the largest ones, or that of the
last region whose probability is above one half.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nnunetv2.inference.label_conversion import labels_of_channels, looks_at_single_voxels
from nnunetv2.preprocessing.resampling import default_resampling
from nnunetv2.utilities.helpers import sigmoid_helper
from nnunetv2.utilities.label_handling.label_handling import LabelManager

Resample = Callable[[Any], np.ndarray]
"""(K, a, b, c) -> (K, x, y, z)"""
_VOXELS_AT_ONCE = 2**20


def goes_class_by_class(label_manager: LabelManager, resampling_function: Any) -> bool:
    """Tell whether a class can be resampled and compared by itself, with the bits of all classes together.

    A client's label manager or resampling may mix classes.
    """
    own_labels = looks_at_single_voxels(label_manager)
    if own_labels and label_manager.has_regions:
        own_labels = label_manager.inference_nonlin is sigmoid_helper
    function = getattr(resampling_function, "func", resampling_function)
    own_resampling = function is default_resampling.resample_data_or_seg_to_shape
    return own_labels and own_resampling and default_resampling.ORIGINALS.are_in_use()


def write_labels_class_by_class(
    segmentation: np.ndarray, logits: Any, resample: Resample, label_manager: LabelManager
) -> None:
    """Fill a segmentation (x, y, z), which is 0 everywhere, from logits (K, a, b, c), a tensor or an array.

    Raises WrongShapeError for another number of channels than the labels need.
    """
    label_manager.convert_logits_to_segmentation(np.zeros((len(logits), 1, 1, 1), np.float32))  # checks the channels
    resampled = (resample(logits[number : number + 1])[0] for number in range(len(logits)))
    if label_manager.has_regions:
        _write_regions(segmentation, resampled, label_manager)
    else:
        _write_largest(segmentation, resampled, labels_of_channels(label_manager, len(logits)))


def _write_regions(segmentation: np.ndarray, resampled: Iterator[np.ndarray], label_manager: LabelManager) -> None:
    for logits, label in zip(resampled, label_manager.regions_class_order or (), strict=False):
        for slab in _slabs(logits.shape):
            inside = label_manager.apply_inference_nonlin(logits[slab]).cpu().numpy() > 0.5
            segmentation[slab][inside] = label


def _write_largest(segmentation: np.ndarray, resampled: Iterator[np.ndarray], labels: np.ndarray | None) -> None:
    largest = next(resampled)
    segmentation[...] = 0 if labels is None else labels[0]
    for number, logits in enumerate(resampled, start=1):
        for slab in _slabs(logits.shape):
            value, best = logits[slab].astype(np.float32), largest[slab].astype(np.float32)
            is_larger = (value > best) | (np.isnan(value) & ~np.isnan(best))
            segmentation[slab][is_larger] = number if labels is None else labels[number]
            largest[slab][is_larger] = logits[slab][is_larger]


def _slabs(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    axis = int(np.argmax(shape))
    thickness = max(1, _VOXELS_AT_ONCE * shape[axis] // max(1, int(np.prod(shape))))
    for start in range(0, shape[axis], thickness):
        yield (*(slice(None),) * axis, slice(start, start + thickness))
