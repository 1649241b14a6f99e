from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import ImageProblemError, UnfitImageError
from nnunetv2.imageio import label_reading, reading_errors
from nnunetv2.imageio.label_reading import open_labels, parts_of, read_labels
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.row_images import RowImage
from s1 import claimed_size, tiff_rows


class Doubling(NaturalImage2DIO):
    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        labels, properties = super().read_seg(seg_fname)
        return labels * 2, properties


def test_labels_of_pictures_stay_bytes(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1], [2, 255]], np.uint8)).save(tmp_path / "a.png")
    labels = read_labels(NaturalImage2DIO(), str(tmp_path / "a.png"))
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, NaturalImage2DIO().read_seg(str(tmp_path / "a.png"))[0])


def test_a_reader_of_its_own_is_asked(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(tmp_path / "a.png")
    assert read_labels(Doubling(), str(tmp_path / "a.png")).tolist() == [[[[0, 2]]]]


@pytest.mark.parametrize("place", ["class", "instance"])
def test_a_replaced_method_of_the_reader_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(tmp_path / "a.png")
    reader, nines = NaturalImage2DIO(), (np.full((1, 1, 1, 2), 9), {})
    if place == "class":
        monkeypatch.setattr(NaturalImage2DIO, "read_seg", lambda self, file: nines)
    else:
        monkeypatch.setattr(reader, "read_seg", lambda file: nines)
    assert read_labels(reader, str(tmp_path / "a.png")).tolist() == [[[[9, 9]]]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_large_label_images_are_read_by_rows_with_the_values_of_the_whole(tmp_path, monkeypatch, dtype) -> None:
    monkeypatch.setattr(tiff_rows, "SMALLEST_BYTES", 0)
    monkeypatch.setattr(label_reading, "_PIXELS_AT_ONCE", 1000)
    labels = np.random.default_rng(0).integers(0, 200, (101, 75)).astype(dtype)
    files = [str(tmp_path / name) for name in ("a.tif", "a.png")]
    tifffile.imwrite(files[0], labels, rowsperstrip=7, compression="zlib", photometric="minisblack")
    Image.fromarray(labels).save(files[1])
    in_rows, whole = (open_labels(NaturalImage2DIO(), file) for file in files)
    assert isinstance(in_rows, RowImage)
    assert isinstance(whole, np.ndarray)
    assert in_rows.shape == whole.shape
    pairs = list(zip(parts_of(in_rows), parts_of(whole), strict=True))
    assert len(pairs) > 5
    assert all(np.array_equal(*pair) for pair in pairs)
    assert np.array_equal(np.concatenate([part for part, _ in pairs], axis=1)[0], labels)


def test_large_labels_that_do_not_fit_into_memory_as_a_whole_are_read_by_rows(tmp_path, monkeypatch) -> None:
    file = str(tmp_path / "a.tif")
    tifffile.imwrite(file, np.zeros((3000, 4000), np.uint8), tile=(256, 256), compression="zlib")
    monkeypatch.setattr(tiff_rows, "SMALLEST_BYTES", 0)
    for module in (claimed_size, tiff_rows):
        monkeypatch.setattr(module, "available_bytes", lambda: 50 * 10**6)
    with pytest.raises(ImageProblemError, match="of memory"):
        read_labels(NaturalImage2DIO(), file)
    assert isinstance(open_labels(NaturalImage2DIO(), file), RowImage)


def test_labels_in_colours_or_compressed_as_jpeg_are_left_to_the_reader_that_checks_them(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tiff_rows, "SMALLEST_BYTES", 0)
    file = str(tmp_path / "a.tif")
    tifffile.imwrite(file, np.zeros((64, 64), np.uint8), tile=(16, 16), compression="jpeg")
    with pytest.raises(UnfitImageError, match="compressed as JPEG"):
        open_labels(NaturalImage2DIO(), file)
    tifffile.imwrite(file, np.full((64, 64, 3), 2, np.uint8), tile=(16, 16), photometric="rgb")
    assert (open_labels(NaturalImage2DIO(), file) == np.full((1, 1, 64, 64), 2)).all()


def test_labels_with_fewer_axes_are_one_part() -> None:
    labels = np.arange(6).reshape(2, 3)
    (part,) = parts_of(labels)
    assert np.array_equal(part, labels)


def test_png_files_are_checked_once(tmp_path, monkeypatch) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    checked = []
    monkeypatch.setattr(reading_errors, "require_whole", checked.append)
    open_labels(NaturalImage2DIO(), str(tmp_path / "a.png"))
    NaturalImage2DIO().read_in_rows([str(tmp_path / "a.png")])
    assert checked == 2 * [str(tmp_path / "a.png")]
