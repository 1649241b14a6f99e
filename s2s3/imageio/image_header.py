"""The size of an image from the header of its file, without reading the voxels."""

import os
from dataclasses import dataclass

from s1.file_endings import PICTURE_ENDINGS, TIFF_ENDINGS
from s1.readable_files import hindrance
from s1.shown_pixels import shown_image_size
from s1.tiff_files import tiff_size
from s1.tiff_rows import tiff_rows

PathLike = str | os.PathLike[str]

_PNG_START, _PNG_BITS = b"\x89PNG", 24


@dataclass(frozen=True)
class ImageHeader:
    """Size of an image in the order of the axes of its array."""

    shape: tuple[int, int, int]
    """(x, y, z); (1, height, width) of a picture."""
    spacing: tuple[float, ...] | None = None
    """Of each axis; None if the file does not say."""
    bytes_per_value: int = 1
    """Of a picture once it is decoded."""
    rows_in_memory: int | None = None
    """Of a picture that can be read by rows, the most that are decoded at a time."""

    @property
    def voxels(self) -> int:
        """Number of voxels of a channel."""
        return self.shape[0] * self.shape[1] * self.shape[2]


def read_header(path: PathLike) -> ImageHeader | None:
    """Return the size of an image, None if it cannot be told: whoever reads the file says what is wrong with it."""
    name = os.fspath(path).lower()
    if hindrance(path) is not None:  # a pipe would be waited for
        return None
    try:
        if name.endswith(TIFF_ENDINGS):
            return _tiff_header(path)
        return _picture_header(path) if name.endswith(PICTURE_ENDINGS) else _volume_header(path)
    except Exception:  # whatever Pillow, tifffile and SimpleITK raise
        return None


def _picture_header(path: PathLike) -> ImageHeader:
    with open(path, "rb") as stream:
        start = stream.read(_PNG_BITS + 1)
    has_16_bits = start.startswith(_PNG_START) and start[_PNG_BITS:] == bytes([16])
    return ImageHeader((1, *shown_image_size(path)), bytes_per_value=2 if has_16_bits else 1)


def _tiff_header(path: PathLike) -> ImageHeader | None:
    import tifffile

    with tifffile.TiffFile(path) as file:
        shape, bytes_per_value = file.series[0].shape, file.series[0].dtype.itemsize
    if len(shape) == 3 and shape[-1] not in (3, 4):
        return ImageHeader((shape[0], shape[1], shape[2]))
    rows = tiff_rows(path)
    return ImageHeader(
        (1, *(tiff_size(path, decodes_all=False) if rows is None else rows.shape[:2])),
        bytes_per_value=bytes_per_value,
        rows_in_memory=None if rows is None else rows.rows_in_memory,
    )


def _volume_header(path: PathLike) -> ImageHeader:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(os.fspath(path))
    reader.ReadImageInformation()
    size, spacing = [*reader.GetSize(), 1, 1][:3], [*reader.GetSpacing(), 1.0, 1.0][:3]
    return ImageHeader((size[2], size[1], size[0]), tuple(reversed(spacing)))
