import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2.errors import ImageProblemError
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from s1 import claimed_size

VOXELS = np.zeros((4, 5, 6), np.int16)
HUGE = 30_000


def write(path: Path) -> None:
    """Write a small volume whose header claims 30000 voxels along each axis."""
    name = path.name
    image = sitk.GetImageFromArray(VOXELS)
    if name.endswith(".nii") or name.endswith(".nii.gz"):
        nibabel.save(nibabel.Nifti1Image(VOXELS.T, np.eye(4)), path.with_name("small.nii"))
        content = bytearray(path.with_name("small.nii").read_bytes())
        content[42:48] = struct.pack("<3h", HUGE, HUGE, HUGE)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    elif name.endswith(".gipl"):
        sitk.WriteImage(image, str(path))
        content = bytearray(path.read_bytes())
        content[:6] = struct.pack(">3H", HUGE, HUGE, HUGE)
        path.write_bytes(content)
    else:
        sitk.WriteImage(image, str(path), True)
        text = b"sizes: 6 5 4" if name.endswith(".nrrd") else b"DimSize = 6 5 4"
        assert text in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(text, text.replace(b"6 5 4", b"%d %d %d" % ((HUGE,) * 3))))


@pytest.mark.parametrize(
    ("reader", "ending"),
    [
        *((SimpleITKIO, ending) for ending in (".nii.gz", ".nrrd", ".mha", ".gipl")),
        *((reader, ending) for reader in (NibabelIO, NibabelIOWithReorient) for ending in (".nii", ".nii.gz")),
    ],
)
def test_a_small_file_that_claims_a_huge_volume_is_refused_before_memory_is_taken(
    tmp_path: Path, reader: type, ending: str
) -> None:
    path = tmp_path / f"a{ending}"
    write(path)
    for read in (reader().read_seg, lambda file: reader().read_images([file])):
        with pytest.raises(ImageProblemError, match=r"a\.\S+: is damaged or cut off: its header claims 30000 x 30000"):
            read(str(path))


@pytest.mark.parametrize(("reader", "ending"), [(SimpleITKIO, ".nii.gz"), (SimpleITKIO, ".mha"), (NibabelIO, ".nii")])
def test_a_volume_larger_than_the_memory_is_refused_with_both_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: type, ending: str
) -> None:
    path = str(tmp_path / f"a{ending}")
    if ending == ".nii":
        nibabel.save(nibabel.Nifti1Image(VOXELS.T, np.eye(4)), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(VOXELS), path)
    monkeypatch.setattr(claimed_size, "NOT_ASKED_BYTES", 0)
    monkeypatch.setattr(claimed_size, "available_bytes", lambda: 900)
    with pytest.raises(ImageProblemError, match=r"a\.\S+: its 6 x 5 x 4[ x1]* values need about 960 bytes of memory"):
        reader().read_seg(path)
    monkeypatch.setattr(claimed_size, "available_bytes", lambda: 960)
    assert reader().read_seg(path)[0].shape == (1, 4, 5, 6)


def test_constant_volumes_compress_well_and_are_read(tmp_path: Path) -> None:
    path = str(tmp_path / "a.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((64, 256, 256), np.uint8)), path, True)
    assert SimpleITKIO().read_seg(path)[0].shape == (1, 64, 256, 256)


def test_vectors_are_measured_too(tmp_path: Path) -> None:
    path = str(tmp_path / "a.nrrd")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6, 2), np.float32), isVector=True), path)
    assert SimpleITKIO().read_images([path])[0].shape == (2, 4, 5, 6)
