"""Reads .npy and .npz files after comparing the size that they claim with the file, before memory is taken for it.

Only arrays of numbers are read: no objects, so that nothing is unpickled.
"""

import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from nnunetv2.errors import ArchiveError, DriftError, MissingFileError
from s1.free_memory import available_bytes
from s1.readable_files import is_given

PathLike = str | os.PathLike[str]

_NUMBERS = "biufc"
_BEST_COMPRESSION = 1032
"""What deflate can reach at most, as a ratio."""
_SLACK_BYTES = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_LISTED = 5
_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_DAMAGE = (
    *(ValueError, TypeError, OverflowError, SyntaxError, RecursionError, MemoryError, EOFError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError),
)


def read_npz(path: PathLike, key: str, what: str = "an npz file") -> np.ndarray:
    """Return one array of an npz file.

    Parameters:
        what: what the file should be, for messages.

    Raises MissingFileError, or ArchiveError, one line, if the file is damaged, lacks the array, holds objects instead
    of numbers, or claims more than it can hold or the free memory.
    """
    file = _require_file(path)
    with _naming(file, what), zipfile.ZipFile(file) as archive:
        entry = _find_entry(archive, key)
        with archive.open(entry) as stream:
            shape, dtype, header_bytes = _read_header(stream)
        _check_claims(shape, dtype, entry.file_size - header_bytes)
        with archive.open(entry) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)


def open_npy(path: PathLike, mode: Literal["r", "c"] = "r") -> np.memmap:
    """Map the array of an .npy file into memory.

    Parameters:
        mode: "r" to read only, "c" for changes that stay in this process.

    Raises MissingFileError, or ArchiveError as `read_npz` does.
    """
    file = _require_file(path)
    with _naming(file, "an npy file"):
        with file.open("rb") as stream:
            shape, dtype, header_bytes = _read_header(stream)
        _require_size(shape, dtype, file.stat().st_size - header_bytes)
        return np.lib.format.open_memmap(file, mode=mode)


def _require_file(path: PathLike) -> Path:
    if not is_given(path, ArchiveError):
        raise MissingFileError(f"file not found: {path}")
    return Path(path)


@contextmanager
def _naming(file: Path, what: str) -> Iterator[None]:
    """Turn whatever a damaged file causes into one line that names it."""
    try:
        yield
    except DriftError:
        raise
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise ArchiveError(f"{file}: damaged, or not {what} ({reason})") from error


def _find_entry(archive: zipfile.ZipFile, key: str) -> zipfile.ZipInfo:
    names = archive.namelist()
    if f"{key}.npy" not in names:
        shown = [ascii(name.removesuffix(".npy"))[:60] for name in names[:_LISTED]]
        more = [f"{len(names) - _LISTED} more"] if len(names) > _LISTED else []
        raise ValueError(f"it holds {', '.join([*shown, *more]) or 'nothing'}; expected {key!r}")
    entry = archive.getinfo(f"{key}.npy")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        raise ValueError(f"{key!r} is encrypted, or compressed in a way that numpy does not use")
    if entry.file_size > entry.compress_size * _BEST_COMPRESSION + _SLACK_BYTES:
        raise ValueError(f"{key!r} claims {entry.file_size} bytes, which {entry.compress_size} bytes cannot hold")
    return entry


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, int]:
    """Return shape, dtype and the bytes before the values."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"format {version} of npy files; expected {' or '.join(map(str, _HEADERS))}")
    shape, _, dtype = _HEADERS[version](stream)
    return shape, dtype, stream.tell()


def _check_claims(shape: tuple[int, ...], dtype: np.dtype, present_bytes: int) -> None:
    _require_size(shape, dtype, present_bytes)
    memory = available_bytes()
    if memory is not None and present_bytes > memory:
        raise ValueError(
            f"an array of {present_bytes / 1e9:.1f} GB, more than the free memory of {memory / 1e9:.1f} GB"
        )


def _require_size(shape: tuple[int, ...], dtype: np.dtype, present_bytes: int) -> None:
    if dtype.kind not in _NUMBERS:
        raise ValueError(f"an array of type {str(dtype)[:40]}; expected numbers")
    if any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize != present_bytes:
        raise ValueError(f"an array of shape {shape} and type {dtype}, for which it has {present_bytes} bytes")
