"""Chooses the reader of a dataset."""

import logging
from collections.abc import Iterator
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.imageio.tif_reader_writer import Tiff3DIO
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class, require_class

LIST_OF_IO_CLASSES: list[type[BaseReaderWriter]] = [
    NaturalImage2DIO,
    SimpleITKIO,
    Tiff3DIO,
    NibabelIO,
    NibabelIOWithReorient,
]

_log = logging.getLogger(__name__)


def determine_reader_writer_from_dataset_json(
    dataset_json_content: dict[str, Any],
    example_file: str | None = None,
    allow_nonmatching_filename: bool = False,
    verbose: bool = True,
) -> type[BaseReaderWriter]:
    """Return the class named by `overwrite_image_reader_writer`, otherwise the one for the file ending.

    An unknown name is reported and ignored. Raises SettingsError if no class fits.
    """
    wanted = dataset_json_content.get("overwrite_image_reader_writer")
    if wanted is not None and wanted != "None":
        try:
            return recursive_find_reader_writer_by_name(wanted)
        except SettingsError as error:
            if verbose:
                _log.warning("%s; the reader is chosen by the file ending", error)
    return determine_reader_writer_from_file_ending(
        dataset_json_content["file_ending"], example_file, allow_nonmatching_filename, verbose
    )


def determine_reader_writer_from_file_ending(
    file_ending: str,
    example_file: str | None = None,
    allow_nonmatching_filename: bool = False,
    verbose: bool = True,
) -> type[BaseReaderWriter]:
    """Return the first class for this ending that can also read the example, if one is given.

    `allow_nonmatching_filename` also tries classes that do not list the ending. Raises SettingsError, with the reasons
    why the example could not be read.
    """
    failures = []
    for candidate in _candidates(file_ending, allow_nonmatching_filename and example_file is not None):
        if example_file is None:
            return candidate
        try:
            candidate().read_images((example_file,))
        except Exception as error:
            failures.append(f"{candidate.__name__}: {error}")
            if verbose:
                _log.info("%s cannot read %s: %s", candidate.__name__, example_file, error)
            continue
        return candidate
    tried = f"; tried on {example_file}: " + "; ".join(failures) if failures else ""
    known = ", ".join(sorted({ending for reader in LIST_OF_IO_CLASSES for ending in reader.supported_file_endings}))
    raise SettingsError(f"no reader for the file ending {file_ending!r} (known: {known}){tried}")


def recursive_find_reader_writer_by_name(rw_class_name: str) -> type[BaseReaderWriter]:
    """Return the class of this name in nnunetv2.imageio; SettingsError if no subclass of BaseReaderWriter has it."""
    return require_class("nnunetv2.imageio", rw_class_name, "reader", BaseReaderWriter, recursive_find_python_class)


def _candidates(file_ending: str, also_nonmatching: bool) -> Iterator[type[BaseReaderWriter]]:
    for candidate in LIST_OF_IO_CLASSES:
        if file_ending.lower() in candidate.supported_file_endings or also_nonmatching:
            yield candidate
