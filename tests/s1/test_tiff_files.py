import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import DriftError
from nnunetv2.imageio.natural_image_files import read_label_pixels, read_pixels
from s1.errors import ImageProblemError
from s1.image_files import image_size, read_image, read_image_and_mask
from s1.tiff_files import read_tiff_stack

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (40, 50, 3), np.uint8)
COLOURS_FIRST = np.ascontiguousarray(RGB.transpose(2, 0, 1))
GREY = RGB[..., 0]
LABELS = GREY % 3
OPAQUE = np.full_like(GREY, 255)


def labels_of(tmp_path, mask):
    """Read a mask together with an image of its size."""
    Image.fromarray(RGB).save(tmp_path / "image.png")
    return read_image_and_mask(tmp_path / "image.png", mask)[1]


IMAGES = {
    "grey": (GREY, {"photometric": "minisblack"}),
    "white is zero": (GREY, {"photometric": "miniswhite"}),
    "colours last": (RGB, {"photometric": "rgb"}),
    "colours first": (COLOURS_FIRST, {"photometric": "rgb", "planarconfig": "separate"}),
    "a page per colour": (COLOURS_FIRST, {"photometric": "minisblack"}),
    "with alpha": (np.dstack([RGB, OPAQUE]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "JPEG 2000": (RGB, {"photometric": "rgb", "compression": "jpeg2000"}),
    "tiled and compressed": (RGB, {"photometric": "rgb", "tile": (16, 16), "compression": "zlib"}),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_images_are_read_as_training_reads_them_without_alpha(tmp_path, kind):
    pixels, options = IMAGES[kind]
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, pixels, **options)
    image = read_image(path)
    expected = read_pixels(str(path))
    assert np.array_equal(image, expected if expected.ndim == 2 else expected[..., :3])
    assert image_size(path) == GREY.shape


@pytest.mark.parametrize(
    "pixels",
    [
        np.stack([GREY] * 5),
        np.stack([RGB] * 2),
        np.dstack([GREY, GREY]),
    ],
)
def test_shapes_that_training_refuses_are_refused(tmp_path, pixels):
    path = tmp_path / "x.tiff"
    tifffile.imwrite(path, pixels, photometric="rgb" if pixels.shape[-1] == 3 else "minisblack")
    with pytest.raises(DriftError):
        read_pixels(str(path))
    for read in (read_image, lambda file: labels_of(tmp_path, file)):
        with pytest.raises(ImageProblemError, match=r"x\.tiff: .*shape \(.*\)"):
            read(path)


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint16), LABELS.astype(np.int32), LABELS > 0])
def test_masks_are_read_as_training_reads_them(tmp_path, labels):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, labels, photometric="minisblack")
    assert np.array_equal(labels_of(tmp_path, path), read_label_pixels(str(path)))


def test_a_palette_is_colours_in_images_and_indices_in_masks(tmp_path):
    path = tmp_path / "x.tif"
    palette = Image.fromarray(LABELS)
    palette.putpalette([10, 20, 30] * 256)
    palette.save(path)
    assert np.array_equal(labels_of(tmp_path, path), LABELS)
    assert np.array_equal(read_image(path), np.broadcast_to(np.uint8([10, 20, 30]), RGB.shape))
    assert np.array_equal(read_image(path), read_pixels(str(path)))


def test_a_palette_of_8_bits_in_the_place_of_16_is_read_as_libtiff_does(tmp_path):
    path = tmp_path / "x.tif"
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :3] = [[10, 20, 30], [40, 50, 60], [70, 80, 255]]
    tifffile.imwrite(path, LABELS, photometric="palette", colormap=colours)
    assert np.array_equal(read_image(path), colours.T[LABELS])


def test_stacks_are_inverted_where_zero_is_white_and_such_labels_refused(tmp_path):
    path = tmp_path / "x.tif"
    stack = np.stack([GREY, GREY // 2])
    tifffile.imwrite(path, stack, photometric="miniswhite")
    assert np.array_equal(read_tiff_stack(path), 255 - stack)
    with pytest.raises(ImageProblemError, match=r"x\.tif: a tag says that 0 is white"):
        read_tiff_stack(path, is_label=True)


def test_stacks_with_an_orientation_tag_are_refused(tmp_path):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.stack([GREY] * 2), photometric="minisblack", extratags=[(274, 3, 1, 6, True)])
    for is_label in (False, True):
        with pytest.raises(ImageProblemError, match=r"x\.tif: a stack with an orientation tag"):
            read_tiff_stack(path, is_label)


def test_a_mask_of_fractions_is_refused(tmp_path):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, LABELS / np.float32(2))
    with pytest.raises(ImageProblemError, match="mask of type float32, expected one integer channel"):
        labels_of(tmp_path, path)


def test_an_image_beyond_pillows_limit_of_pixels_is_read(tmp_path, monkeypatch):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, RGB, photometric="rgb")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert np.array_equal(read_image(path), RGB)


def test_damaged_and_missing_files_are_named(tmp_path):
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, RGB, photometric="rgb", compression="zlib")
    for name, size, reason in (("short", 2000, "damaged"), ("head", 6, "damaged"), ("empty", 0, "damaged")):
        (tmp_path / f"{name}.tif").write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ImageProblemError, match=rf"{name}\.tif: .*{reason}"):
            read_image(tmp_path / f"{name}.tif")
    shutil.copy(__file__, tmp_path / "text.tif")
    with pytest.raises(ImageProblemError, match=r"text\.tif: cannot be read, damaged"):
        image_size(tmp_path / "text.tif")
    with pytest.raises(ImageProblemError, match=r"none\.tif: no such file"):
        read_image(tmp_path / "none.tif")


def test_a_file_is_opened_once(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    opened, original = [], tifffile.TiffFile
    monkeypatch.setattr(tifffile, "TiffFile", lambda path: opened.append(path) or original(path))
    assert read_image(tmp_path / "x.tif").shape == (8, 8, 3)
    assert opened == [tmp_path / "x.tif"]
