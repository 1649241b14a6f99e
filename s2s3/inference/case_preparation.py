"""Preprocesses single cases for prediction. Runs in worker processes, so it does not import torch."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnunetv2.inference.array_handoff import HandedArray, hand_over, take
from nnunetv2.preprocessing.plane_case import run_plane_case
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot
from nnunetv2.utilities.plans_handling.model_description import ModelDescription

PathLike = str | os.PathLike[str]


def prepare_files(
    image_files: Sequence[PathLike], previous_stage_file: PathLike | None, model: ModelDescription, preprocessor: Any
) -> tuple[np.ndarray, dict[str, Any]]:
    """Read and preprocess one case.

    `preprocessor` has the methods of DefaultPreprocessor.
    Returns the network's input, float32 (C, x, y, z) with the one-hot segmentation of the previous stage appended, and
    the properties that the export needs.
    """
    data, seg, properties = preprocessor.run_case(
        [os.fspath(file) for file in image_files],
        None if previous_stage_file is None else os.fspath(previous_stage_file),
        model.plans,
        model.configuration,
        model.dataset_json,
    )
    return data if previous_stage_file is None else _with_previous_stage(data, seg, model), properties


def prepare_files_in_parts(
    image_files: Sequence[PathLike], previous_stage_file: PathLike | None, model: ModelDescription, preprocessor: Any
) -> tuple[np.ndarray | StoredPlane, dict[str, Any]]:
    """Like `prepare_files`, but return a StoredPlane where the image can be normalised part by part."""
    if previous_stage_file is not None:
        return prepare_files(image_files, previous_stage_file, model, preprocessor)
    return run_plane_case([os.fspath(file) for file in image_files], model, preprocessor)


def prepare_array(
    image: np.ndarray,
    previous_stage: np.ndarray | None,
    properties: dict[str, Any],
    model: ModelDescription,
    preprocessor: Any,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Preprocess one image in memory, (C, x, y, z); adds to `properties`. Returns the same as `prepare_files`."""
    data, seg, properties = preprocessor.run_case_npy(
        image, previous_stage, properties, model.plans, model.configuration, model.dataset_json
    )
    return data if previous_stage is None else _with_previous_stage(data, seg, model), properties


def prepare_in_worker(folder: str, function: Any, *arguments: Any) -> tuple[HandedArray | StoredPlane, dict[str, Any]]:
    """Call a function of this module in a worker; return the arrays through files in `folder`, see `taken`."""
    data, properties = function(*map(take, arguments))
    if isinstance(data, StoredPlane):
        return data.with_images(lambda image: hand_over(image, folder, as_in_memory=True)), properties
    return hand_over(data, folder), properties


def taken(data: Any) -> Any:
    """Return what a worker has prepared, with the arrays of its files."""
    return data.with_images(take) if isinstance(data, StoredPlane) else take(data)


def _with_previous_stage(data: np.ndarray, seg: np.ndarray, model: ModelDescription) -> np.ndarray:
    """Append one channel per foreground label; all other voxels (0, -1) are zero in every channel."""
    return np.vstack((data, convert_labelmap_to_one_hot(seg[0], model.labels.foreground_labels, data.dtype)))
