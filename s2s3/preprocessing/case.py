"""A case being preprocessed: how it is read, brought into the axis order of the plans and cropped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.case_checks import (
    label_channel_problems,
    label_problems,
    orientation_tag_problems,
    raise_first,
    shape_problems,
)
from nnunetv2.preprocessing.cropping.cropping import crop_to_nonzero
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager


@dataclass
class Case:
    """Arrays of a case being preprocessed. Nothing else refers to them, so each step frees what it replaces."""

    data: np.ndarray
    seg: np.ndarray | None
    properties: dict[str, Any]
    seg_properties: dict[str, Any] = field(default_factory=dict)


def read_case(image_files: Sequence[str], seg_file: str | None, plans_manager: PlansManager) -> Case:
    """Read the files of a case; what they contain is checked by those who rely on it."""
    reader = plans_manager.image_reader_writer_class()
    data, properties = reader.read_images(image_files)
    if seg_file is None:
        return Case(data, None, properties)
    seg, seg_properties = reader.read_seg(seg_file)
    return Case(data, seg, properties, seg_properties)


def check_segmentation(case: Case, image_name: str, seg_name: str, known_labels: Sequence[int] | None) -> None:
    """Raise UnfitImageError unless the segmentation of a case, if it has one, fits its image and has known labels.

    Parameters:
        image_name, seg_name: for the message.
        known_labels: None to accept any label.
    """
    if case.seg is None:
        return
    raise_first(shape_problems(case.seg, case.data, seg_name, image_name))
    properties = case.properties, case.seg_properties
    raise_first(orientation_tag_problems(*properties, case.seg.shape[1:], (image_name, seg_name)))
    raise_first(label_channel_problems(case.seg, seg_name))
    if known_labels is not None:
        raise_first(label_problems(case.seg, known_labels, seg_name))


def in_axis_order(array: np.ndarray, transpose_forward: Sequence[int]) -> np.ndarray:
    """Return a view of `array` (C, x, y, z) with its spatial axes in the order of the plans."""
    return array.transpose(0, *(axis + 1 for axis in transpose_forward))


def check_plane(case: Case, transpose_forward: Sequence[int], num_axes_of_patch: int) -> None:
    """Refuse a case, in the axis order of the plans, that 2D patches would cut into rows of one voxel.

    That is an image whose single slice lies along another axis than those that the plans were made for.
    """
    shape = case.data.shape[1:]
    if num_axes_of_patch != 2 or shape[0] == 1 or 1 not in shape[1:]:
        return
    found, expected = transpose_forward[shape.index(1)], transpose_forward[0]
    stored = tuple(shape[list(transpose_forward).index(axis)] for axis in range(len(shape)))
    raise UnfitImageError(
        f"the image has shape {stored}, a single slice along axis {found} of (z, y, x), but these plans are for slices "
        f"along axis {expected}; store it in the plane of the training images"
    )


def crop_case(case: Case) -> None:
    """Cut the case to its nonzero box; note box and shapes in the properties. Without labels, seg becomes the mask."""
    case.properties["shape_before_cropping"] = case.data.shape[1:]
    case.data, case.seg, case.properties["bbox_used_for_cropping"] = crop_to_nonzero(case.data, case.seg)
    case.properties["shape_after_cropping_and_before_resampling"] = case.data.shape[1:]


@contextmanager
def requiring_voxels(
    case: Case, new_shape: np.ndarray, spacing: Sequence[float], target_spacing: Sequence[float]
) -> Iterator[None]:
    """Raise UnfitImageError if resampling the case, inside this context, leaves no voxels or fails because of that."""
    try:
        yield
        if 0 not in case.data.shape:
            return
    except Exception:
        if 0 not in new_shape:
            raise
    before, after = (" x ".join(f"{size:g}" for size in sizes) for sizes in (spacing, target_spacing))
    shape = case.properties["shape_after_cropping_and_before_resampling"]
    raise UnfitImageError(
        f"the image is too small: its nonzero part has shape {shape} at spacing {before}, which becomes"
        f" {tuple(map(int, new_shape))} at the spacing of the plans, {after}"
    )
