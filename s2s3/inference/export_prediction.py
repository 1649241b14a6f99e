"""Converts logits to segmentations in the geometry of the original image, and writes them.

As in nnU-Net, the logits (not probabilities) are resampled, then converted to labels, pasted into the uncropped image
and transposed back.
"""

import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, List, Union  # noqa: F401, UP035 - names of nnU-Net's module

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import load_json, save_pickle  # noqa: F401 - as above

from nnunetv2.configuration import default_num_processes
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.foundation.files import read_json
from nnunetv2.foundation.large_zeros import large_zeros
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.safe_loading.safe_arrays import open_npy
from nnunetv2.foundation.torch_threads import torch_threads
from nnunetv2.inference.channelwise_labels import goes_class_by_class, write_labels_class_by_class
from nnunetv2.inference.export_geometry import require_export_geometry
from nnunetv2.inference.label_conversion import Zeros, label_dtype, labels_and_probabilities, looks_at_single_voxels
from nnunetv2.inference.output_files import arriving_together, write_npz
from nnunetv2.inference.probability_rows import StoredProbabilities
from nnunetv2.preprocessing.resampling.linear_parts import partwise_resampled
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from s1.file_endings import label_ending

if TYPE_CHECKING:
    import torch

# Other people's code looks for these names here, where nnU-Net imports them; they would bring torch and blosc2 into
# the processes that export.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "acvl_utils.cropping_and_padding.bounding_boxes": ("insert_crop_into_image",),
        "nnunetv2.preprocessing.storage.blosc2_dataset": ("nnUNetDatasetBlosc2",),
        "nnunetv2.preprocessing.storage.block_shapes": ("comp_blosc2_params",),
    },
    {"torch": "torch"},
)

PathLike = str | os.PathLike[str]
_Model = tuple[PlansManager, ConfigurationManager, LabelManager]


def convert_predicted_logits_to_segmentation_with_correct_shape(
    predicted_logits: "np.ndarray | torch.Tensor",
    plans_manager: PlansManager,
    configuration_manager: ConfigurationManager,
    label_manager: LabelManager,
    properties_dict: dict[str, Any],
    return_probabilities: bool = False,
    num_threads_torch: int = default_num_processes,
) -> Any:
    """Return the segmentation in the original geometry, (x, y, z) uint8 (uint16 if labels need it).

    With `return_probabilities`, return segmentation and probabilities, float32 (K, x, y, z). Outside the crop, class 0
    has probability 1 (label models) or all channels are 0 (region models).

    Parameters:
        predicted_logits: (K, x, y, z) in the geometry of the preprocessed image.
        properties_dict: the properties that preprocessing returned for this image.

    Raises InvalidValueError if the properties contradict each other or need more than the free memory.
    """
    require_export_geometry(properties_dict, 4 * len(predicted_logits) if return_probabilities else 1)
    model = plans_manager, configuration_manager, label_manager
    with torch_threads(num_threads_torch):
        segmentation, probabilities = _converted(predicted_logits, model, properties_dict, return_probabilities)
    return segmentation if probabilities is None else (segmentation, probabilities)


_convert_of_this_package = convert_predicted_logits_to_segmentation_with_correct_shape


