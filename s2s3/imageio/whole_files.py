"""Whether a file holds all bytes of its image, and writing that is sure of it.

ITK reads what a NIfTI or GIPL file lacks as zeros, and ignores that the disk is full when it writes one.
"""

import errno
import gzip
import math
import os
import zlib
from typing import Any

from nnunetv2.foundation.files import replacing

_HEADER_BYTES = {".nii": 352, ".nii.gz": 352, ".gipl": 256}
_GZIP_MAGIC = b"\x1f\x8b"
_BYTES_PER_READ = 1 << 20


def is_whole(path: str | os.PathLike[str], image: Any) -> bool:
    """Tell whether a file is as long as the SimpleITK image that was read from it, or written to it, requires.

    True for formats other than NIfTI and GIPL, where ITK notices this itself.
    """
    header_bytes = next((size for ending, size in _HEADER_BYTES.items() if str(path).lower().endswith(ending)), None)
    if header_bytes is None:
        return True
    expected = _stated_bytes(image) or header_bytes + _voxel_bytes(image)
    with open(path, "rb") as stream:
        is_compressed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return _holds_uncompressed(path, expected) if is_compressed else os.path.getsize(path) >= expected


def write_whole(image: Any, path: str | os.PathLike[str]) -> None:
    """Write a SimpleITK image compressed and atomically; OSError if the disk is full."""
    import SimpleITK as sitk

    with replacing(path) as temporary:
        sitk.WriteImage(image, str(temporary), True)
        if not is_whole(temporary, image):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def first_voxel_byte(image: Any) -> int | None:
    """Return where the voxels start according to the NIfTI header of a SimpleITK image; None if there is none."""
    return int(float(image.GetMetaData("vox_offset"))) if image.HasMetaDataKey("vox_offset") else None


def _stated_bytes(image: Any) -> int | None:
    """Return the bytes up to the end of the voxels according to the NIfTI header; None if there is none."""
    first_byte = first_voxel_byte(image)
    if first_byte is None or not {"bitpix", "dim[0]"} <= set(image.GetMetaDataKeys()):
        return None
    lengths = [int(image.GetMetaData(f"dim[{axis}]")) for axis in range(1, int(image.GetMetaData("dim[0]")) + 1)]
    return first_byte + math.prod(lengths) * int(image.GetMetaData("bitpix")) // 8


def _voxel_bytes(image: Any) -> int:
    return math.prod(image.GetSize()) * image.GetNumberOfComponentsPerPixel() * image.GetSizeOfPixelComponent()


def _holds_uncompressed(path: str | os.PathLike[str], expected: int) -> bool:
    """Compare with the length at the end of a gzip file, and count where that differs: it may have several parts."""
    with open(path, "rb") as stream:
        stream.seek(-4, os.SEEK_END)
        length_modulo_4gb = int.from_bytes(stream.read(4), "little")
    return length_modulo_4gb == expected % (1 << 32) or _can_read(path, expected)


def _can_read(path: str | os.PathLike[str], expected: int) -> bool:
    try:
        with gzip.open(path) as stream:
            while expected > 0 and (part := stream.read(min(expected, _BYTES_PER_READ))):
                expected -= len(part)
    except (EOFError, OSError, zlib.error):
        return False
    return expected <= 0
