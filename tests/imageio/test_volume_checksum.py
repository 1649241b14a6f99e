"""Undamaged volumes are unpacked once; a damaged one is refused by every reader, whatever its voxels are."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from nnunetv2.errors import ImageProblemError
from nnunetv2.imageio import volume_checksum
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO, SimpleITKIOWithReorient

READERS = (SimpleITKIO, SimpleITKIOWithReorient, NibabelIO, NibabelIOWithReorient)
VOXELS = np.random.default_rng(0).integers(-500, 500, (7, 8, 9)).astype(np.int16)
RAS, LPS = np.diag([1, 2, 3, 1.0]), np.diag([-1, -2, 3, 1.0])


def write(
    path: Path, voxels: np.ndarray = VOXELS, affine: np.ndarray = RAS, slope: float = 1.0, big: bool = False
) -> str:
    header = nibabel.Nifti1Header(endianness=">" if big else "<")
    header.set_data_dtype(voxels.dtype)
    image = nibabel.Nifti1Image(voxels, affine, header)
    image.header.set_slope_inter(slope, 0)
    nibabel.save(image, path)
    return str(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("reader", READERS)
def test_a_file_whose_checksum_is_that_of_its_voxels_is_not_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: type[BaseReaderWriter], dtype: type[np.generic]
) -> None:
    file = write(tmp_path / "a.nii.gz", VOXELS.astype(dtype))
    monkeypatch.setattr(volume_checksum, "require_whole", lambda path: pytest.fail(f"{path} is unpacked again"))
    array, _ = reader().read_images([file])
    assert array.sum() == VOXELS.astype(dtype).astype(np.float32).sum()


@pytest.mark.parametrize("affine", [RAS, LPS])
@pytest.mark.parametrize(("slope", "big"), [(1.0, False), (0.5, False), (1.0, True)])
@pytest.mark.parametrize("reader", READERS)
def test_scaled_turned_and_big_endian_voxels_are_checked_too(
    tmp_path: Path, reader: type[BaseReaderWriter], slope: float, big: bool, affine: np.ndarray
) -> None:
    file = Path(write(tmp_path / "a.nii.gz", affine=affine, slope=slope, big=big))
    reader().read_images([str(file)])
    content = bytearray(file.read_bytes())
    content[-8] ^= 1
    file.write_bytes(content)
    with pytest.raises(ImageProblemError, match=r"a\.nii\.gz: is damaged \(wrong checksum"):
        reader().read_images([str(file)])


@pytest.mark.parametrize("reader", READERS)
def test_a_voxel_that_was_changed_is_noticed(tmp_path: Path, reader: type[BaseReaderWriter]) -> None:
    file = Path(write(tmp_path / "a.nii.gz"))
    plain = bytearray(gzip.decompress(file.read_bytes()))
    trailer = file.read_bytes()[-8:]
    plain[-100] ^= 1
    file.write_bytes(gzip.compress(bytes(plain))[:-8] + trailer)
    with pytest.raises(ImageProblemError, match=r"a\.nii\.gz: is damaged \(wrong checksum"):
        reader().read_images([str(file)])
