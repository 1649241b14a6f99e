"""The files of a folder of predictions and of one of references, and whether they belong together."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnunetv2.errors import DatasetError, DatasetLayoutError, MissingFileError
from nnunetv2.utilities.utils import files_in_folder
from s1.case_names import ByName
from s1.listed_files import list_files

PathLike = str | os.PathLike[str]
_MOST_NAMED = 5
_log = logging.getLogger(__name__)


def label_files(folder: PathLike, file_ending: str) -> list[str]:
    """Return the sorted names of the files with an ending. Raises MissingFileError without such a folder."""
    if not os.path.isdir(folder):
        raise MissingFileError(f"folder not found: {folder}")
    return files_in_folder(folder, file_ending)


def reference_names(
    folder_ref: PathLike, folder_pred: PathLike, names: Sequence[str], file_ending: str, chill: bool
) -> dict[str, str]:
    """Return the reference of each prediction; their names may differ in Unicode form.

    Raises DatasetError for predictions without a reference and, unless `chill`, references without a prediction.

    Parameters:
        names: of the predictions.
    """
    references = ByName(dict.fromkeys(label_files(folder_ref, file_ending)))
    surplus = [name for name in names if name not in references]
    if surplus:
        raise DatasetError(f"{folder_pred}: predictions without a reference in {folder_ref}:", surplus)
    missing = [] if chill else _without_prediction(references, names)
    if missing:
        raise DatasetLayoutError(f"{folder_ref}: references without a prediction in {folder_pred}:", missing)
    return {name: references.given(name) for name in names}


def _without_prediction(references: Iterable[str], names: Iterable[str]) -> list[str]:
    predictions = ByName(dict.fromkeys(names))
    return [name for name in references if name not in predictions]


def warn_of_missing_predictions(folder_ref: PathLike, folder_pred: PathLike, file_ending: str) -> None:
    """Log how many references have no prediction, and so do not count."""
    missing = _without_prediction(label_files(folder_ref, file_ending), label_files(folder_pred, file_ending))
    if missing:
        names = ", ".join(missing[:_MOST_NAMED]) + (", ..." if len(missing) > _MOST_NAMED else "")
        _log.warning("%d reference(s) have no prediction in %s and do not count: %s", len(missing), folder_pred, names)


def common_ending(folder_ref: PathLike) -> str:
    """Return the most common file ending of a folder, of images if it has any; an empty text if it has no files."""
    if not os.path.isdir(folder_ref):
        raise MissingFileError(f"folder not found: {folder_ref}")
    names = list_files(folder_ref).names
    endings = Counter(_ending(name) for name in [n for n in names if n.endswith(_image_endings())] or names)
    return endings.most_common(1)[0][0] if endings else ""


def refuse_other_endings(folder_ref: PathLike, folder_pred: PathLike, file_ending: str) -> None:
    """Raise DatasetError for images of another ending that are in both folders, since they would not be scored."""
    endings = _image_endings()
    predictions = ByName(dict.fromkeys(list_files(folder_pred).names if os.path.isdir(folder_pred) else ()))
    both = [name for name in list_files(folder_ref).names if name in predictions]
    others = [name for name in both if name.endswith(endings) and _ending(name) != file_ending]
    if others:
        raise DatasetError(f"{folder_ref}: most references end in {file_ending}, convert or remove the others:", others)


def _image_endings() -> tuple[str, ...]:
    from nnunetv2.imageio.reader_writer_registry import LIST_OF_IO_CLASSES

    return tuple({ending for reader in LIST_OF_IO_CLASSES for ending in reader.supported_file_endings})


def _ending(name: str) -> str:
    """Return the file ending, with both parts if it is doubled as in .nii.gz."""
    suffixes = Path(name).suffixes
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def example_of(folder: PathLike, names: Sequence[str]) -> str:
    """Return the path of the first reference. Raises MissingFileError if there is none."""
    if not names:
        raise MissingFileError(f"{folder}: no reference segmentations")
    return os.path.join(folder, names[0])
