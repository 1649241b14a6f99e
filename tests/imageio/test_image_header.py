import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

from nnunetv2.imageio.image_header import ImageHeader, read_header
from s1 import claimed_size, tiff_rows

PIXELS = np.zeros((20, 30, 3), np.uint8)


@pytest.mark.parametrize("ending", ["png", "bmp", "jpg", "tif"])
def test_pictures_have_one_slice_and_no_spacing(tmp_path: Path, ending: str) -> None:
    Image.fromarray(PIXELS).save(tmp_path / f"a.{ending}")
    assert read_header(tmp_path / f"a.{ending}") == ImageHeader((1, 20, 30))


def test_stacks_and_volumes_have_the_axes_of_their_arrays(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((7, 20, 30), np.uint8))
    assert read_header(tmp_path / "a.tif") == ImageHeader((7, 20, 30))
    image = sitk.GetImageFromArray(np.zeros((7, 20, 30), np.uint8))
    image.SetSpacing((0.5, 1.0, 2.0))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    header = read_header(tmp_path / "a.nii.gz")
    assert header == ImageHeader((7, 20, 30), (2.0, 1.0, 0.5))
    assert header.voxels == 7 * 20 * 30


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.nii.gz", "a.unknown", "missing.png"])
def test_files_that_cannot_be_read_have_no_size(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    (tmp_path / "a.nii.gz").write_bytes(b"none")
    assert read_header(tmp_path / name) is None


@pytest.mark.parametrize("ending", ["png", "tif", "nii.gz"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, ending: str) -> None:
    os.mkfifo(tmp_path / f"a.{ending}")
    assert read_header(tmp_path / f"a.{ending}") is None


@pytest.mark.parametrize(("dtype", "size"), [(np.uint8, 1), (np.uint16, 2)])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_the_bytes_of_a_value_are_told(tmp_path, name, dtype, size):
    Image.fromarray(np.zeros((5, 7), dtype)).save(tmp_path / name)
    header = read_header(tmp_path / name)
    assert (header.shape, header.bytes_per_value) == ((1, 5, 7), size)


def test_a_tiff_image_larger_than_the_memory_has_a_header_that_tells_how_many_rows_are_decoded(tmp_path, monkeypatch):
    pixels, rows = np.zeros((3000, 2000), np.uint8), 2 * (256 + tiff_rows._ROWS_KEPT)
    for module in (claimed_size, tiff_rows):
        monkeypatch.setattr(module, "available_bytes", lambda: 40 * 10**6)
    monkeypatch.setattr(tiff_rows, "SMALLEST_BYTES", 0)
    monkeypatch.setattr(claimed_size, "NOT_ASKED_BYTES", 0)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(256, 256), compression="zlib")
    assert read_header(tmp_path / "a.tif") == ImageHeader((1, 3000, 2000), rows_in_memory=rows)
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((3000, 8000), np.uint8), rowsperstrip=3000, compression="zlib")
    assert read_header(tmp_path / "b.tif") == ImageHeader((1, 3000, 8000))
