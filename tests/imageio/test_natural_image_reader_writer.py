from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import CallError, ImageProblemError
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

RANDOM = np.random.default_rng(0)


def saved(path: Path, *shape: int) -> tuple[str, np.ndarray]:
    pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path), pixels


def test_one_rgb_file_gives_three_channels(tmp_path: Path) -> None:
    name, pixels = saved(tmp_path / "a_0000.png", 5, 7, 3)

    data, properties = NaturalImage2DIO().read_images([name])

    assert data.dtype == np.float32
    np.testing.assert_array_equal(data, pixels.transpose(2, 0, 1)[:, None])
    assert properties == {"spacing": (999, 1, 1)}


def test_two_rgb_files_give_six_channels(tmp_path: Path) -> None:
    names, pixels = zip(*(saved(tmp_path / f"a_000{i}.png", 5, 7, 3) for i in range(2)), strict=True)

    data, _ = NaturalImage2DIO().read_images(names)

    np.testing.assert_array_equal(data[:, 0], np.concatenate([p.transpose(2, 0, 1) for p in pixels]))


def test_a_colour_and_a_grey_file_cannot_be_combined(tmp_path: Path) -> None:
    names = [saved(tmp_path / "a_0000.png", 5, 7, 3)[0], saved(tmp_path / "a_0001.png", 5, 7)[0]]
    with pytest.raises(RuntimeError, match=r"a_0000.png: \(3, 1, 5, 7\), .*a_0001.png: \(1, 1, 5, 7\)"):
        NaturalImage2DIO().read_images(names)


def test_files_of_different_sizes_cannot_be_combined(tmp_path: Path) -> None:
    names = [saved(tmp_path / "a_0000.png", 5, 7)[0], saved(tmp_path / "a_0001.png", 5, 8)[0]]
    with pytest.raises(ImageProblemError, match="differ in shape"):
        NaturalImage2DIO().read_images(names)


@pytest.mark.parametrize(("largest", "mode"), [(254, "L"), (255, "I;16"), (300, "I;16")])
def test_labels_are_written_as_read(tmp_path: Path, largest: int, mode: str) -> None:
    seg = RANDOM.integers(0, 3, (1, 5, 7))
    seg[0, 2, 3] = largest
    path = str(tmp_path / "a.png")

    NaturalImage2DIO().write_seg(seg, path, {"spacing": (999, 1, 1)})

    with Image.open(path) as image:
        assert image.mode == mode
    read, properties = NaturalImage2DIO().read_seg(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, seg[None])
    assert properties == {"spacing": (999, 1, 1)}


def test_only_a_single_slice_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"shape \(1, H, W\), got \(2, 5, 7\)"):
        NaturalImage2DIO().write_seg(np.zeros((2, 5, 7), int), str(tmp_path / "a.png"), {})


def test_the_orientation_tag_is_followed_and_noted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    pixels = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    for read in (lambda path: NaturalImage2DIO().read_images([path]), NaturalImage2DIO().read_seg):
        data, properties = read(str(tmp_path / "a.png"))
        np.testing.assert_array_equal(data[0, 0], np.rot90(pixels, -1))
        assert properties == {"spacing": (999, 1, 1), "orientation": 6}


def test_channels_with_different_orientation_tags_cannot_be_combined(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 3
    pixels = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
    for channel in range(2):
        Image.fromarray(pixels).save(tmp_path / f"a_000{channel}.png", **({"exif": exif} if channel else {}))
    with pytest.raises(ImageProblemError, match=r"differ in orientation tag: .*a_0000.png: \[1.0\], .*a_0001"):
        NaturalImage2DIO().read_images([str(tmp_path / f"a_000{channel}.png") for channel in range(2)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_labels_are_compressed_without_loss(tmp_path: Path, dtype: type) -> None:
    labels = np.zeros((1, 200, 300), np.int64)
    labels[0, 20:90, 30:200] = 2
    labels[0, 0, 0] = np.iinfo(dtype).max - 1
    path = tmp_path / "a.tif"
    NaturalImage2DIO().write_seg(labels, str(path), {})
    assert path.stat().st_size < labels.size / 10
    np.testing.assert_array_equal(NaturalImage2DIO().read_seg(str(path))[0][0], labels)
