"""Whether the size that the header of an image claims can be true and fits into memory; asked before it is decoded."""

import os
from collections.abc import Sequence
from math import prod

from s1.errors import ImageProblemError
from s1.free_memory import available_bytes

PathLike = str | os.PathLike[str]

STORED_PLAINLY = 1
DEFLATED = 1032
"""Most bytes that one byte of zlib or gzip data can become."""

_HEADER_BYTES = 4096
_WORKING_BYTES = 4
"""Each value becomes a 32-bit number after it was decoded."""
NOT_ASKED_BYTES = 64 * 10**6
"""Smaller images need no look at the free memory, which takes longer than decoding a small tile."""


def check_claimed_size(
    path: PathLike,
    shape: Sequence[int],
    bytes_per_value: float,
    most_per_byte: int | None = None,
    decodes_all: bool = True,
) -> None:
    """Raise ImageProblemError if a file is too short for its image, or the image too large for the memory.

    An image takes twice its own size while it is decoded, and four bytes a value afterwards.

    Parameters:
        shape: lengths of the axes, channels included.
        bytes_per_value: bytes of one value in the file, less than 1 if several share a byte.
        most_per_byte: most bytes of the image that one byte of the file can hold; None if that is not known.
        decodes_all: whether the whole image will be in memory.
    """
    values = prod(map(int, shape))
    claimed = int(values * bytes_per_value)
    size = os.path.getsize(path)
    if most_per_byte is not None and claimed > most_per_byte * (size + _HEADER_BYTES):
        raise ImageProblemError(
            f"{path}: is damaged or cut off: its header claims {_by(shape)} values ({in_bytes(claimed)}), more than its"
            f" {size} bytes can hold; copy or download it again"
        )
    needed = values * _WORKING_BYTES + 2 * values * max(1, int(bytes_per_value))
    free = available_bytes() if decodes_all and needed > NOT_ASKED_BYTES else None
    if free is not None and needed > free:
        raise ImageProblemError(
            f"{path}: its {_by(shape)} values need about {in_bytes(needed)} of memory, {in_bytes(free)} are free;"
            " cut out a smaller region, or run it with more memory"
        )


def in_bytes(count: int) -> str:
    """Return a number of bytes in the largest unit below it."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, map(int, shape)))
