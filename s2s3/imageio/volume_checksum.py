"""Whether the voxels that a library read from a volume are those that were written, by the checksum of the file."""

import os
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from s1.damaged_files import require_whole

PathLike = str | os.PathLike[str]

_GZIP_WINDOW = 31
_LONGEST_START = 1 << 16
_TRAILER_BYTES = 8
_CHECKSUM_BYTES = 4


def check_voxels(path: PathLike, voxels: np.ndarray, first_byte: int | None) -> None:
    """Raise ImageProblemError if a volume is damaged.

    A gzip file ends with the checksum of all that it holds. Computing it from the voxels takes a fraction of unpacking
    the file once more, which is left for files where it differs: damaged ones, and those whose voxels are scaled or
    reordered by the library.

    Parameters:
        voxels: C-contiguous, in the order of the file.
        first_byte: where the voxels start in the unpacked file; None if that is not known.
    """
    if first_byte is None or not _has_checksum_of(path, voxels, first_byte):
        require_whole(path)


def _has_checksum_of(path: PathLike, voxels: np.ndarray, first_byte: int) -> bool:
    with suppress(zlib.error, OSError), Path(path).open("rb") as stream:
        start = zlib.decompressobj(_GZIP_WINDOW).decompress(stream.read(_LONGEST_START), max(first_byte, 1))
        stream.seek(-_TRAILER_BYTES, os.SEEK_END)
        stored = int.from_bytes(stream.read(_CHECKSUM_BYTES), "little")
        return len(start) == first_byte and stored == zlib.crc32(voxels.data, zlib.crc32(start))
    return False
