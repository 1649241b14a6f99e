"""Preprocesses a 2D case without labels for a prediction that needs only a part of it at a time.

Where a step needs the whole image at once, the case is preprocessed as any other.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnunetv2.file_kinds.raw_dataset import channel_names
from nnunetv2.foundation.replaced_parts import OriginalParts
from nnunetv2.imageio.base_reader_writer import stack_channels
from nnunetv2.imageio.row_images import RowImage
from nnunetv2.pathology.stain.intensities_entry import describe_intensities
from nnunetv2.preprocessing.array_checks import check_array
from nnunetv2.preprocessing.case import Case
from nnunetv2.preprocessing.case_checks import channel_problems, raise_first
from nnunetv2.preprocessing.normalization.channel_normalizers import make_normalizers
from nnunetv2.preprocessing.normalization.plane_scaling import Scale, plane_scales
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor, find_normalization
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape
from nnunetv2.preprocessing.stored_plane import Box, StoredPlane, StoredRows, nonzero_box, rows_of
from nnunetv2.utilities.plans_handling.model_description import ModelDescription

_OVERRIDABLE = ("run_case", "run_case_npy", "_normalize", "_preprocess", "run_read_case")
_OF_THIS_PACKAGE = OriginalParts.of(DefaultPreprocessor, _OVERRIDABLE)
_RESAMPLING = "nnunetv2.preprocessing.resampling."


def run_plane_case(
    image_files: Sequence[str], model: ModelDescription, preprocessor: Any
) -> tuple[StoredPlane | np.ndarray, dict[str, Any]]:
    """Read and preprocess the images of a case as `run_case` does; return a StoredPlane where that is possible.

    It has the same values, in the type of the files until they are asked for. Raises the errors of run_case.
    """
    files = list(image_files)
    if not _keeps_to_the_default(preprocessor):
        data, _, properties = preprocessor.run_case(files, None, model.plans, model.configuration, model.dataset_json)
        return data, properties
    reader = model.plans.image_reader_writer_class()
    images, properties = reader.read_in_rows(files)
    plane = _stored_plane(images, properties, files, model)
    if plane is not None and preprocessor.keep_colours:
        properties |= _described(plane, model)
    if plane is not None:
        return plane, properties
    if any(isinstance(image, RowImage) for image in images):
        images, properties = reader.read_stored(files)
    case = Case(stack_channels(images, files), None, properties)
    del images
    data, _, properties = preprocessor.run_read_case(
        case, files, None, model.plans, model.configuration, model.dataset_json
    )
    return data, properties


def _described(plane: StoredPlane, model: ModelDescription) -> dict[str, Any]:
    """Return the entry for the properties that describes the colours of an RGB image."""
    uses_mask = any(model.configuration.use_mask_for_norm)
    rows = StoredRows(plane.images, plane.box)
    return describe_intensities(rows, model.configuration.normalization_schemes, uses_mask)


def _keeps_to_the_default(preprocessor: Any) -> bool:
    return type(preprocessor) is DefaultPreprocessor and _OF_THIS_PACKAGE.are_in_use(preprocessor)


def _stored_plane(
    images: Sequence[np.ndarray | RowImage], properties: dict[str, Any], files: Sequence[str], model: ModelDescription
) -> StoredPlane | None:
    """Return the case, None if it cannot be kept so; complete the properties if it can."""
    if not _are_upright_planes(images) or not _are_planned_for_planes(model):
        return None
    for image in images:
        if not isinstance(image, RowImage):
            check_array(image, properties, files[0])
    raise_first(channel_problems(sum(map(len, images)), files, len(channel_names(model.dataset_json))))
    box = nonzero_box(images)
    shape = tuple(end - first for first, end in box)
    if _is_resampled(shape, properties, model):
        return None
    plane = _normalised(images, box, model)
    if plane is not None:
        properties["shape_before_cropping"] = images[0].shape[1:]
        properties["bbox_used_for_cropping"] = box
        properties["shape_after_cropping_and_before_resampling"] = shape
    return plane


def _are_upright_planes(images: Sequence[np.ndarray | RowImage]) -> bool:
    """Tell whether all images are 2D, of one shape, and have their pixels row after row in memory."""
    return all(isinstance(image, RowImage) or _is_upright_plane(image) for image in images) and all(
        image.shape[1:] == images[0].shape[1:] for image in images
    )


def _is_upright_plane(image: Any) -> bool:
    return (
        isinstance(image, np.ndarray)
        and image.ndim == 4
        and image.size > 0
        and image.shape[1] == 1
        and image.strides[2] >= image.strides[3] * image.shape[3] > 0
    )


def _are_planned_for_planes(model: ModelDescription) -> bool:
    return len(model.configuration.spacing) == 2 and list(model.plans.transpose_forward) == [0, 1, 2]


def _is_resampled(shape: Sequence[int], properties: dict[str, Any], model: ModelDescription) -> bool:
    """Tell whether image or logits will be resampled, or handed to a function of a client, which may change them."""
    spacing = properties["spacing"]
    target = [spacing[0], *model.configuration.spacing]
    functions = (model.configuration.resampling_fn_data, model.configuration.resampling_fn_probabilities)
    of_others = any(
        not getattr(function, "func", function).__module__.startswith(_RESAMPLING) for function in functions
    )
    return of_others or tuple(compute_new_shape(shape, spacing, target)) != tuple(shape)


def _normalised(images: Sequence[np.ndarray | RowImage], box: Box, model: ModelDescription) -> StoredPlane | None:
    statistics = model.plans.foreground_intensity_properties_per_channel
    normalizers = make_normalizers(sum(map(len, images)), model.configuration, statistics, find_normalization)
    scales: list[Scale] = []
    for image in images:
        of_image = plane_scales(normalizers[len(scales) : len(scales) + len(image)], rows_of(image, box))
        if of_image is None:
            return None
        scales += of_image
    return StoredPlane(tuple(images), box, tuple(scales))
