"""Converts the logits of a crop to the segmentation of the whole image, slab by slab to save memory."""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.foundation.replaced_parts import OriginalParts
from nnunetv2.preprocessing.resampling.linear_parts import PartwiseResampled
from nnunetv2.utilities.label_handling.label_handling import LabelManager

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Zeros = Callable[..., np.ndarray]
"""np.zeros or another function with its arguments."""
VOXELS_PER_SLAB = 2**20
_RESAMPLED_PER_SLAB = 2**20
"""Logits of all channels that are resampled at a time where only labels are wanted.

The last bits of probabilities depend on how many are computed at a time.
"""
_OF_THIS_PACKAGE = OriginalParts.of(
    LabelManager,
    ("convert_logits_to_segmentation", "convert_probabilities_to_segmentation", "apply_inference_nonlin"),
)


def looks_at_single_voxels(label_manager: LabelManager) -> bool:
    """Tell whether the label of a voxel depends on its logits alone, by nobody's own label manager or methods."""
    return type(label_manager) is LabelManager and _OF_THIS_PACKAGE.are_in_use(label_manager)


def labels_and_probabilities(
    logits: np.ndarray | PartwiseResampled,
    label_manager: LabelManager,
    shape: Sequence[int],
    bounding_box: Sequence[Sequence[int]],
    with_probabilities: bool,
    zeros: Zeros = np.zeros,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return segmentation and probabilities (None unless requested) of the whole image.

    Parameters:
        logits: (K, x, y, z) inside the bounding box. What is resampled part by part needs labels that look at single
            voxels.
        shape: (X, Y, Z) of the whole image.
        bounding_box: [first, end) along each axis of the whole image.
        zeros: makes the array of the probabilities.

    Outside the box everything is background: label 0; probability 1 in channel 0, or 0 everywhere for regions.
    """
    inside = tuple(slice(int(first), int(end)) for first, end in bounding_box)
    segmentation = np.zeros(tuple(shape), dtype=label_dtype(label_manager))
    background = zeros((logits.shape[0], *shape), dtype=np.float32) if with_probabilities else None
    probabilities = None if background is None else _all_background(background, label_manager)
    write_labels(
        segmentation[inside],
        logits,
        label_manager,
        None if probabilities is None else probabilities[(slice(None), *inside)],
    )
    return segmentation, probabilities


def write_labels(
    segmentation: np.ndarray,
    logits: np.ndarray | PartwiseResampled,
    label_manager: LabelManager,
    probabilities: np.ndarray | None = None,
) -> None:
    """Fill a segmentation (x, y, z) and, if they are given, probabilities (K, x, y, z) from logits (K, x, y, z)."""
    labels = labels_of_channels(label_manager, logits.shape[0])
    is_resampled = isinstance(logits, PartwiseResampled) and probabilities is None
    voxels = max(1, _RESAMPLED_PER_SLAB // len(logits)) if is_resampled else VOXELS_PER_SLAB
    for slab in _slabs(logits.shape[1:], label_manager, voxels):
        part = logits[(slice(None), *slab)]
        if probabilities is None:
            channels = label_manager.convert_logits_to_segmentation(part)
        else:
            part = label_manager.apply_inference_nonlin(part).cpu().numpy()
            probabilities[(slice(None), *slab)] = part
            channels = label_manager.convert_probabilities_to_segmentation(part)
        segmentation[slab] = channels if labels is None else labels[channels]


def probabilities_to_labels(probabilities: np.ndarray, label_manager: LabelManager) -> np.ndarray:
    """Return the segmentation (x, y, z) of probabilities (K, x, y, z)."""
    labels = labels_of_channels(label_manager, probabilities.shape[0])
    segmentation = np.zeros(probabilities.shape[1:], dtype=label_dtype(label_manager))
    for slab in _slabs(probabilities.shape[1:], label_manager, VOXELS_PER_SLAB):
        channels = label_manager.convert_probabilities_to_segmentation(probabilities[(slice(None), *slab)])
        segmentation[slab] = channels if labels is None else labels[channels]
    return segmentation


def label_dtype(label_manager: LabelManager) -> "DTypeLike":
    """Return uint8, or uint16 for 255 or more foreground labels or label values above 255."""
    values = [*label_manager.all_labels, *(label_manager.regions_class_order or ())]
    return np.uint8 if len(label_manager.foreground_labels) < 255 and max(values) < 256 else np.uint16


def labels_of_channels(label_manager: LabelManager, num_channels: int) -> np.ndarray | None:
    """Return the label of each channel, or None if channel numbers are the labels."""
    labels = [int(label) for label in label_manager.all_labels]
    if label_manager.has_regions or len(labels) != num_channels or labels == list(range(num_channels)):
        return None
    return np.array(labels)


def _all_background(probabilities: np.ndarray, label_manager: LabelManager) -> np.ndarray:
    if not label_manager.has_regions:
        probabilities[0] = 1
    return probabilities


def _slabs(shape: Sequence[int], label_manager: LabelManager, voxels: int) -> Iterator[tuple[Any, ...]]:
    """Yield index tuples that together cover `shape`; only one for custom label managers, which may use neighbours."""
    if not looks_at_single_voxels(label_manager):
        yield (slice(None),)
        return
    axis = int(np.argmax(shape))
    thickness = max(1, voxels * shape[axis] // max(1, prod(shape)))
    for start in range(0, shape[axis], thickness):
        yield (*(slice(None),) * axis, slice(start, start + thickness))
