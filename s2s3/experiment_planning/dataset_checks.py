"""What can be wrong with a raw dataset as a whole: folders, names, counts, labels, domains."""

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.domains.dataset_domains import read_dataset_domains
from nnunetv2.errors import DatasetLayoutError, DomainMapError
from nnunetv2.utilities.label_handling.label_handling import LabelManager, labels_in_masks
from nnunetv2.utilities.utils import channel_gaps
from s1.case_names import composed
from s1.file_endings import JPEG_ENDINGS, label_ending
from s1.listed_files import is_hidden
from s1.readable_files import hindrance

_MOST_NAMES = 5
_log = logging.getLogger(__name__)

Dataset = Mapping[str, Mapping[str, Any]]


def count_problems(dataset: Dataset, dataset_json: Mapping[str, Any]) -> list[str]:
    """Compare the number of cases with `numTraining`; there has to be at least one."""
    expected = dataset_json["numTraining"]
    if len(dataset) == expected > 0:
        return []
    names = ", ".join(list(dataset)[:_MOST_NAMES]) or "none"
    return [
        f"dataset.json: numTraining is {expected}, found {len(dataset)} cases ({names}"
        f"{', ...' if len(dataset) > _MOST_NAMES else ''}); correct numTraining or the folder imagesTr"
    ]


def missing_files(dataset: Dataset) -> list[str]:
    """Return a line for every image and label that does not exist or is no file."""
    return [
        f"{what} of case {case} {_is_missing(path) if not os.path.lexists(path) else f'{path}: {hindrance(path)}'}"
        for case, files in dataset.items()
        for what, path in (*(("image", image) for image in files["images"]), ("label", files["label"]))
        if not Path(path).is_file()
    ]


def _is_missing(path: str) -> str:
    """Say so, and why a label that was saved as JPEG does not count."""
    stem, ending = os.path.splitext(path)
    is_jpeg = ending == ".png" and any(os.path.isfile(stem + jpeg) for jpeg in JPEG_ENDINGS)
    hint = "; JPEG changes values, so the labels of JPEG images are PNG files" if is_jpeg else ""
    return f"is missing: {path}{hint}"


def orphan_labels(dataset: Dataset, labels_folder: Path, file_ending: str) -> list[str]:
    """Return a line for each label file that does not belong to a case."""
    known = {composed(Path(files["label"]).name) for files in dataset.values()}
    names = sorted(name for name in os.listdir(labels_folder) if name.endswith(file_ending) and not is_hidden(name))
    return [f"{labels_folder.name}/{name}: no image belongs to it" for name in names if composed(name) not in known]


def channel_number_problems(dataset: Dataset, file_ending: str) -> list[str]:
    """Check that the files of each case are numbered 0000, 0001, ... without a gap."""
    return [line for case, files in dataset.items() for line in channel_gaps(case, files["images"], file_ending)]


def refuse_lost_cases(folder: str | os.PathLike[str], dataset_json: Mapping[str, Any], dataset: Dataset) -> None:
    """Raise DatasetLayoutError for channels and images that are missing from imagesTr and would be left out in silence.

    An image counts as missing if there are fewer cases than `numTraining` and its label is there. If the numbers alone
    differ, this is logged.
    """
    if "dataset" in dataset_json:  # names all files, each of which has to be there
        return
    expected, ending, labels = dataset_json["numTraining"], dataset_json["file_ending"], Path(folder) / "labelsTr"
    problems = channel_number_problems(dataset, ending)
    if len(dataset) < expected and labels.is_dir():
        problems += orphan_labels(dataset, labels, label_ending(ending))
    if problems:
        raise DatasetLayoutError(
            f"{folder}: images are missing; restore them, or remove labels without an image and correct numTraining",
            problems,
        )
    if len(dataset) != expected:
        _log.warning("%s/dataset.json: numTraining is %d, but there are %d cases", folder, expected, len(dataset))


def name_problems(dataset: Dataset) -> list[str]:
    """Check that no case ends in `_seg`: preprocessed segmentations are stored under such names."""
    return [f"case {case}: the name ends in _seg; rename its files" for case in dataset if case.endswith("_seg")]


def label_gap_problems(labels: LabelManager) -> list[str]:
    """Check that all values, including those of regions and the ignore label, are 0, 1, 2, ... without a gap."""
    values = labels_in_masks(labels)
    missing = sorted(set(range(max(values) + 1)) - set(values))
    if not missing:
        return []
    return [f"dataset.json: labels are {values}, expected consecutive numbers; {missing} missing"]


def domain_problems(folder: Path, cases: Iterable[str]) -> list[str]:
    """Check domains.json, groups.json and prism_dd.json."""
    try:
        read_dataset_domains(folder, cases=map(str, cases))
    except DomainMapError as error:
        return [line.strip() for line in str(error).splitlines()]
    return []
