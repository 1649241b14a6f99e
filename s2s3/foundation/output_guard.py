"""Keeps outputs away from what a command was given, and from datasets and models; called before any work starts."""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import InvalidOutputError, OutputExistsError
from nnunetv2.foundation.files import read_json
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from s1.json_files import CASE_LIST_MIB, JsonFile
from s1.output_places import LABEL_FOLDERS, case_folder_at, input_at

PathLike = str | os.PathLike[str]
RESULT_FILES = ("predict_from_raw_data_args.json", "plans.json")
"""Predictions and ensembles write these; a folder with one of them holds results, which may be replaced."""


def check_output_folder(folder: PathLike, inputs: Mapping[str, PathLike | None] | None = None) -> None:
    """Raise InvalidOutputError if a folder of results is that of an input, or belongs to a dataset or a model.

    A folder within that of an input is allowed: folders are listed without those in them.

    Parameters:
        inputs: what each input folder is called -> its path; None for one that was not given.
    """
    check_apart(folder, inputs or {})
    owner = _owner_of(Path(folder))
    if owner is not None:
        raise InvalidOutputError(f"{folder} {owner}; results would replace its files. Choose another output folder.")


def check_apart(folder: PathLike, inputs: Mapping[str, PathLike | None]) -> None:
    """Raise InvalidOutputError if a folder of results is that of an input; see `check_output_folder`."""
    what = input_at(folder, inputs)
    if what is not None:
        raise InvalidOutputError(f"{folder} is the folder of {what}; the results need a folder of their own")


def check_results(folder: PathLike, names: Iterable[str]) -> None:
    """Raise InvalidOutputError if results would replace files, as annotations, of a folder without earlier results.

    Parameters:
        names: of the files that will be written.
    """
    place = Path(folder)
    taken = [] if _holds_results(place) else [name for name in names if (place / name).exists()]
    if taken:
        raise InvalidOutputError(
            f"{folder} holds {len(taken)} file(s) with names of results ({taken[0]}), but neither plans.json nor "
            "predict_from_raw_data_args.json, which lie beside results; are these annotations? Choose another output "
            "folder, or remove them yourself."
        )


def check_output_file(
    file: PathLike, kind: str, is_earlier_output: Callable[[Path], bool], inputs: Mapping[str, PathLike | None]
) -> None:
    """Raise InvalidOutputError for the file of an input, OutputExistsError for an existing file of another kind.

    Parameters:
        kind: what is written, for the message.
        is_earlier_output: tells whether an existing file is of this kind, so that a repeated command may replace it.
        inputs: what each input file is called -> its path; None for one that was not given.
    """
    target = Path(file)
    what = input_at(target, inputs)
    if what is not None:
        raise InvalidOutputError(f"{target} is the file of {what}; choose another output file")
    if target.is_dir():
        raise OutputExistsError(f"{target} is a folder, expected the name of a file to write ({kind})")
    if target.exists() and not (target.is_file() and _is_replaceable(target, is_earlier_output)):
        raise OutputExistsError(f"{target} exists and is not {kind}; choose another name, or remove it yourself")


def _is_replaceable(file: Path, is_earlier_output: Callable[[Path], bool]) -> bool:
    try:
        return file.stat().st_size == 0 or is_earlier_output(file)
    except (ValueError, RecursionError):
        return False


def is_json_with(*keys: str) -> Callable[[Path], bool]:
    """Return a function that tells whether a file is a JSON object, or a list of objects, with these keys."""

    def check(file: Path) -> bool:
        content = read_json(file, JsonFile(largest_mib=CASE_LIST_MIB))
        objects: Any = content if isinstance(content, list) else [content]
        return bool(objects) and all(isinstance(entry, dict) and set(keys) <= entry.keys() for entry in objects)

    return check


def is_web_page(file: Path) -> bool:
    """Tell whether a file is an HTML page."""
    with file.open("rb") as stream:
        return stream.read(100).lstrip().lower().startswith(b"<!doctype html")


def is_model_archive(file: Path) -> bool:
    """Tell whether a file is a zip file of trained models; checkpoints are zip files too, with other entries."""
    try:
        with zipfile.ZipFile(file) as archive:
            return all(name.startswith("Dataset") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _owner_of(folder: Path) -> str | None:
    """Return whose folder this is, None if results may be written to it."""
    if not folder.is_dir() or not os.listdir(folder):
        return None
    cases = case_folder_at(folder, _dataset_folders())
    if cases is not None and not (Path(cases).name in LABEL_FOLDERS[:-1] and _holds_results(folder)):
        return f"holds the cases of a dataset ({cases})"
    return next((whose for whose, is_so in _OWNERS if is_so(folder)), None)


def _dataset_folders() -> Iterator[Path]:
    for variable in (nnUNet_raw, nnUNet_preprocessed):
        if variable.is_set() and os.path.isdir(variable):
            yield from Path(variable).glob("Dataset*")


def _holds_results(folder: Path) -> bool:
    return any((folder / name).is_file() for name in RESULT_FILES)


def _is_dataset(folder: Path) -> bool:
    contents = ("imagesTr", "imagesTs", "labelsTr", "gt_segmentations", "dataset_fingerprint.json")
    has_contents = any((folder / name).exists() for name in contents)
    return (folder / "dataset.json").is_file() and has_contents and not _holds_results(folder)


def _is_preprocessed_data(folder: Path) -> bool:
    in_old_format = any(folder.glob("*.npz")) and _is_dataset(folder.parent) and not _holds_results(folder)
    return any(folder.glob("*.b2nd")) or in_old_format


def _is_model(folder: Path) -> bool:
    return any(folder.glob("fold_*/checkpoint_*.pth"))


def _is_fold(folder: Path) -> bool:
    return any(folder.glob("checkpoint_*.pth"))


def _is_validation(folder: Path) -> bool:
    return folder.name == "validation" and _is_fold(folder.parent)


_OWNERS: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    ("is the folder of a dataset", _is_dataset),
    ("holds preprocessed cases", _is_preprocessed_data),
    ("is the folder of a trained model", _is_model),
    ("is the folder of a trained fold", _is_fold),
    ("holds the validation of a trained fold", _is_validation),
)
