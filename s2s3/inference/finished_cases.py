"""Which cases an earlier, perhaps interrupted, prediction has finished."""

import logging
import os
import zipfile
from itertools import compress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

_log = logging.getLogger(__name__)


def unfinished(
    inputs: list[list[str]], outputs: list[str], file_ending: str, with_probabilities: bool, reader: "BaseReaderWriter"
) -> tuple[list[list[str]], list[str]]:
    """Return files and output name of the cases that an earlier prediction has not finished."""
    todo = [not is_finished(name, file_ending, with_probabilities, reader) for name in outputs]
    return list(compress(inputs, todo)), list(compress(outputs, todo))


def is_finished(output: str, file_ending: str, with_probabilities: bool, reader: "BaseReaderWriter") -> bool:
    """Tell whether all output files of a case exist and are whole; a warning names those that are not.

    Segmentations are read, as other programs write them in place; of probabilities only the end is looked at.

    Parameters:
        output: path without file ending.
    """
    needed = [output + file_ending, *([f"{output}.npz", f"{output}.pkl"] if with_probabilities else [])]
    if not all(os.path.isfile(file) for file in needed):
        return False
    damaged = [file for file in needed if not _is_whole(file, reader)]
    for file in damaged:
        _log.warning("%s is damaged; its case is predicted again", file)
    return not damaged


def _is_whole(file: str, reader: "BaseReaderWriter") -> bool:
    if file.endswith(".npz"):
        return zipfile.is_zipfile(file)
    if file.endswith(".pkl"):
        return os.path.getsize(file) > 0
    try:
        reader.read_seg(file)
    except Exception:  # readers may come from other packages and raise anything
        return False
    return True
