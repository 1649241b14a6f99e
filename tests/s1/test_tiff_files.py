import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import DriftError
from nnunetv2.imageio.natural_image_files import read_label_pixels, read_pixels
from s1.errors import ImageProblemError
from s1.image_files import image_size, read_image, read_mask

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (40, 50, 3), np.uint8)
COLOURS_FIRST = np.ascontiguousarray(RGB.transpose(2, 0, 1))
GREY = RGB[..., 0]
LABELS = GREY % 3

IMAGES = {
    "grey": (GREY, {"photometric": "minisblack"}),
    "white is zero": (GREY, {"photometric": "miniswhite"}),
    "colours last": (RGB, {"photometric": "rgb"}),
    "colours first": (COLOURS_FIRST, {"photometric": "rgb", "planarconfig": "separate"}),
    "a page per colour": (COLOURS_FIRST, {"photometric": "minisblack"}),
    "with alpha": (np.dstack([RGB, GREY]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
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
    for read in (read_image, image_size, lambda file: read_mask(file, GREY.shape)):
        with pytest.raises(ImageProblemError, match=r"x\.tiff: has the shape \(.*\), expected one 2D image"):
            read(path)


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint16), LABELS.astype(np.int32), LABELS > 0])
def test_masks_are_read_as_training_reads_them(tmp_path, labels):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, labels, photometric="miniswhite" if labels.dtype == bool else "minisblack")
    assert np.array_equal(read_mask(path, labels.shape), read_label_pixels(str(path)))


def test_the_indices_of_a_palette_are_what_training_reads(tmp_path):
    path = tmp_path / "x.tif"
    palette = Image.fromarray(LABELS)
    palette.putpalette([10, 20, 30] * 256)
    palette.save(path)
    assert np.array_equal(read_mask(path, LABELS.shape), LABELS)
    assert np.array_equal(read_image(path), read_pixels(str(path)))


def test_a_mask_of_fractions_is_refused(tmp_path):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, LABELS / np.float32(2))
    with pytest.raises(ImageProblemError, match="mask of type float32, expected one integer channel"):
        read_mask(path, LABELS.shape)


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
        with pytest.raises(ImageProblemError, match=rf"{name}\.tif: is {reason}"):
            read_image(tmp_path / f"{name}.tif")
    shutil.copy(__file__, tmp_path / "text.tif")
    with pytest.raises(ImageProblemError, match=r"text\.tif: is damaged or not a TIFF"):
        image_size(tmp_path / "text.tif")
    with pytest.raises(ImageProblemError, match=r"none\.tif: no such file"):
        read_image(tmp_path / "none.tif")
