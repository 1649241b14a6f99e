"""What can be wrong with a raw dataset as a whole: folders, names, counts, labels, domains."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import DomainMapError
from nnunetv2.experiment_planning.companion_files import check_domains, check_groups
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.label_handling.label_meaning import labels_in_masks
from s1.file_endings import JPEG_ENDINGS
from s1.listed_files import is_hidden
from s1.readable_files import hindrance

_CHANNEL = re.compile(r"_(\d{4})$")
_MOST_NAMES = 5

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
    known = {Path(files["label"]).name for files in dataset.values()}
    names = sorted(name for name in os.listdir(labels_folder) if name.endswith(file_ending) and not is_hidden(name))
    return [f"{labels_folder.name}/{name}: no image belongs to it" for name in names if name not in known]


def channel_problems(dataset: Dataset, file_ending: str) -> list[str]:
    """Check that the files of each case are numbered 0000, 0001, ... without a gap."""
    problems = []
    for case, files in dataset.items():
        found = [match[1] for path in files["images"] if (match := _CHANNEL.search(path[: -len(file_ending)]))]
        expected = [f"{number:04d}" for number in range(len(found))]
        if found != expected:
            missing = [number for number in expected if number not in found]
            problems.append(f"case {case}: channel files {', '.join(found)}, missing {', '.join(missing)}")
    return problems


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
    """Check domains.json and groups.json."""
    cases = [str(case) for case in cases]
    problems = []
    checks: tuple[Callable[[Path, list[str]], None], ...] = (check_domains, check_groups)
    for check in checks:
        try:
            check(folder, cases)
        except DomainMapError as error:
            problems += [line.strip() for line in str(error).splitlines()]
    return problems
