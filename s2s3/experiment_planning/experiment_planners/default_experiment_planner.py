"""ExperimentPlanner: from the fingerprint of a dataset to its plans.json.

The arithmetic is in other modules of this package; the class calls its own methods, each of which planners outside this
package may override.
"""

import logging
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import ArgumentError, DatasetError, DatasetLayoutError, SettingsError
from nnunetv2.experiment_planning.companion_files import take_over_domain_files, take_over_splits
from nnunetv2.experiment_planning.experiment_planners.configuration_planning import ConfigurationPlanning
from nnunetv2.experiment_planning.experiment_planners.configuration_set import ConfigurationSet
from nnunetv2.experiment_planning.experiment_planners.planner_defaults import PlannerDefaults
from nnunetv2.experiment_planning.experiment_planners.plans_file import check_plans_name, write_plans
from nnunetv2.experiment_planning.experiment_planners.spacing_statistics import (
    axis_first,
    coarsest_axis_first,
    fullres_target_spacing,
    lie_in_different_planes,
    median_resampled_shape,
    single_slice_axis,
)
from nnunetv2.file_kinds.dataset_files import EXISTING_FINGERPRINT, FINGERPRINT
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.file_kinds.raw_dataset import read_dataset_json
from nnunetv2.foundation.files import copy_file, make_folder, read_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.json_export import recursive_fix_for_json_export
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets
from s1.json_files import check_json

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.configuration": ("ANISO_THRESHOLD",),
        "nnunetv2.experiment_planning.experiment_planners.network_topology": ("get_pool_and_conv_props",),
        "nnunetv2.preprocessing.normalization.map_channel_name_to_normalization": ("get_normalization_scheme",),
        "nnunetv2.preprocessing.resampling.default_resampling": (
            "compute_new_shape",
            "resample_data_or_seg_to_shape",
        ),
        "nnunetv2.utilities.default_n_proc_DA": ("get_allowed_n_proc_DA",),
        "nnunetv2.utilities.get_network_from_plans": ("get_network_from_plans",),
    },
)

_log = logging.getLogger(__name__)


