"""Whether an image file is complete, by its own lengths and checksums. Image libraries ignore many of them.

PNG: all parts are there and have their checksum. Gzip (.nii.gz), compressed NRRD and MetaImage: the compressed data is
complete and has its checksum. The readers of the other formats notice what is cut off.
"""

import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from s1.errors import ImageProblemError
from s1.readable_files import require_file

PathLike = str | os.PathLike[str]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB = 31, 15
"""Window sizes, as zlib has them."""
_BYTES_PER_READ = 1 << 20
_LONGEST_HEADER = 1 << 20
CUT_OFF = "cut off"
_WRONG_CHECKSUM = "wrong checksum"


def require_whole(path: PathLike) -> None:
    """Raise ImageProblemError if an image file is no file, cut off, or has a wrong checksum.

    A missing file is left to its reader, as is one that is not in the format of its name.
    """
    require_file(path)
    check = next((check for ending, check in _CHECKS.items() if str(path).lower().endswith(ending)), None)
    if check is None or not os.path.exists(path):
        return
    with Path(path).open("rb") as stream:
        problem = check(stream)
    if problem:
        raise damaged(path, problem)


def damaged(path: PathLike, problem: str = CUT_OFF) -> ImageProblemError:
    """Return the error for a damaged file."""
    return ImageProblemError(
        f"{path}: is damaged ({problem}; {os.path.getsize(path)} bytes), copy or download it again"
    )


def _png_problem(stream: IO[bytes]) -> str | None:
    """Walk through the parts of a PNG file: length, name, content and checksum of name and content."""
    if stream.read(len(_PNG_SIGNATURE)) != _PNG_SIGNATURE:
        return None
    while len(head := stream.read(8)) == 8:
        length, name = int.from_bytes(head[:4]), head[4:]
        checksum = zlib.crc32(name)
        while length > 0 and (part := stream.read(min(length, _BYTES_PER_READ))):
            checksum, length = zlib.crc32(part, checksum), length - len(part)
        stored = stream.read(4)
        if length or len(stored) < 4:
            return CUT_OFF
        if checksum != int.from_bytes(stored):
            return _WRONG_CHECKSUM
        if name == b"IEND":
            return None
    return CUT_OFF


def _gzip_problem(stream: IO[bytes]) -> str | None:
    """Unpack all parts of a gzip file; what is in none of them is ignored, as by gzip."""
    start = stream.tell()
    first = stream.read(len(_GZIP_MAGIC))
    stream.seek(start)
    return _packed_problem(stream, _GZIP) if first == _GZIP_MAGIC else None


def _packed_problem(stream: IO[bytes], window: int) -> str | None:
    unpacker, rest = zlib.decompressobj(window), b""
    try:
        while part := rest or stream.read(_BYTES_PER_READ):
            unpacker.decompress(part, _BYTES_PER_READ)
            rest = unpacker.unconsumed_tail
            if unpacker.eof:
                rest = unpacker.unused_data or stream.read(_BYTES_PER_READ)
                if window != _GZIP or not rest.startswith(_GZIP_MAGIC):
                    return None
                unpacker = zlib.decompressobj(window)
    except zlib.error:
        return _WRONG_CHECKSUM
    return None if unpacker.eof else CUT_OFF


def _nrrd_problem(stream: IO[bytes]) -> str | None:
    header = re.match(rb"NRRD.*?\n\r?\n", stream.read(_LONGEST_HEADER), re.DOTALL)
    if header is None or not re.search(rb"^encoding: *gz(ip)?\s*$", header[0], re.MULTILINE):
        return None
    if re.search(rb"^data ?file:", header[0], re.MULTILINE):
        return None  # in another file
    stream.seek(header.end())
    return _gzip_problem(stream)


def _mha_problem(stream: IO[bytes]) -> str | None:
    header = re.match(rb".*?ElementDataFile *= *LOCAL *\r?\n", stream.read(_LONGEST_HEADER), re.DOTALL)
    if header is None or not re.search(rb"^CompressedData *= *True", header[0], re.MULTILINE):
        return None
    stream.seek(header.end())
    return _packed_problem(stream, _ZLIB)


_CHECKS: dict[str, Callable[[IO[bytes]], str | None]] = {
    ".png": _png_problem,
    ".gz": _gzip_problem,
    ".nrrd": _nrrd_problem,
    ".mha": _mha_problem,
}
