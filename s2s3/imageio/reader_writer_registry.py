"""Chooses the reader of a dataset."""

import logging
from typing import Any

from nnunetv2.errors import SettingsError, UnfitImageError
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.jpeg_reader_writer import JpegImage2DIO
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
    JpegImage2DIO,
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
    """Return the first class for this ending that can also read the example, an image or a label file, if one is given.

    With `allow_nonmatching_filename`, an ending that no class lists is left to those that can read the example. Raises
    SettingsError, with the reasons why the example could not be read.
    """
    failures = []
    for candidate in _candidates(file_ending, allow_nonmatching_filename and example_file is not None):
        if example_file is None:
            return candidate
        try:
            _try_reading(candidate(), example_file)
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


def _candidates(file_ending: str, also_nonmatching: bool) -> list[type[BaseReaderWriter]]:
    """Return the classes that list the ending; if there are none, perhaps all; none reads what another refused."""
    listing = [reader for reader in LIST_OF_IO_CLASSES if file_ending.lower() in reader.supported_file_endings]
    return listing or (LIST_OF_IO_CLASSES if also_nonmatching else [])


def _try_reading(reader: BaseReaderWriter, example_file: str) -> None:
    """Read a file as an image, or as labels if it cannot be one: with a transparent background, for example."""
    try:
        reader.read_images((example_file,))
    except UnfitImageError:
        reader.read_seg(example_file)
