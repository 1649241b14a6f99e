from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import InvalidOutputError, UnfitImageError
from nnunetv2.imageio.jpeg_reader_writer import JpegImage2DIO

LABELS = np.random.default_rng(0).integers(0, 3, (1, 12, 16))


@pytest.mark.parametrize(("shape", "channels"), [((12, 16, 3), 3), ((12, 16), 1)])
@pytest.mark.parametrize("ending", ["jpg", "jpeg", "JPG"])
def test_colour_and_grey_jpegs_are_read_as_pillow_decodes_them(
    tmp_path: Path, ending: str, shape: tuple[int, ...], channels: int
) -> None:
    path = tmp_path / f"a_0000.{ending}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8)).save(path, format="JPEG")
    data, properties = JpegImage2DIO().read_images([str(path)])
    assert data.shape == (channels, 1, 12, 16)
    assert properties == {"spacing": (999, 1, 1)}
    with Image.open(path) as image:
        expected = np.asarray(image).reshape(12, 16, channels)
    np.testing.assert_array_equal(data[:, 0], expected.transpose(2, 0, 1))


def test_labels_are_png_files(tmp_path: Path) -> None:
    JpegImage2DIO().write_seg(LABELS, str(tmp_path / "a.png"), {})
    np.testing.assert_array_equal(JpegImage2DIO().read_seg(str(tmp_path / "a.png"))[0][0], LABELS)


def test_labels_are_neither_written_to_nor_read_from_jpeg(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidOutputError, match=r"a\.jpg: JPEG changes the values of labels; write them to a PNG file"
    ):
        JpegImage2DIO().write_seg(LABELS, str(tmp_path / "a.jpg"), {})
    Image.fromarray(LABELS[0].astype(np.uint8)).save(tmp_path / "a.jpg")
    with pytest.raises(UnfitImageError, match=r"a\.jpg: is a JPEG file, which changes the values of labels"):
        JpegImage2DIO().read_seg(str(tmp_path / "a.jpg"))
