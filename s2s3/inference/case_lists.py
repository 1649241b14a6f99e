"""The cases of a prediction and the names of their outputs."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from nnunetv2.errors import CallError, DatasetLayoutError, InvalidValueError
from nnunetv2.utilities.utils import channel_gaps, create_lists_from_splitted_dataset_folder
from s1.file_endings import label_ending
from s1.listed_files import as_on_disk

PathLike = str | os.PathLike[str]
Source = PathLike | Sequence[Sequence[PathLike]]
Target = PathLike | Sequence[PathLike] | None

_CHANNEL = re.compile(r"_\d{4}$")


def case_name(image_file: PathLike, file_ending: str) -> str:
    """Return the case name of an image file, which has no folder, file ending or channel number."""
    name = os.path.basename(os.fspath(image_file))
    name = name.removesuffix(file_ending) if name.endswith(file_ending) else os.path.splitext(name)[0]
    return _CHANNEL.sub("", name)


class ListedFolder(str):
    """The path of a folder of images whose cases are known, so that whoever gets it need not list it again."""

    cases: list[list[str]]

    @classmethod
    def read(cls, folder: PathLike, file_ending: str) -> "ListedFolder":
        """List a folder; raises the errors of `list_inputs`."""
        listed = cls(os.fspath(folder))
        listed.cases = list_inputs(os.fspath(folder), file_ending)
        return listed


def list_inputs(source: Source, file_ending: str) -> list[list[str]]:
    """Return the files of each case in a folder or a list of cases.

    Raises MissingFileError if the folder is missing, DatasetLayoutError that names all channels missing from it.
    """
    if isinstance(source, ListedFolder):
        return source.cases
    if isinstance(source, str | os.PathLike):
        cases = create_lists_from_splitted_dataset_folder(os.fspath(source), file_ending)
        gaps = [line for files in cases for line in channel_gaps(case_name(files[0], file_ending), files, file_ending)]
        if gaps:
            raise DatasetLayoutError(f"{source}: channels are missing:", gaps)
        return cases
    return [[os.fspath(file) for file in files] for files in source]


def list_outputs(target: Target, inputs: Sequence[Sequence[str]], file_ending: str) -> list[str] | None:
    """Return each case's output name without file ending; None if results are returned instead of written.

    A file ending on a listed name is removed. Raises CallError if the numbers of names and cases differ.
    """
    if target is None:
        return None
    if isinstance(target, str | os.PathLike):
        return [os.path.join(os.fspath(target), case_name(files[0], file_ending)) for files in inputs]
    if len(target) != len(inputs):
        raise CallError(f"{len(target)} output names for {len(inputs)} cases; give one name for each case")
    return [os.fspath(name).removesuffix(label_ending(file_ending)) for name in target]


def result_names(inputs: Sequence[Sequence[str]], file_ending: str) -> list[str]:
    """Return the file name of each case's result."""
    return [case_name(files[0], file_ending) + label_ending(file_ending) for files in inputs]


def list_previous_stages(
    folder: PathLike | None, inputs: Sequence[Sequence[str]], file_ending: str
) -> list[str | None]:
    """Return each case's segmentation file from the previous cascade stage; without a folder, None for each case."""
    if folder is None:
        return [None] * len(inputs)
    names = result_names(inputs, file_ending)
    return [as_on_disk(os.path.join(os.fspath(folder), name)) for name in names]


def check_part(part_id: int, num_parts: int) -> None:
    """Raise InvalidValueError unless `part_id` is one of 0 ... `num_parts` - 1."""
    if num_parts < 1:
        raise InvalidPartError(f"num_parts is {num_parts}, expected 1 or more (part_id is {part_id})")
    if not 0 <= part_id < num_parts:
        raise InvalidPartError(f"part_id is {part_id}, expected 0 to {num_parts - 1} (num_parts is {num_parts})")


class InvalidPartError(InvalidValueError, CallError):
    """A part number that does not exist."""


def part_of(target: Target, part_id: int, num_parts: int) -> Target:
    """Return every `num_parts`-th of listed output names, a folder as it is."""
    return target if target is None or isinstance(target, str | os.PathLike) else list(target)[part_id::num_parts]


def output_folder_of(target: Target) -> Path | None:
    """Return the folder for a run's JSON files: the output folder, or that of the first listed name."""
    if target is None:
        return None
    if isinstance(target, str | os.PathLike):
        return Path(target)
    return Path(next(iter(target))).parent if len(target) else None


def output_folders(target: Target) -> list[PathLike]:
    """Return all folders that results are written to, each once."""
    if target is None:
        return []
    if isinstance(target, str | os.PathLike):
        return [target]
    return list(dict.fromkeys(os.path.dirname(os.fspath(name)) for name in target))


def make_output_folders(target: Target) -> None:
    """Create the output folders; an OSError names the folder as given."""
    for folder in output_folders(target):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"cannot create this output folder ({error.strerror})"
            raise OSError(error.errno, reason, os.fspath(folder)) from error
