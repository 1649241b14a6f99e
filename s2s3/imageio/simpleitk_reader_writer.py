"""Medical volumes read with SimpleITK: NIfTI, NRRD, MetaImage, GIPL."""

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nnunetv2.errors import CallError, ImageProblemError, UnfitImageError
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter, agree, require_same, stack_channels, stored_dtype
from nnunetv2.imageio.reading_errors import reading_volume
from nnunetv2.imageio.volume_checksum import check_voxels
from nnunetv2.imageio.volume_size import check_volume_size
from nnunetv2.imageio.whole_files import first_voxel_byte, is_whole, write_whole

MISSING_AXIS_FACTOR = 999
"""A 2D image gets this many times its larger spacing along the missing axis."""

MOST_AXES = 4
"""Three spatial axes and one of channels, which may be the components of vectors."""


class SimpleITKIO(BaseReaderWriter):
    """Arrays are (C, z, y, x). A fourth axis and vector components are channels; properties keep the ITK geometry."""

    supported_file_endings: ClassVar[list[str]] = [".nii.gz", ".nrrd", ".mha", ".gipl"]

    def read_images(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the files of one case. Different shapes or spacings are an error, origins or directions a warning."""
        return _read_case(image_fnames, [_open(name) for name in image_fnames])

    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read a label map as (1, z, y, x) float32."""
        return self.read_images((seg_fname,))

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (z, y, x) compressed, with spacing, origin and direction of the image."""
        write_whole(_as_itk_image(seg, output_fname, properties), output_fname)


class SimpleITKIOWithReorient(SimpleITKIO):
    """Like SimpleITKIO, but reorients on reading and back on writing. 3D images only."""

    def read_images(
        self, image_fnames: list[str] | tuple[str, ...], orientation: str = "RAS"
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Read so that the indices grow towards the directions in `orientation` (RAS: right, anterior, superior).

        The files may differ in orientation; labels are written in that of the last one.
        """
        import SimpleITK as sitk

        images = [_open(name) for name in image_fnames]
        for name, image in zip(image_fnames, images, strict=True):
            if image.GetDimension() != 3:
                raise UnfitImageError(f"{name}: only 3D images can be reoriented, this one has {image.GetDimension()}D")
        original = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(images[-1].GetDirection())
        turned = [sitk.DICOMOrient(image, orientation) for image in images]
        array, properties = _read_case(image_fnames, turned)
        properties["sitk_stuff"]["original_orientation"] = original
        return array, properties

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (z, y, x) in the original orientation of the image."""
        import SimpleITK as sitk

        image = _as_itk_image(seg, output_fname, properties)
        write_whole(sitk.DICOMOrient(image, properties["sitk_stuff"]["original_orientation"]), output_fname)


def _open(path: str) -> Any:
    import SimpleITK as sitk

    with reading_volume(path):
        check_volume_size(path)
        image = sitk.ReadImage(str(path))
        check_voxels(path, sitk.GetArrayViewFromImage(image), first_voxel_byte(image))
        if not is_whole(path, image):
            raise ImageProblemError(f"{path}: is cut off, its image has more voxels; copy or download it again")
    axes, components = image.GetDimension(), image.GetNumberOfComponentsPerPixel()
    if axes + (components > 1) > MOST_AXES:
        raise UnfitImageError(
            f"{path}: {axes} axes and {components} value(s) per voxel; expected at most three axes and channels"
        )
    return image


def _read_case(image_fnames: Sequence[str], itk_images: list[Any]) -> tuple[np.ndarray, dict[str, Any]]:
    spacings = [_array_spacing(image) for image in itk_images]
    require_same("spacing", spacings, image_fnames)
    for what, values in (
        ("origin", [image.GetOrigin() for image in itk_images]),
        ("direction", [image.GetDirection() for image in itk_images]),
    ):
        if not agree(values):
            warnings.warn(f"the images of one case differ in {what}: {', '.join(map(str, image_fnames))}", stacklevel=3)
    array = stack_channels([_channels_first(image) for image in itk_images], image_fnames)
    geometry = {
        "spacing": itk_images[0].GetSpacing(),
        "origin": itk_images[0].GetOrigin(),
        "direction": itk_images[0].GetDirection(),
    }
    return array, {"sitk_stuff": geometry, "spacing": spacings[0]}


def _array_spacing(image: Any) -> list[np.float64]:
    """Return the spacing of the last three array axes, slowest first."""
    spacing = list(image.GetSpacing())[::-1]
    if len(spacing) == 2:
        spacing = [max(spacing) * MISSING_AXIS_FACTOR, *spacing]
    return list(np.abs(spacing[-3:]))


def _channels_first(image: Any) -> np.ndarray:
    """Return a view of an ITK image as (C, z, y, x)."""
    import SimpleITK as sitk

    array = sitk.GetArrayViewFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        array = np.moveaxis(array, -1, 0)
    elif image.GetDimension() < 4:
        array = array[None]
    return array[:, None] if image.GetDimension() == 2 else array


def _as_itk_image(seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> Any:
    import SimpleITK as sitk

    if seg.ndim != 3:
        raise CallError(f"{output_fname}: expected a label map (z, y, x), or (1, y, x) in 2D, got shape {seg.shape}")
    stuff = properties["sitk_stuff"]
    dimensions = min(len(stuff["spacing"]), 3)
    array = seg[0] if dimensions == 2 else seg
    image = sitk.GetImageFromArray(array.astype(stored_dtype(seg), copy=False))
    image.SetSpacing(stuff["spacing"][:dimensions])
    image.SetOrigin(stuff["origin"][:dimensions])
    size = len(stuff["spacing"])
    direction = np.reshape(stuff["direction"], (size, size))[:dimensions, :dimensions]
    image.SetDirection(tuple(direction.ravel()))
    return image
