"""NIfTI volumes read with nibabel, as stored or reoriented to RAS+."""

import warnings
from typing import Any, ClassVar

import numpy as np

from nnunetv2.errors import CallError, UnfitImageError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.late_names import late_names
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter, agree, require_same, stack_channels, stored_dtype
from nnunetv2.imageio.reading_errors import reading_volume
from nnunetv2.imageio.volume_checksum import check_voxels
from nnunetv2.imageio.volume_size import check_nifti_size

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.imageio.simpleitk_reader_writer": ("SimpleITKIO",)})


class NibabelIO(BaseReaderWriter):
    """Arrays are (C, z, y, x), one 3D file per channel; properties keep the affine."""

    supported_file_endings: ClassVar[list[str]] = [".nii", ".nii.gz"]

    def read_images(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the files of one case. Different spacings are an error, different affines a warning."""
        images = [_open(name) for name in image_fnames]
        _warn_about_affines([image.affine for image in images], image_fnames)
        array, spacing = _read_case(images, image_fnames)
        return array, {"nibabel_stuff": {"original_affine": images[0].affine}, "spacing": spacing}

    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read a label map as (1, z, y, x) float32."""
        return self.read_images((seg_fname,))

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (z, y, x) with the affine of the image."""
        _save(_as_nifti(seg, properties["nibabel_stuff"]["original_affine"]), output_fname)


class NibabelIOWithReorient(BaseReaderWriter):
    """Like NibabelIO, but reorients to RAS+ on reading and back on writing."""

    supported_file_endings: ClassVar[list[str]] = [".nii", ".nii.gz"]

    def read_images(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the files of one case in RAS+. Different spacings are an error, different affines a warning."""
        images = [_open(name) for name in image_fnames]
        turned = [_turned_to_ras(image, name) for image, name in zip(images, image_fnames, strict=True)]
        _warn_about_affines([image.affine for image in turned], image_fnames)
        array, spacing = _read_case(turned, image_fnames)
        affines = {"original_affine": images[0].affine, "reoriented_affine": turned[0].affine}
        return array, {"nibabel_stuff": affines, "spacing": spacing}

    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read a label map as (1, z, y, x) float32, in RAS+."""
        return self.read_images((seg_fname,))

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (z, y, x) in the original orientation of the image."""
        from nibabel.orientations import ornt_transform

        stuff = properties["nibabel_stuff"]
        image = _as_nifti(seg, stuff["reoriented_affine"])
        back = ornt_transform(_orientation(stuff["reoriented_affine"]), _orientation(stuff["original_affine"]))
        restored = image.as_reoriented(back)
        if not np.allclose(stuff["original_affine"], restored.affine):
            warnings.warn(f"{output_fname}: the affine of the image was not restored exactly", stacklevel=2)
        _save(restored, output_fname)


def _orientation(affine: np.ndarray) -> np.ndarray:
    from nibabel.orientations import io_orientation

    return io_orientation(affine)


def _turned_to_ras(image: Any, path: str) -> Any:
    """Return the image in RAS+; its voxels are read unless it is so already."""
    with reading_volume(path):
        return image.as_reoriented(_orientation(image.affine))


def _open(path: str) -> Any:
    import nibabel

    with reading_volume(path):
        image: Any = nibabel.load(path)
        check_nifti_size(path, image)
    if len(image.shape) != 3:
        raise UnfitImageError(f"{path}: only 3D files can be read, one per channel; this one has shape {image.shape}")
    return image


def _read_case(images: list[Any], image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, list[float]]:
    spacings = [[float(size) for size in image.header.get_zooms()[::-1]] for image in images]
    require_same("spacing", spacings, image_fnames)
    arrays = [_voxels(image, name) for image, name in zip(images, image_fnames, strict=True)]
    return stack_channels(arrays, image_fnames), spacings[0]


def _voxels(image: Any, path: str) -> np.ndarray:
    """Return the values (1, z, y, x), scaled in float64 if the header has a scale."""
    with reading_volume(path):
        stored = image.dataobj
        is_scaled = getattr(stored, "slope", 1.0) != 1.0 or getattr(stored, "inter", 0.0) != 0.0
        array = np.asanyarray(stored, dtype=np.float64) if is_scaled else np.asanyarray(stored)
        array = array.transpose(2, 1, 0)
        check_voxels(path, array, getattr(stored, "offset", None))
    return array[None]


def _warn_about_affines(affines: list[np.ndarray], image_fnames: list[str] | tuple[str, ...]) -> None:
    if not agree(affines):
        names = ", ".join(map(str, image_fnames))
        warnings.warn(f"the images of one case differ in their affine: {names}", stacklevel=3)


def _as_nifti(seg: np.ndarray, affine: np.ndarray) -> Any:
    import nibabel

    if seg.ndim != 3:
        raise CallError(f"expected a label map (z, y, x), got shape {seg.shape}")
    return nibabel.Nifti1Image(seg.transpose(2, 1, 0).astype(stored_dtype(seg), copy=False), affine=affine)


def _save(image: Any, path: str) -> None:
    import nibabel

    with replacing(path) as temporary:
        nibabel.save(image, temporary)
