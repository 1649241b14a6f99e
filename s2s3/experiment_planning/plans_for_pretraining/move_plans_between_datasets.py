"""Copies the plans of one dataset to another, so that a network trained on the first fits the second."""

import logging
from argparse import Namespace
from collections.abc import Sequence
from os.path import isdir, isfile, join
from typing import Any

from nnunetv2.errors import DatasetLayoutError, MissingFileError
from nnunetv2.experiment_planning.experiment_planners.plans_file import check_plans_name
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.file_kinds.raw_dataset import channel_names, read_dataset_json
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.experiment_planning.plans_for_pretraining.move_plans_command": (
            "entry_point_move_plans_between_datasets",
        ),
        "nnunetv2.imageio.reader_writer_registry": ("determine_reader_writer_from_dataset_json",),
        "nnunetv2.utilities.utils": ("get_filenames_of_train_images_and_targets",),
    },
)

_log = logging.getLogger(__name__)


def move_plans_between_datasets(
    source_dataset_name_or_id: int | str,
    target_dataset_name_or_id: int | str,
    source_plans_identifier: str,
    target_plans_identifier: str | None = None,
) -> None:
    """Write the source's plans into the preprocessed folder of the target, overwriting plans of that name.

    The reader becomes that of the target, and data identifiers are renamed if the plans are. Everything else is copied,
    including normalisation, intensities and topology.

    Raises:
        DatasetLayoutError: the source has no preprocessed folder or no such plans.
        MissingFileError: the target has no preprocessed folder.
        SettingsError: the new name is not one for plans.
    """
    check_plans_name(target_plans_identifier or source_plans_identifier)
    source = maybe_convert_to_dataset_name(source_dataset_name_or_id)
    target = maybe_convert_to_dataset_name(target_dataset_name_or_id)
    plans = _read_source_plans(source, source_plans_identifier)
    target_folder = join(nnUNet_preprocessed, target)
    if not isdir(target_folder):
        raise MissingFileError(f"{target_folder} does not exist. Run nnUNetv2_extract_fingerprint for {target} first.")
    plans_name = target_plans_identifier or source_plans_identifier
    if plans_name != source_plans_identifier:
        for configuration in plans["configurations"].values():
            if "data_identifier" in configuration:
                configuration["data_identifier"] = renamed_identifier(
                    configuration["data_identifier"], source_plans_identifier, plans_name
                )
    plans["dataset_name"], plans["plans_name"] = target, plans_name
    dataset_json = read_dataset_json(join(nnUNet_raw, target))
    _warn_of_other_channels(plans, channel_names(dataset_json), target)
    plans["image_reader_writer"] = _reader_name(target, dataset_json)
    write_json(plans, join(target_folder, f"{plans_name}.json"))


def _read_source_plans(source: str, plans_identifier: str) -> dict[str, Any]:
    folder = join(nnUNet_preprocessed, source)
    file = join(folder, f"{plans_identifier}.json")
    for path, exists in ((folder, isdir), (file, isfile)):
        if not exists(path):
            raise DatasetLayoutError(f"{path} does not exist. Plan {source} first (nnUNetv2_plan_experiment).")
    return read_json(file, PLANS)


def renamed_identifier(data_identifier: str, old_plans: str, new_plans: str) -> str:
    """Return the folder name of preprocessed data with the name of the plans replaced or, if absent, prepended."""
    if data_identifier.startswith(old_plans):
        return new_plans + data_identifier[len(old_plans) :]
    return f"{new_plans}_{data_identifier}"


def _warn_of_other_channels(plans: dict[str, Any], channels: Sequence[str], target: str) -> None:
    """Log if the plans normalise another number of channels than the target has; its images cannot be preprocessed."""
    counts = {len(entry["normalization_schemes"]) for entry in plans["configurations"].values() if _normalises(entry)}
    if counts - {len(channels)}:
        _log.warning(
            "%s has %d channel(s) (%s), these plans normalise %s: its images cannot be preprocessed with them, nor a "
            "network for the one start from the weights of the other",
            target,
            len(channels),
            ", ".join(channels),
            " or ".join(map(str, sorted(counts))),
        )


def _normalises(configuration: dict[str, Any]) -> bool:
    return isinstance(configuration.get("normalization_schemes"), list)


def _reader_name(dataset_name: str, dataset_json: dict[str, Any]) -> str:
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    folder = join(nnUNet_raw, dataset_name)
    dataset = get_filenames_of_train_images_and_targets(folder, dataset_json)
    example = next(iter(dataset.values()))["images"][0]
    reader = determine_reader_writer_from_dataset_json(dataset_json, example, allow_nonmatching_filename=True)
    return reader.__name__


def move_as_asked(arguments: Namespace) -> None:
    """Copy plans as the arguments of `nnUNetv2_move_plans_between_datasets` ask."""
    move_plans_between_datasets(arguments.s, arguments.t, arguments.sp, arguments.tp)
