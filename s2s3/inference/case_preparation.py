"""Preprocesses single cases for prediction. Runs in worker processes, so it does not import torch."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.inference.array_handoff import HandedArray, hand_over, take
from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot

if TYPE_CHECKING:
    from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

PathLike = str | os.PathLike[str]


def prepare_files(
    image_files: Sequence[PathLike],
    previous_stage_file: PathLike | None,
    plans_manager: "PlansManager",
    configuration_manager: "ConfigurationManager",
    dataset_json: dict[str, Any],
    preprocessor: Any,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Read and preprocess one case.

    `preprocessor` has the methods of DefaultPreprocessor.
    Returns the network's input, float32 (C, x, y, z) with the one-hot segmentation of the previous stage appended, and
    the properties that the export needs.
    """
    data, seg, properties = preprocessor.run_case(
        [os.fspath(file) for file in image_files],
        None if previous_stage_file is None else os.fspath(previous_stage_file),
        plans_manager,
        configuration_manager,
        dataset_json,
    )
    if previous_stage_file is not None:
        data = _append_previous_stage(data, seg, plans_manager, dataset_json)
    return data, properties


def prepare_array(
    image: np.ndarray,
    previous_stage: np.ndarray | None,
    properties: dict[str, Any],
    plans_manager: "PlansManager",
    configuration_manager: "ConfigurationManager",
    dataset_json: dict[str, Any],
    preprocessor: Any,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Preprocess one image in memory, (C, x, y, z); adds to `properties`. Returns the same as `prepare_files`."""
    data, seg, properties = preprocessor.run_case_npy(
        image, previous_stage, properties, plans_manager, configuration_manager, dataset_json
    )
    if previous_stage is not None:
        data = _append_previous_stage(data, seg, plans_manager, dataset_json)
    return data, properties


def prepare_in_worker(folder: str, function: Any, *arguments: Any) -> tuple[HandedArray, dict[str, Any]]:
    """Call `prepare_files` or `prepare_array` in a worker; return the array through a file in `folder`."""
    data, properties = function(*map(take, arguments))
    return hand_over(data, folder), properties


def _append_previous_stage(
    data: np.ndarray, seg: np.ndarray, plans_manager: "PlansManager", dataset_json: dict[str, Any]
) -> np.ndarray:
    """Append one channel per foreground label; all other voxels (0, -1) are zero in every channel."""
    foreground_labels = plans_manager.get_label_manager(dataset_json).foreground_labels
    return np.vstack((data, convert_labelmap_to_one_hot(seg[0], foreground_labels, data.dtype)))
