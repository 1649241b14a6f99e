"""First steps with a case: read it, check it, bring it into the axis order of the plans, cut it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.case_checks import check_channels, check_label_shape, check_label_values
from nnunetv2.preprocessing.cropping.cropping import crop_to_nonzero
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager


@dataclass
class Case:
    """The arrays of a case on their way; nothing else refers to them, so each step frees what it replaces."""

    data: np.ndarray
    seg: np.ndarray | None
    properties: dict[str, Any]


def read_case(
    image_files: Sequence[str], seg_file: str | None, plans_manager: PlansManager, dataset_json: dict[str, Any]
) -> Case:
    """Read the files of a case and check that channels, shapes and labels fit."""
    reader = plans_manager.image_reader_writer_class()
    data, properties = reader.read_images(image_files)
    check_channels(data, image_files, dataset_json)
    if seg_file is None:
        return Case(data, None, properties)
    seg, _ = reader.read_seg(seg_file)
    check_label_shape(seg, data, seg_file, image_files)
    labels = plans_manager.get_label_manager(dataset_json)
    ignored = [] if labels.ignore_label is None else [labels.ignore_label]
    check_label_values(seg, [*labels.all_labels, *ignored], seg_file)
    return Case(data, seg, properties)


def transpose_and_crop(case: Case, transpose_forward: Sequence[int]) -> list[float]:
    """Bring the case into the axis order of the plans, cut it, note the shapes; return the transposed spacing."""
    if case.seg is not None and case.seg.shape[1:] != case.data.shape[1:]:
        raise UnfitImageError(f"segmentation of shape {case.seg.shape}, its image has {case.data.shape}")
    axes = (0, *(axis + 1 for axis in transpose_forward))
    case.data = case.data.transpose(axes)
    if case.seg is not None:
        signed = case.seg.astype(np.int64) if case.seg.dtype.kind == "u" else case.seg
        case.seg = signed.transpose(axes)
    case.properties["shape_before_cropping"] = case.data.shape[1:]
    case.data, case.seg, box = crop_to_nonzero(case.data, case.seg)
    case.properties["bbox_used_for_cropping"] = box
    case.properties["shape_after_cropping_and_before_resampling"] = case.data.shape[1:]
    return [case.properties["spacing"][axis] for axis in transpose_forward]


@contextmanager
def requiring_voxels(
    case: Case, new_shape: np.ndarray, spacing: Sequence[float], target_spacing: Sequence[float]
) -> Iterator[None]:
    """Raise UnfitImageError if resampling the case fails at, or has led to, a shape without voxels."""
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
        f"the image is too small: its shape {shape}, cut to what is not zero, at spacing {before} becomes"
        f" {tuple(map(int, new_shape))} at the spacing of the plans, {after}"
    )


def signed_label_type(seg: np.ndarray) -> type[np.signedinteger]:
    """Type for the labels of a preprocessed case: 8 bits, or 16 from a label of 128; UnfitImageError above 32767."""
    largest = np.max(seg)
    if largest > np.iinfo(np.int16).max:
        raise UnfitImageError(
            f"found label {largest:.0f}; preprocessed cases hold labels up to {np.iinfo(np.int16).max}"
        )
    return np.int16 if largest > np.iinfo(np.int8).max else np.int8


def classes_to_locate(plans_manager: PlansManager, dataset_json: dict[str, Any]) -> list[int | Sequence[int]]:
    """Classes whose voxels are noted; with an ignore label also everything that is annotated."""
    labels = plans_manager.get_label_manager(dataset_json)
    classes: list[Any] = list(labels.foreground_regions if labels.has_regions else labels.foreground_labels)
    if labels.has_ignore_label:
        classes.append([-1, *labels.all_labels])
    return classes
