"""Reads a text file, plain or packed with gzip or zip, without ever unpacking more than a limit."""

import gzip
import zipfile
import zlib
from pathlib import Path

from nnunetv2.errors import AnnotationError, MissingFileError
from s1.json_files import MIB
from s1.readable_files import is_given

LARGEST_MIB = 256
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)


def read_packed(path: Path, endings: tuple[str, ...], largest_mib: int = LARGEST_MIB) -> bytes:
    """Return the content of a file, unpacked if it begins like a gzip or zip file.

    Parameters:
        endings: of the one file that a zip file has to contain.
        largest_mib: of the unpacked content.

    Raises MissingFileError; AnnotationError for a damaged or too large file, or a zip file of other content.
    """
    if not is_given(path, AnnotationError):
        raise MissingFileError(f"file of annotations not found: {path}")
    with path.open("rb") as stream:
        start = stream.read(4)
    try:
        content = _unpacked(path, start, endings, largest_mib * MIB + 1)
    except _BROKEN as error:
        raise AnnotationError(f"{path}: damaged, cannot be unpacked ({error})") from error
    if len(content) > largest_mib * MIB:
        raise AnnotationError(f"{path}: has more than {largest_mib} MiB of annotations; is this the right file?")
    return content


def _unpacked(path: Path, start: bytes, endings: tuple[str, ...], most_bytes: int) -> bytes:
    if start.startswith(_ZIP):
        return _zip_entry(path, endings, most_bytes)
    if start.startswith(_GZIP):
        with gzip.open(path) as packed:
            return packed.read(most_bytes)
    with path.open("rb") as stream:
        return stream.read(most_bytes)


def _zip_entry(path: Path, endings: tuple[str, ...], most_bytes: int) -> bytes:
    with zipfile.ZipFile(path) as archive:
        fitting = [entry for entry in archive.infolist() if entry.filename.lower().endswith(endings)]
        if len(fitting) != 1:
            raise AnnotationError(f"{path}: contains {len(fitting)} files of annotations, expected one")
        with archive.open(fitting[0]) as stream:
            return stream.read(most_bytes)
