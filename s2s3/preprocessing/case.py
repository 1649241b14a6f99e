"""A case being preprocessed: how it is read, brought into the axis order of the plans and cropped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.case_checks import (
    channel_problems,
    label_channel_problems,
    label_problems,
    orientation_tag_problems,
    raise_first,
    shape_problems,
)
from nnunetv2.preprocessing.cropping.cropping import crop_to_nonzero
from nnunetv2.utilities.label_handling.label_meaning import labels_in_masks
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from nnunetv2.utilities.raw_dataset import channel_names


@dataclass
class Case:
    """Arrays of a case being preprocessed. Nothing else refers to them, so each step frees what it replaces."""

    data: np.ndarray
    seg: np.ndarray | None
    properties: dict[str, Any]


def read_case(
    image_files: Sequence[str], seg_file: str | None, plans_manager: PlansManager, dataset_json: dict[str, Any]
) -> Case:
    """Read the files of a case and check that channels, shapes and labels fit."""
    reader = plans_manager.image_reader_writer_class()
    data, properties = reader.read_images(image_files)
    raise_first(channel_problems(len(data), image_files, len(channel_names(dataset_json))))
    if seg_file is None:
        return Case(data, None, properties)
    seg, of_seg = reader.read_seg(seg_file)
    raise_first(shape_problems(seg, data, seg_file, image_files[0]))
    raise_first(orientation_tag_problems(properties, of_seg, seg.shape[1:], (image_files[0], seg_file)))
    raise_first(label_channel_problems(seg, seg_file))
    raise_first(label_problems(seg, labels_in_masks(plans_manager.get_label_manager(dataset_json)), seg_file))
    return Case(data, seg, properties)


def in_axis_order(array: np.ndarray, transpose_forward: Sequence[int]) -> np.ndarray:
    """Return a view of `array` (C, x, y, z) with its spatial axes in the order of the plans."""
    return array.transpose(0, *(axis + 1 for axis in transpose_forward))


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
