"""What lies in a folder and the folders in it: pictures, tables, and files that are for other commands.

Hidden files are no cases, folders behind links are not entered, and number and depth are limited: the folder may come
out of somebody's archive.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2.dataset_proposal.problem import Problem
from nnunetv2.errors import DatasetError
from s1.case_names import unusable_in_files
from s1.file_endings import PICTURE_ENDINGS
from s1.listed_files import is_hidden
from s1.readable_files import hindrance

MOST_FILES = 200_000
DEEPEST = 12
TABLE_ENDINGS = (".csv", ".tsv")
_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir")
_FOR_OTHER_COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "whole slides": (
        (".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".czi", ".dcm"),
        "cut them into tiles with `drift slide tile` (documentation, page Whole slides)",
    ),
    "annotations as outlines": (
        (".geojson", ".geojson.gz", ".xml"),
        "they belong to slides: `drift slide tile` reads both; or export masks from QuPath",
    ),
    "volumes": (
        (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"),
        "write them in nnU-Net's layout, imagesTr and labelsTr with a dataset.json",
    ),
    "arrays": ((".npy", ".npz", ".mat"), "save them as PNG or TIFF files"),
    "pictures of another format": ((".gif", ".webp", ".jp2", ".heic"), "save them as PNG or TIFF files"),
}


@dataclass(frozen=True)
class FoundFiles:
    """The files below a folder."""

    pictures: list[Path]
    """Files that can be images or masks, by their endings, sorted."""
    tables: list[Path]
    others: dict[str, int] = field(default_factory=dict)
    """What files for other commands are -> their number."""
    problems: list[Problem] = field(default_factory=list)


def find_files(folder: Path) -> FoundFiles:
    """List a folder and the folders in it.

    Raises DatasetError if it is none, has more than 200,000 files, or is a raw dataset already.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; expected one with images and masks")
    if (folder / "dataset.json").is_file() and (folder / "imagesTr").is_dir():
        raise DatasetError(
            f"{folder} is a raw dataset of nnU-Net already; move it to the folder that nnUNet_raw names, then run "
            "nnUNetv2_plan_and_preprocess"
        )
    found = FoundFiles([], [])
    for number, file in enumerate(_files_below(folder, DEEPEST, found.problems)):
        if number >= MOST_FILES:
            raise DatasetError(f"{folder} holds more than {MOST_FILES} files; give the folder of one data set")
        _sort_in(file, found)
    found.pictures.sort()
    found.tables.sort()
    return found


def _sort_in(file: Path, found: FoundFiles) -> None:
    name = file.name.lower()
    if name.endswith((*PICTURE_ENDINGS, *TABLE_ENDINGS)) and not _is_usable(file, found.problems):
        return
    if name.endswith(PICTURE_ENDINGS):
        found.pictures.append(file)
    elif name.endswith(TABLE_ENDINGS):
        found.tables.append(file)
    for kind, (endings, _) in _FOR_OTHER_COMMANDS.items():
        if name.endswith(endings):
            found.others[kind] = found.others.get(kind, 0) + 1


def _is_usable(file: Path, problems: list[Problem]) -> bool:
    """Add the problem of a file that has an impossible name or would be waited for, such as a pipe."""
    reasons = [(unusable_in_files(file.name), "rename it"), (hindrance(file), "remove it, or make it readable")]
    found = [Problem(str(file), what, fix) for what, fix in reasons if what]
    problems += found
    return not found


def advice_about(kind: str) -> str:
    """Return what to do with files for other commands."""
    return _FOR_OTHER_COMMANDS[kind][1]


def _files_below(folder: Path, levels: int, problems: list[Problem]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as listed:
            entries = sorted((entry for entry in listed if not is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        problems.append(Problem(str(folder), f"cannot be opened ({error.strerror})", "change its permissions"))
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            reason = unusable_in_files(entry.name)
            if reason:
                problems.append(Problem(entry.path, reason, "rename it"))
            elif entry.name not in _SYSTEM_FOLDERS:
                yield from _files_in_folder(Path(entry.path), levels, problems)
        elif entry.is_dir():
            problems.append(
                Problem(entry.path, "is a link to a folder, which is not followed", "give that folder itself")
            )
        else:
            yield Path(entry.path)


def _files_in_folder(folder: Path, levels: int, problems: list[Problem]) -> Iterator[Path]:
    if levels == 0:
        problems.append(Problem(str(folder), f"lies more than {DEEPEST} folders deep", "give an inner folder"))
        return
    yield from _files_below(folder, levels - 1, problems)
