"""Opens .b2nd files, lazily, after checking that they hold one array of numbers and nothing else.

A file of that format may also hold expressions and references to other files, which some versions of blosc2 evaluate
while opening it; and its description of shapes may contradict the chunks that it holds.
"""

import math
import os
from pathlib import Path
from typing import Any

import blosc2

from nnunetv2.errors import ArchiveError, MissingFileError
from s1.readable_files import is_given

_MAGIC = slice(2, 10), b"b2frame\0"
_PARTS = slice(91, 99), b"\xde\x00\x01\xa4b2nd"
"""Where a file lists its parts by name: one, an array."""
_HEADER_BYTES = 99
_NUMBERS = "biufc"


class StoredArray(blosc2.NDArray):
    """A lazy array that names its file, in an ArchiveError, if a part of it cannot be read."""

    file: Path

    def __getitem__(self, key: Any) -> Any:
        try:
            return super().__getitem__(key)
        except RuntimeError as error:
            raise _damaged(self.file, str(error)) from error


def open_b2nd(path: str | os.PathLike[str]) -> StoredArray:
    """Open an array of numbers for reading, memory-mapped where the system allows it; its values stay in the file.

    Raises MissingFileError, or ArchiveError, one line, for a file that is damaged or holds anything else.
    """
    file = Path(path)
    if not is_given(file, ArchiveError):
        raise MissingFileError(f"file not found: {file}")
    _require_one_array(file)
    mapping = {} if os.name == "nt" else {"mmap_mode": "r"}
    try:
        array = blosc2.open(str(file), mode="r", dparams={"nthreads": 1}, **mapping)
        fits = isinstance(array, blosc2.NDArray) and array.dtype.kind in _NUMBERS and _chunks_fit(array)
    except (RuntimeError, ValueError, TypeError, AttributeError, OverflowError, SyntaxError) as error:
        raise _damaged(file, str(error)) from error
    if not fits:
        raise _damaged(file, "its shapes contradict each other, or its values are no numbers")
    array.__class__ = StoredArray  # blosc2.open has no argument for the class
    array.file = file
    return array


def _require_one_array(file: Path) -> None:
    with file.open("rb") as stream:
        header = stream.read(_HEADER_BYTES)
    if header[_MAGIC[0]] != _MAGIC[1]:
        raise _damaged(file, "it does not begin like one")
    if header[_PARTS[0]] != _PARTS[1]:
        raise _damaged(file, "it holds other things than one array")


def _chunks_fit(array: blosc2.NDArray) -> bool:
    """Return whether size and number of the chunks follow from the shapes."""
    if 0 in array.shape:
        return True
    size = array.dtype.itemsize
    padded = [
        math.ceil(chunk / block) * block if block > 0 else 0
        for chunk, block in zip(array.chunks, array.blocks, strict=True)
    ]
    chunks = math.prod(math.ceil(length / chunk) for length, chunk in zip(array.shape, array.chunks, strict=True))
    return (chunks, math.prod(padded) * size, math.prod(array.blocks) * size) == (
        array.schunk.nchunks,
        array.schunk.chunksize,
        array.schunk.blocksize,
    )


def _damaged(file: Path, reason: str) -> ArchiveError:
    cause = (reason or "?").splitlines()[0]
    return ArchiveError(
        f"{file}: damaged, or not an array in the format of blosc2 ({cause}). Remove it and run nnUNetv2_preprocess "
        "again, which makes this case anew"
    )