class ExperimentPlanner(PlannerDefaults, ConfigurationPlanning):
    """Plans a plain U-Net for 8 GB of GPU memory.

    All parameters of planning are attributes set by `__init__`; derived planners change them after `super().__init__`.
    Requires dataset.json of the raw dataset and its fingerprint.

    Raises:
        DatasetError: the fingerprint is missing.
        DatasetLayoutError: dataset.json is missing or malformed, or `overwrite_target_spacing` is not a list of three
            floats.
    """

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 8,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetPlans",
        overwrite_target_spacing: list[float] | tuple[float, ...] | None = None,
        suppress_transpose: bool = False,
    ):
        self.dataset_name = maybe_convert_to_dataset_name(dataset_name_or_id)
        self.suppress_transpose = suppress_transpose
        self._read_dataset()
        self._set_memory_defaults(_checked_memory(gpu_memory_target_in_gb))
        self._set_network_defaults()
        self.lowres_creation_threshold = 0.25
        self.preprocessor_name = preprocessor_name
        self.plans_identifier = plans_name
        self.overwrite_target_spacing = _checked_spacing(overwrite_target_spacing)
        self.plans: dict[str, Any] | None = None
        take_over_splits(self.raw_dataset_folder, self._preprocessed_folder)

    def _read_dataset(self) -> None:
        self.raw_dataset_folder = os.path.join(nnUNet_raw, self.dataset_name)
        self.dataset_json = read_dataset_json(self.raw_dataset_folder)
        self.dataset = get_filenames_of_train_images_and_targets(self.raw_dataset_folder, self.dataset_json)
        self.dataset_fingerprint = _read_fingerprint(self._preprocessed_folder / "dataset_fingerprint.json")

    @property
    def _preprocessed_folder(self) -> Path:
        return nnUNet_preprocessed / self.dataset_name

    def determine_reader_writer(self) -> type["BaseReaderWriter"]:
        """Return the reader class that can read the first training image."""
        first = next(iter(self.dataset.values()))
        return determine_reader_writer_from_dataset_json(self.dataset_json, first["images"][0])

    def determine_fullres_target_spacing(self) -> np.ndarray:
        """Return the spacing that images are resampled to, axes as in the files."""
        if self.overwrite_target_spacing is not None:
            return np.array(self.overwrite_target_spacing)
        fingerprint = self.dataset_fingerprint
        return fullres_target_spacing(
            fingerprint["spacings"], fingerprint["shapes_after_crop"], self.anisotropy_threshold
        )

    def determine_transpose(self) -> tuple[list[int], list[int]]:
        """Return the axis order for training, coarsest axis first, and its inverse.

        If the images are single slices, the axis of the slice comes first, unless the target spacing is given. Raises
        DatasetError if not all of them have it along the same axis.
        """
        target = self.determine_fullres_target_spacing()
        if self.suppress_transpose:
            return list(range(len(target))), list(range(len(target)))
        slice_axis = None if self.overwrite_target_spacing is not None else self._single_slice_axis(target)
        if slice_axis is None:
            return coarsest_axis_first(target)
        _log.info("The images have a single slice along axis %d of (z, y, x): planning 2D images", slice_axis)
        return axis_first(slice_axis)

    def _single_slice_axis(self, target: np.ndarray) -> int | None:
        shapes = self.dataset_fingerprint["shapes_after_crop"]
        if lie_in_different_planes(shapes):
            counts = [f"{count} along axis {axis}" for axis, count in enumerate(np.sum(np.vstack(shapes) == 1, 0))]
            raise DatasetError(
                f"{self.dataset_name}: every image is a single slice, but not along the same axis of (z, y, x): "
                f"{', '.join(counts)}. Store all of them in the same plane."
            )
        return single_slice_axis(shapes, target)

    def plan_experiment(self) -> dict[str, Any]:
        """Plan all configurations, save the plans and return them, merged with those of an existing plans file."""
        fingerprint = self._checked_fingerprint()
        forward, backward = self.determine_transpose()
        target = self.determine_fullres_target_spacing()
        configurations = ConfigurationSet(self, target[forward], self._median_shape_at(target)[forward]).plan()
        median_spacing = np.median(fingerprint["spacings"], 0)[forward]
        median_shape = np.median(fingerprint["shapes_after_crop"], 0)[forward]
        self.plans = {
            "dataset_name": self.dataset_name,
            "plans_name": self.plans_identifier,
            "original_median_spacing_after_transp": [float(edge) for edge in median_spacing],
            "original_median_shape_after_transp": [round(edge) for edge in median_shape],
            "image_reader_writer": self.determine_reader_writer().__name__,
            "transpose_forward": forward,
            "transpose_backward": backward,
            "configurations": configurations,
            "experiment_planner_used": type(self).__name__,
            "label_manager": "LabelManager",
            "foreground_intensity_properties_per_channel": fingerprint["foreground_intensity_properties_per_channel"],
        }
        self.save_plans(self.plans)
        return self.plans

    def _checked_fingerprint(self) -> dict[str, Any]:
        """Return the fingerprint; DatasetError if it is not what this class plans by."""
        file = self._preprocessed_folder / "dataset_fingerprint.json"
        check_json(self.dataset_fingerprint, file, FINGERPRINT, DatasetError)
        return self.dataset_fingerprint

    def _median_shape_at(self, spacing: np.ndarray) -> np.ndarray:
        fingerprint = self.dataset_fingerprint
        shape = median_resampled_shape(fingerprint["spacings"], fingerprint["shapes_after_crop"], spacing)
        if not shape.all():
            raise SettingsError(f"at the spacing {spacing.tolist()} the median image has {shape.tolist()} voxels")
        return shape

    def save_plans(self, plans: dict[str, Any]) -> None:
        """Write plans, dataset.json and the domain files; `plans` is changed to what was written."""
        check_plans_name(self.plans_identifier)
        recursive_fix_for_json_export(plans)
        folder = make_folder(self._preprocessed_folder, "nnUNet_preprocessed")
        copy_file(Path(self.raw_dataset_folder) / "dataset.json", folder / "dataset.json")
        take_over_domain_files(self.raw_dataset_folder, folder, self.dataset)
        write_plans(plans, folder / f"{self.plans_identifier}.json")
        _log.info("Plans were saved to %s", folder / f"{self.plans_identifier}.json")

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return the name of the folder with the preprocessed data of a configuration."""
        return f"{self.plans_identifier}_{configuration_name}"

    def load_plans(self, fname: str) -> None:
        """Read plans from a file."""
        self.plans = read_json(fname, PLANS)


def _read_fingerprint(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise DatasetError(f"no fingerprint: {file} does not exist. Run nnUNetv2_extract_fingerprint first.")
    fingerprint: dict[str, Any] = read_json(file, EXISTING_FINGERPRINT, DatasetError)
    return fingerprint


def _checked_memory(gigabytes: float) -> float:
    if not 0 < gigabytes < math.inf:
        raise ArgumentError(f"GPU memory target is {gigabytes} GB, expected a positive number")
    return gigabytes


def _checked_spacing(spacing: list[float] | tuple[float, ...] | None) -> list[float] | tuple[float, ...] | None:
    if spacing is None:
        return None
    if len(spacing) != 3 or not all(isinstance(edge, float) for edge in spacing):
        raise DatasetLayoutError(f"overwrite_target_spacing is {spacing!r}, expected three floats, one per axis")
    if not all(0 < edge < math.inf for edge in spacing):
        raise ArgumentError(f"overwrite_target_spacing is {spacing!r}, expected positive numbers")
    return spacing