def _converted(
    logits: "np.ndarray | torch.Tensor",
    model: _Model,
    properties: dict[str, Any],
    with_probabilities: bool,
    zeros: Zeros = np.zeros,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return segmentation and probabilities in the original geometry; `zeros` makes the array of the latter."""
    plans, configuration, labels = model
    segmentation, probabilities = _segment(
        logits,
        _resampling_to_crop(plans, configuration, properties),
        labels,
        (properties["shape_before_cropping"], properties["bbox_used_for_cropping"]),
        with_probabilities,
        zeros,
    )
    backward = list(plans.transpose_backward)
    if probabilities is not None:
        probabilities = probabilities.transpose([0, *(axis + 1 for axis in backward)])
    return segmentation.transpose(backward), probabilities


@dataclass(frozen=True)
class _Resampling:
    function: Callable[..., Any]
    shape: Sequence[int]
    spacings: tuple[Sequence[float], Sequence[float]]
    """Of the logits and of the result."""

    def __call__(self, logits: "np.ndarray | torch.Tensor") -> np.ndarray:
        """Return logits (K, a, b, c) in the shape."""
        resampled = self.function(logits, self.shape, *self.spacings)
        return resampled if isinstance(resampled, np.ndarray) else resampled.cpu().numpy()


def _resampling_to_crop(
    plans_manager: PlansManager, configuration_manager: ConfigurationManager, properties: dict[str, Any]
) -> _Resampling:
    spacing = [properties["spacing"][axis] for axis in plans_manager.transpose_forward]
    shape = properties["shape_after_cropping_and_before_resampling"]
    spacings = _network_spacing(configuration_manager, spacing), spacing
    return _Resampling(configuration_manager.resampling_fn_probabilities, shape, spacings)


def _segment(
    logits: "np.ndarray | torch.Tensor",
    resampling: _Resampling,
    label_manager: LabelManager,
    geometry: tuple[Sequence[int], Sequence[Sequence[int]]],
    with_probabilities: bool,
    zeros: Zeros = np.zeros,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return segmentation and probabilities of the whole image.

    Logits are resampled a part at a time if that is linear; otherwise one class after the other, if only labels are
    wanted.

    Parameters:
        geometry: shape of the whole image, and the box of the logits in it.
    """
    shape, box = geometry
    is_resampled = tuple(logits.shape[1:]) != tuple(map(int, resampling.shape))
    if is_resampled and looks_at_single_voxels(label_manager):
        parts = partwise_resampled(resampling.function, logits, resampling.shape, *resampling.spacings)
        if parts is not None:
            return labels_and_probabilities(parts, label_manager, shape, box, with_probabilities, zeros)
    if with_probabilities or not is_resampled or not goes_class_by_class(label_manager, resampling.function):
        return labels_and_probabilities(resampling(logits), label_manager, shape, box, with_probabilities, zeros)
    segmentation = np.zeros(tuple(shape), dtype=label_dtype(label_manager))
    inside = tuple(slice(int(first), int(end)) for first, end in box)
    write_labels_class_by_class(segmentation[inside], logits, resampling, label_manager)
    return segmentation, None


def _network_spacing(configuration_manager: ConfigurationManager, case_spacing: Sequence[float]) -> list[float]:
    """Return the spacing of the logits; a 2D configuration keeps the case's spacing along the first axis."""
    spacing = list(configuration_manager.spacing)
    return spacing if len(spacing) == len(case_spacing) else [case_spacing[0], *spacing]


def _load_if_file(values: "np.ndarray | torch.Tensor | PathLike") -> "np.ndarray | torch.Tensor":
    return np.array(open_npy(values)) if isinstance(values, str | os.PathLike) else values


def as_dict(content_or_file: "dict[str, Any] | PathLike") -> dict[str, Any]:
    """Return the content of a JSON file, given as its content or its path."""
    return content_or_file if isinstance(content_or_file, dict) else read_json(content_or_file, MODEL_DATASET)


def export_prediction_from_logits(
    predicted_array_or_file: "np.ndarray | torch.Tensor | PathLike",
    properties_dict: dict[str, Any],
    configuration_manager: ConfigurationManager,
    plans_manager: PlansManager,
    dataset_json_dict_or_file: "dict[str, Any] | PathLike",
    output_file_truncated: PathLike,
    save_probabilities: bool = False,
    num_threads_torch: int = default_num_processes,
) -> None:
    """Write `<name><ending of labels>`; with `save_probabilities`, write `<name>.npz` and `<name>.pkl` before it.

    The npz holds float32 `probabilities` (K, x, y, z), the pkl the properties. No file ever appears incomplete. Large
    probabilities wait in a file in TMPDIR. Logits may also be given as the path of an .npy file.
    """
    dataset_json = as_dict(dataset_json_dict_or_file)
    model = plans_manager, configuration_manager, plans_manager.get_label_manager(dataset_json)
    logits = _load_if_file(predicted_array_or_file)
    if save_probabilities and convert_predicted_logits_to_segmentation_with_correct_shape is _convert_of_this_package:
        segmentation, probabilities = _converted_to_write(logits, model, properties_dict, num_threads_torch)
    else:
        converted = convert_predicted_logits_to_segmentation_with_correct_shape(
            logits,
            *model,
            properties_dict,
            return_probabilities=save_probabilities,
            num_threads_torch=num_threads_torch,
        )
        segmentation, probabilities = converted if save_probabilities else (converted, None)
    write_case(segmentation, probabilities, properties_dict, plans_manager, dataset_json, output_file_truncated)


def _converted_to_write(
    logits: "np.ndarray | torch.Tensor", model: _Model, properties: dict[str, Any], num_threads: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return segmentation and probabilities, of which large ones are not in memory."""
    require_export_geometry(properties, 1)
    with torch_threads(num_threads):
        return _converted(logits, model, properties, True, large_zeros)


def write_picture(segmentation: np.ndarray, probabilities: StoredProbabilities | None, *case: Any) -> None:
    """Write the files of a case that needs no conversion any more; arguments as of `write_case`.

    The file of the probabilities is removed, also if the case cannot be written.
    """
    try:
        write_case(segmentation, probabilities, *case)
    finally:
        if probabilities is not None:
            probabilities.remove()


def write_case(
    segmentation: np.ndarray,
    probabilities: np.ndarray | StoredProbabilities | None,
    properties_dict: dict[str, Any],
    plans_manager: PlansManager,
    dataset_json: dict[str, Any],
    output_file_truncated: PathLike,
) -> None:
    """Write the files of `export_prediction_from_logits`, for a segmentation (x, y, z) in the original geometry."""
    target = Path(output_file_truncated)
    name = f"{target.name}{label_ending(dataset_json['file_ending'])}"
    with arriving_together(target.parent, last=name) as folder:
        if probabilities is not None:
            write_npz({"probabilities": probabilities}, folder / f"{target.name}.npz")
            with open(folder / f"{target.name}.pkl", "wb") as stream:
                pickle.dump(properties_dict, stream)
        writer = plans_manager.image_reader_writer_class()
        writer.write_seg(segmentation, str(folder / name), properties_dict)


def resample_and_save(
    predicted: "np.ndarray | torch.Tensor | PathLike",
    target_shape: Sequence[int],
    output_file: PathLike,
    plans_manager: PlansManager,
    configuration_manager: ConfigurationManager,
    properties_dict: dict[str, Any],
    dataset_json_dict_or_file: "dict[str, Any] | PathLike",
    num_threads_torch: int = default_num_processes,
    dataset_class: Any = None,
) -> None:
    """Write the segmentation that the next stage of a cascade takes as input.

    Parameters:
        predicted: logits of this stage, (K, x, y, z).
        target_shape: spatial shape of the case as preprocessed for the next stage.
        output_file: path without ending; the dataset class adds its own (blosc2 by default).
    """
    label_manager = plans_manager.get_label_manager(as_dict(dataset_json_dict_or_file))
    spacing = _network_spacing(
        configuration_manager, [properties_dict["spacing"][axis] for axis in plans_manager.transpose_forward]
    )
    with torch_threads(num_threads_torch):
        resampling = _Resampling(configuration_manager.resampling_fn_probabilities, target_shape, (spacing, spacing))
        whole = [(0, length) for length in target_shape]
        segmentation, _ = _segment(_load_if_file(predicted), resampling, label_manager, (target_shape, whole), False)
    if dataset_class is None:
        from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2 as dataset_class
    dataset_class.save_seg(segmentation, os.fspath(output_file))
