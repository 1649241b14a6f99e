"""Preprocesses cases for training and inference: transpose, crop, normalise, resample."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os.path import isdir, isfile, join
from typing import Any

import numpy as np

from nnunetv2.errors import DatasetLayoutError
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.raw_dataset import channel_names
from nnunetv2.foundation.files import read_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.pathology.stain.intensities_entry import describe_intensities
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.preprocessing.array_checks import check_array
from nnunetv2.preprocessing.case import (
    Case,
    check_plane,
    check_segmentation,
    crop_case,
    in_axis_order,
    read_case,
    requiring_voxels,
)
from nnunetv2.preprocessing.case_checks import channel_problems, raise_first, shape_problems
from nnunetv2.preprocessing.dataset_run import DatasetRun
from nnunetv2.preprocessing.foreground_locations import Locations, classes_to_locate, sample_foreground_locations
from nnunetv2.preprocessing.label_types import compact_labels, signed_labels
from nnunetv2.preprocessing.normalization.channel_normalizers import make_normalizers
from nnunetv2.preprocessing.normalization.default_normalization_schemes import ImageNormalization
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape
from nnunetv2.preprocessing.resumable_folder import ResumableFolder, data_folder
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

# Clients replace this name in this module; it has to be called through it.
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class, require_class
from nnunetv2.utilities.label_handling.label_handling import labels_in_masks
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.preprocessing.cropping.cropping": ("crop_to_nonzero",),
        "nnunetv2.training.dataloading.nnunet_dataset": (
            "comp_blosc2_params",
            "nnUNetDatasetBlosc2",
        ),
    },
)


class DefaultPreprocessor:
    """Preprocesses single cases and whole datasets. Subclasses are found by their name.

    Parameters:
        verbose: accepted for nnU-Net's callers.
    """

    _files: tuple[str, str, dict[str, Any]] | None = None
    reads_only_listed_entries = True
    """Of plans and dataset.json; not inherited: subclasses count as reading all entries (`preprocessing.recipe`)."""
    keep_colours = False
    """Whether cases without labels, too, get the entry that describes the colours of RGB images."""

    def __init__(self, verbose: bool = True):
        self.verbose = verbose
        self.show_progress_bar = True

    def run_case_npy(
        self,
        data: np.ndarray,
        seg: np.ndarray | None,
        properties: dict[str, Any],
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        dataset_json: dict[str, Any] | str,
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """Preprocess arrays, which are left unchanged; `properties` are completed and returned.

        Raises WrongShapeError or InvalidValueError for another form, UnfitImageError if channels or shapes do not fit.

        Parameters:
            data: (C, x, y, z) in the reader's axis order.
            seg: (1, x, y, z), or None at inference.
            properties: at least `spacing`, in the reader's axis order.

        Returns:
            data float32,
            seg int8 or int16, -1 outside the nonzero part of the image; if none was given, 0 inside,
            properties, with the shapes and the box of cropping and, if seg was given, `class_locations`.
        """
        dataset_json = _as_dict(dataset_json)
        check_array(data, properties)
        if self._files is not None:
            image_name, seg_name, seg_properties = self._files
            given = Case(data, seg, properties, seg_properties)
            check_segmentation(given, image_name, seg_name, self._known_labels(given, plans_manager, dataset_json))
        elif seg is not None:
            raise_first(shape_problems(seg, data, "the segmentation", "the image"))
        case = Case(data.astype(np.float32), None if seg is None else seg.copy(), properties)
        return self._preprocess(case, plans_manager, configuration_manager, dataset_json)

    def run_case(
        self,
        image_files: list[str],
        seg_file: str | None,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        dataset_json: dict[str, Any] | str,
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """Read and preprocess the files of a case; returns the same as run_case_npy.

        Raises UnfitImageError if channels, shapes or labels do not fit, ImageProblemError if a file cannot be read. A
        subclass that overrides run_case_npy gets what was read; it is checked where run_case_npy of this class runs. If
        a subclass overrides modify_seg_fn, any labels may be in the file.
        """
        dataset_json = _as_dict(dataset_json)
        case = read_case(image_files, seg_file, plans_manager)
        if type(self).run_case_npy is not _run_case_npy_of_this_package:  # overridden, or replaced by a client
            with self._handing_over(image_files[0], str(seg_file), case.seg_properties):
                return self.run_case_npy(
                    case.data, case.seg, case.properties, plans_manager, configuration_manager, dataset_json
                )
        return self.run_read_case(case, image_files, seg_file, plans_manager, configuration_manager, dataset_json)

    def run_read_case(
        self,
        case: Case,
        image_files: list[str],
        seg_file: str | None,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        dataset_json: dict[str, Any],
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """Check and preprocess what was read, without the copies of run_case_npy: nobody else has these arrays."""
        check_array(case.data, case.properties, image_files[0])
        raise_first(channel_problems(len(case.data), image_files, len(channel_names(dataset_json))))
        known_labels = self._known_labels(case, plans_manager, dataset_json)
        check_segmentation(case, image_files[0], str(seg_file), known_labels)
        return self._preprocess(case, plans_manager, configuration_manager, dataset_json)

    @contextmanager
    def _handing_over(self, image_name: str, seg_name: str, seg_properties: dict[str, Any]) -> Iterator[None]:
        """Let run_case_npy of this class know the files of the arrays that a subclass may hand on to it."""
        self._files = image_name, seg_name, seg_properties
        try:
            yield
        finally:
            self._files = None

    def _known_labels(self, case: Case, plans: PlansManager, dataset_json: dict[str, Any]) -> Sequence[int] | None:
        """Return the labels that the segmentation may have; None if `modify_seg_fn` of a subclass makes them."""
        if case.seg is None or type(self).modify_seg_fn is not _modify_seg_fn_of_this_package:
            return None
        return labels_in_masks(plans.get_label_manager(dataset_json))

    def run_case_save(
        self,
        output_filename_truncated: str,
        image_files: list[str],
        seg_file: str,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        dataset_json: dict[str, Any] | str,
    ) -> None:
        """Preprocess the files of a case and write <output_filename_truncated>.b2nd, _seg.b2nd and .pkl."""
        from nnunetv2.preprocessing.storage.block_shapes import comp_blosc2_params
        from nnunetv2.preprocessing.storage.blosc2_dataset import FAST_CODEC, FAST_LEVEL, nnUNetDatasetBlosc2

        data, seg, properties = self.run_case(image_files, seg_file, plans_manager, configuration_manager, dataset_json)
        data, seg = data.astype(np.float32, copy=False), seg.astype(np.int16, copy=False)
        patch_size = configuration_manager.patch_size
        blocks, chunks = comp_blosc2_params(data.shape, patch_size, data.itemsize)
        blocks_seg, chunks_seg = comp_blosc2_params(seg.shape, patch_size, seg.itemsize)
        shapes = {"blocks": blocks, "chunks": chunks, "blocks_seg": blocks_seg, "chunks_seg": chunks_seg}
        nnUNetDatasetBlosc2.save_case(
            data, seg, properties, output_filename_truncated, **shapes, codec=FAST_CODEC, clevel=FAST_LEVEL
        )

    @staticmethod
    def _sample_foreground_locations(
        seg: np.ndarray,
        classes_or_regions: Sequence[int | Sequence[int]],
        seed: int = 1234,
        verbose: bool = False,
        min_num_samples: int = 10000,
        min_percent_coverage: float = 0.01,
    ) -> Locations:
        """See sample_foreground_locations; `verbose` is accepted for nnU-Net's callers."""
        return sample_foreground_locations(seg, classes_or_regions, seed, min_num_samples, min_percent_coverage)

    def _normalize(
        self,
        data: np.ndarray,
        seg: np.ndarray,
        configuration_manager: ConfigurationManager,
        foreground_intensity_properties_per_channel: dict[str, Any],
    ) -> np.ndarray:
        """Normalise each channel of (C, x, y, z) by its scheme; `data` is overwritten if it is contiguous."""
        properties = foreground_intensity_properties_per_channel
        normalizers = make_normalizers(len(data), configuration_manager, properties, find_normalization)
        result = data if data.flags.c_contiguous else np.empty(data.shape, dtype=data.dtype)
        for index, normalizer in enumerate(normalizers):
            result[index] = normalizer.run(data[index], seg[0])
        return result

    def modify_seg_fn(
        self,
        seg: np.ndarray,
        plans_manager: PlansManager,
        dataset_json: dict[str, Any],
        configuration_manager: ConfigurationManager,
    ) -> np.ndarray:
        """Return the resampled seg of a training case as it is to be stored; a hook for subclasses."""
        return seg

    def run(
        self,
        dataset_name_or_id: int | str,
        configuration_name: str,
        plans_identifier: str,
        num_processes: int,
    ) -> None:
        """Preprocess a raw dataset for one configuration of its plans.

        Cases that were finished with the same plans, code and files are kept; anything else in the folder is removed.
        Raises CaseFailedError naming the case that failed; the next run continues with the others.
        """
        dataset_name = maybe_convert_to_dataset_name(dataset_name_or_id)
        plans, dataset_json = _load_plans(dataset_name, plans_identifier)
        configuration = plans.get_configuration(configuration_name)
        cases = get_filenames_of_train_images_and_targets(join(nnUNet_raw, dataset_name), dataset_json)
        target = ResumableFolder(data_folder(nnUNet_preprocessed / dataset_name, configuration.data_identifier))
        run = DatasetRun(self, target, plans, configuration, dataset_json)
        run.store_all(cases, num_processes, f"preprocessing {configuration_name}")

    def _preprocess(
        self, case: Case, plans: PlansManager, configuration: ConfigurationManager, dataset_json: dict[str, Any]
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        has_labels = case.seg is not None
        case.data = in_axis_order(case.data, plans.transpose_forward)
        if case.seg is not None:
            case.seg = in_axis_order(signed_labels(case.seg), plans.transpose_forward)
        check_plane(case, plans.transpose_forward, len(configuration.spacing))
        crop_case(case)
        assert case.seg is not None  # cropping makes one
        spacing = [case.properties["spacing"][axis] for axis in plans.transpose_forward]
        target_spacing = [*spacing[: len(spacing) - len(configuration.spacing)], *configuration.spacing]
        new_shape = compute_new_shape(case.data.shape[1:], spacing, target_spacing)
        statistics = plans.foreground_intensity_properties_per_channel
        if has_labels or self.keep_colours:
            uses_mask = any(configuration.use_mask_for_norm)
            case.properties |= describe_intensities(case.data, configuration.normalization_schemes, uses_mask)
        case.data = self._normalize(case.data, case.seg, configuration, statistics)
        with requiring_voxels(case, new_shape, spacing, target_spacing):
            case.data = configuration.resampling_fn_data(case.data, new_shape, spacing, target_spacing)
            case.seg = configuration.resampling_fn_seg(case.seg, new_shape, spacing, target_spacing)
        if has_labels:
            classes = classes_to_locate(plans.get_label_manager(dataset_json))
            locations = self._sample_foreground_locations(case.seg, classes, verbose=self.verbose)
            case.properties["class_locations"] = locations
            case.seg = self.modify_seg_fn(case.seg, plans, dataset_json, configuration)
        return case.data, compact_labels(case.seg), case.properties


_run_case_npy_of_this_package = DefaultPreprocessor.run_case_npy
_modify_seg_fn_of_this_package = DefaultPreprocessor.modify_seg_fn


def _as_dict(dataset_json: dict[str, Any] | str) -> dict[str, Any]:
    return dataset_json if isinstance(dataset_json, dict) else read_json(dataset_json, MODEL_DATASET)


def find_normalization(name: str) -> Any:
    """Return the class of a normalisation scheme; SettingsError if there is none of this name."""
    package = "nnunetv2.preprocessing.normalization"
    return require_class(package, name, "normalization scheme", ImageNormalization, recursive_find_python_class)


def _load_plans(dataset_name: str, plans_identifier: str) -> tuple[PlansManager, dict[str, Any]]:
    raw_folder = join(nnUNet_raw, dataset_name)
    if not isdir(raw_folder):
        raise DatasetLayoutError(f"raw dataset not found: {raw_folder}")
    plans_file = join(nnUNet_preprocessed, dataset_name, plans_identifier + ".json")
    if not isfile(plans_file):
        raise DatasetLayoutError(f"plans not found: {plans_file}; run nnUNetv2_plan_experiment first")
    dataset_json = read_json(join(nnUNet_preprocessed, dataset_name, "dataset.json"), MODEL_DATASET)
    return PlansManager(plans_file), dataset_json
