"""Checks a raw dataset before anything is computed from it, and lists everything that is wrong in one error."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunetv2.errors import DatasetError, DatasetLayoutError, MissingFileError, SettingsError
from nnunetv2.experiment_planning.case_inspection import CaseFindings, inspect_case, inspect_labels
from nnunetv2.experiment_planning.dataset_checks import (
    Dataset,
    channel_number_problems,
    count_problems,
    domain_problems,
    label_gap_problems,
    missing_files,
    name_problems,
    orphan_labels,
)
from nnunetv2.file_kinds.raw_dataset import channel_names, read_dataset_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.workers import run_cases
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
from nnunetv2.utilities.label_handling.label_handling import LabelManager, labels_in_masks
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets
from s1.file_endings import label_ending

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__, {"nnunetv2.imageio.base_reader_writer": ("BaseReaderWriter",), "nnunetv2.paths": ("nnUNet_raw",)}
)

_EXAMPLES = 5
_log = logging.getLogger(__name__)


def verify_labels(label_file: str, readerclass: type["BaseReaderWriter"], expected_labels: list[int]) -> bool:
    """Tell whether a label file contains expected values only; log the others."""
    segmentation, _ = readerclass().read_seg(label_file)
    return _report(inspect_labels(segmentation, label_file, expected_labels))


def check_cases(
    image_files: list[str], label_file: str, expected_num_channels: int, readerclass: type["BaseReaderWriter"]
) -> bool:
    """Tell whether images and label of a case fit together and contain no NaN; log what is wrong."""
    return _report(inspect_case(image_files, label_file, expected_num_channels, None, readerclass))


def _report(findings: CaseFindings) -> bool:
    for line in findings.problems + findings.remarks:
        _log.warning("%s", line)
    return not findings.problems


def verify_dataset_integrity(folder: str, num_processes: int = 8) -> None:
    """Check a raw dataset: dataset.json, files, labels, images, domains.json and groups.json.

    Logs remarks: a differing orientation, masks of background only, labels without an image.

    Parameters:
        folder: `nnUNet_raw/DatasetXXX_Name`.
        num_processes: workers; 0 works in this process.

    Raises:
        MissingFileError: files that the key `dataset` of dataset.json names do not exist.
        DatasetLayoutError: problems of dataset.json, folders, names, labels or domains; lists all others too.
        DatasetError: problems of images or masks only.
    """
    dataset_json = read_dataset_json(folder)
    if "dataset" not in dataset_json:
        _check_folders(Path(folder))
    if "channel_names" not in dataset_json:
        _log.warning("%s/dataset.json: 'modality' is the old name of 'channel_names'; it is read as such", folder)
    dataset = get_filenames_of_train_images_and_targets(folder, dataset_json)
    labels = LabelManager(dataset_json["labels"], dataset_json.get("regions_class_order"))
    absent = missing_files(dataset)
    problems = _layout_problems(Path(folder), dataset_json, dataset, labels)
    findings = _inspect_cases(dataset, dataset_json, labels, num_processes)
    for remark in (*_orphans(Path(folder), dataset_json, dataset), *findings.remarks):
        _log.warning("%s", remark)
    _raise_all(folder, "dataset" in dataset_json, absent, problems, findings.problems)
    _log.info("%s: %d cases checked, no problem found", folder, len(dataset))


def _check_folders(folder: Path) -> None:
    absent = [f"folder missing: {folder / name}" for name in ("imagesTr", "labelsTr") if not (folder / name).is_dir()]
    if absent:
        raise DatasetLayoutError("; ".join(absent))


def _layout_problems(
    folder: Path, dataset_json: Mapping[str, Any], dataset: Dataset, labels: LabelManager
) -> list[str]:
    problems = count_problems(dataset, dataset_json) + name_problems(dataset) + label_gap_problems(labels)
    if "dataset" not in dataset_json:
        problems += channel_number_problems(dataset, dataset_json["file_ending"])
    return problems + domain_problems(folder, dataset)


def _orphans(folder: Path, dataset_json: Mapping[str, Any], dataset: Dataset) -> list[str]:
    if "dataset" in dataset_json:
        return []
    return orphan_labels(dataset, folder / "labelsTr", label_ending(dataset_json["file_ending"]))


def _inspect_cases(
    dataset: Dataset, dataset_json: dict[str, Any], labels: LabelManager, num_processes: int
) -> CaseFindings:
    """Inspect all cases whose files exist."""
    complete = {case: files for case, files in dataset.items() if not missing_files({case: files})}
    if not complete:
        return CaseFindings()
    expected, channels = labels_in_masks(labels), len(channel_names(dataset_json))
    reader = _reader_for(dataset_json, complete)
    tasks = [(case, (files["images"], files["label"], channels, expected, reader)) for case, files in complete.items()]
    return sum(run_cases(inspect_case, tasks, num_processes, "integrity check"), CaseFindings())


def _reader_for(dataset_json: dict[str, Any], dataset: Dataset) -> type["BaseReaderWriter"]:
    """Return the reader for the first of a few images that any can read, otherwise the one for the file ending."""
    for files in islice(dataset.values(), _EXAMPLES):
        with suppress(SettingsError):
            return determine_reader_writer_from_dataset_json(dataset_json, files["images"][0], verbose=False)
    return determine_reader_writer_from_dataset_json(dataset_json, verbose=False)


def _raise_all(
    folder: str, files_are_named: bool, absent: Sequence[str], layout: Sequence[str], cases: Sequence[str]
) -> None:
    """Raise the class that nnU-Net's callers expect, with all problems."""
    problems = [*absent, *layout, *cases]
    if not problems:
        return
    summary = f"{folder}: {len(problems)} problems"
    if absent and files_are_named:
        raise MissingFileError("\n  ".join([summary, *problems]))
    if len(problems) == 1:
        summary, problems = problems[0] if folder in problems[0] else f"{folder}: {problems[0]}", []
    raise (DatasetLayoutError if absent or layout else DatasetError)(summary, problems)
