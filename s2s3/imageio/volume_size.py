"""Whether the size that the header of a volume claims fits to its file and into memory; asked before it is read."""

import os
import re
from typing import Any

from s1.claimed_size import DEFLATED, STORED_PLAINLY, check_claimed_size

PathLike = str | os.PathLike[str]

_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_HEADER = 1 << 16
_UNBOUNDED = re.compile(
    rb"^(encoding: *bz|data ?file:|ElementDataFile *=(?! *LOCAL))", re.MULTILINE | re.IGNORECASE
)  # bzip2 has no bound that helps; the voxels may be in another file


def check_volume_size(path: PathLike) -> None:
    """Raise ImageProblemError if a file is too short for the image that SimpleITK would read, or memory too small.

    Raises what SimpleITK does if the header cannot be read.
    """
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(os.fspath(path))
    reader.ReadImageInformation()
    components = reader.GetNumberOfComponents()
    check_claimed_size(
        path, (*reader.GetSize(), components), _bytes_per_value(sitk, reader.GetPixelID()), _most_per_byte(path)
    )


def check_nifti_size(path: PathLike, image: Any) -> None:
    """Raise the same for an image that nibabel has opened, whose voxels have not been read."""
    bytes_per_value = image.get_data_dtype().itemsize
    check_claimed_size(path, image.shape, bytes_per_value, _most_per_byte(path))


def _bytes_per_value(sitk: Any, pixel_id: int) -> int:
    is_vector = "vector" in sitk.GetPixelIDValueAsString(pixel_id)
    return int(sitk.Image([1, 1], pixel_id, 2 if is_vector else 0).GetSizeOfPixelComponent())


def _most_per_byte(path: PathLike) -> int | None:
    """Return how many bytes of voxels a byte of the file can hold at most, None if that is not known."""
    with open(path, "rb") as stream:
        start = stream.read(_LONGEST_HEADER)
    if not start.startswith(_GZIP_MAGIC) and os.fspath(path).lower().endswith((".nii", ".nii.gz", ".gipl")):
        return STORED_PLAINLY
    return None if _UNBOUNDED.search(start) and not start.startswith(_GZIP_MAGIC) else DEFLATED
