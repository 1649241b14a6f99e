"""The cases in a folder, and the files of a case: `<case>_<four digits><ending>`, one file per channel."""

import os
import re
from collections.abc import Iterable
from os.path import abspath, expandvars, isabs, join
from typing import Any

import numpy as np

from nnunetv2.errors import DatasetLayoutError, InvalidValueError, MissingFileError
from nnunetv2.file_kinds.dataset_files import DATASET
from nnunetv2.foundation.files import read_json
from nnunetv2.foundation.late_names import late_names
from s1.case_names import ByName, same_names
from s1.dataset_file import dataset_file
from s1.file_endings import label_ending
from s1.json_files import check_json
from s1.listed_files import ListedFiles, as_on_disk, list_files

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.paths": ("nnUNet_raw",)})

_CHANNEL = re.compile(r"_\d\d\d\d")
_CHANNEL_LENGTH = len("_0000")
_MOST_FILES_NAMED = 20


def get_identifiers_from_splitted_dataset_folder(folder: str, file_ending: str) -> np.ndarray:
    """Return the sorted case names of a folder of channel files; hidden files (`.x`, `._x` of macOS) are no cases.

    Raises DatasetLayoutError, which names files without a channel, with the ending in other capitals, and what cannot
    be read as a file.
    """
    return np.array(list(_cases_in_folder(folder, file_ending)), dtype=str)


def _cases_in_folder(folder: str, file_ending: str) -> dict[str, list[str]]:
    """Return the paths of the files of each case, in channel order, from one listing of the folder."""
    listed = _list_folder(folder, file_ending.lower(), ignore_case=True)
    names = _without_problems(listed.ending_in(file_ending))
    strays = [name for name in names if _split_name(name, file_ending) is None]
    strays += [name for name in listed.names if not name.endswith(file_ending)]
    if strays:
        raise DatasetLayoutError(
            f"{folder}: {len(strays)} file(s) do not follow <case>_<four digits>{file_ending}; rename or remove them:",
            strays[:_MOST_FILES_NAMED],
        )
    cases = _by_case(folder, names, file_ending)
    alike = same_names(cases)
    if alike:
        raise DatasetLayoutError(f"{folder}: names of cases look the same:", alike)
    return cases


def _by_case(folder: str, names: Iterable[str], file_ending: str) -> dict[str, list[str]]:
    """Return the paths of files by case, both sorted; names without a channel are left out."""
    paths: dict[str, list[str]] = {}
    for name in names:
        case_and_channel = _split_name(name, file_ending)
        if case_and_channel is not None:
            paths.setdefault(case_and_channel[0], []).append(join(folder, name))
    return dict(sorted(paths.items()))


def _list_folder(folder: str, file_ending: str, ignore_case: bool = False) -> ListedFiles:
    if not os.path.isdir(folder):
        raise MissingFileError(f"folder of images not found: {folder}")
    return list_files(folder, file_ending, ignore_case)


def files_in_folder(folder: str | os.PathLike[str], file_ending: str) -> list[str]:
    """Return the sorted names of the files with an ending, without hidden ones.

    Raises DatasetLayoutError, which names folders, pipes, devices and lost links with this ending, and pairs of names
    that differ in Unicode form only.
    """
    return _without_problems(list_files(folder, file_ending))


def _without_problems(listed: ListedFiles) -> list[str]:
    if listed.problems:
        raise DatasetLayoutError(
            f"{listed.folder}: not every entry is a case; remove or rename these:", listed.problems
        )
    return listed.names


def _split_name(name: str, file_ending: str) -> tuple[str, str] | None:
    """Return case and channel of a file name, None if it has no four-digit channel or another ending."""
    if not name.endswith(file_ending):
        return None
    stem = name[: len(name) - len(file_ending)]
    if len(stem) <= _CHANNEL_LENGTH or not _CHANNEL.fullmatch(stem, len(stem) - _CHANNEL_LENGTH):
        return None
    return stem[:-_CHANNEL_LENGTH], stem[1 - _CHANNEL_LENGTH :]


def channel_gaps(case: str, files: Iterable[str], file_ending: str) -> list[str]:
    """Return a line if the files of a case, named as in a folder, do not have the channels 0000, 0001, ..."""
    split = (_split_name(os.path.basename(file), file_ending) for file in files)
    found = [case_and_channel[1] for case_and_channel in split if case_and_channel is not None]
    missing = [channel for channel in (f"{number:04d}" for number in range(len(found))) if channel not in found]
    return [f"case {case}: channel files {', '.join(found)}, missing {', '.join(missing)}"] if missing else []


def create_paths_fn(folder: str, files: Iterable[str], file_ending: str, f: str) -> list[str]:
    """Return the paths of those of `files` that are channels of case `f`, in the order given."""
    return [join(folder, name) for name in files if (_split_name(name, file_ending) or ("", ""))[0] == f != ""]


def create_lists_from_splitted_dataset_folder(
    folder: str, file_ending: str, identifiers: Iterable[str] | None = None, num_processes: int = 12
) -> list[list[str]]:
    """Return for each case the paths of its files in channel order; an empty list for a case without files.

    The folder is listed once, in this process: `num_processes` is accepted, but not used.
    """
    if identifiers is None:
        return list(_cases_in_folder(folder, file_ending).values())
    known = ByName(_by_case(folder, _without_problems(_list_folder(folder, file_ending)), file_ending))
    return [list(known.get(case, ())) for case in identifiers]


def get_filenames_of_train_images_and_targets(
    raw_dataset_folder: str, dataset_json: dict[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Return case -> {"images": [path per channel], "label": path}; whether label files exist is not checked.

    If dataset.json has a key `dataset`, that mapping is returned, its paths completed in place. Otherwise the cases
    come from imagesTr, in sorted order.
    """
    if dataset_json is None:
        path = join(raw_dataset_folder, "dataset.json")
        dataset_json = read_json(path, DATASET)
        if "dataset" not in dataset_json:
            check_json(dataset_json, path, dataset_file("file_ending"), InvalidValueError)
    if "dataset" in dataset_json:
        return _complete_paths(dataset_json["dataset"], raw_dataset_folder)
    images_folder, ending = join(raw_dataset_folder, "imagesTr"), dataset_json["file_ending"]
    return {
        case: {"images": files, "label": as_on_disk(join(raw_dataset_folder, "labelsTr", case + label_ending(ending)))}
        for case, files in _cases_in_folder(images_folder, ending).items()
    }


def _complete_paths(dataset: dict[str, dict[str, Any]], raw_dataset_folder: str) -> dict[str, dict[str, Any]]:
    for entry in dataset.values():
        entry["label"] = _complete_path(entry["label"], raw_dataset_folder)
        entry["images"] = [_complete_path(path, raw_dataset_folder) for path in entry["images"]]
    return dataset


def _complete_path(path: str, raw_dataset_folder: str) -> str:
    path = expandvars(path)
    return as_on_disk(path if isabs(path) else abspath(join(raw_dataset_folder, path)))
