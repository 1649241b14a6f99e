import numpy as np
import pytest
from PIL import Image

from s1.errors import ImageProblemError
from s1.image_files import image_size, read_image, read_mask

RGB = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
GREY = RGB[..., 0]


def saved(tmp_path, picture, name="x.png"):
    picture.save(tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff", ".bmp"])
def test_rgb_and_grey_are_read_unchanged(tmp_path, ending):
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(RGB), f"x{ending}")), RGB)
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(GREY), f"g{ending}")), GREY)


def test_jpeg_is_read(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(path, quality=95)
    assert np.allclose(read_image(path), 90, atol=2)


def test_alpha_is_dropped_not_blended(tmp_path):
    alpha = np.concatenate([RGB, np.full((12, 9, 1), 40, np.uint8)], axis=-1)
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(alpha))), RGB)
    grey_alpha = Image.fromarray(GREY)
    grey_alpha.putalpha(30)
    assert np.array_equal(read_image(saved(tmp_path, grey_alpha)), GREY)


def test_a_palette_is_resolved(tmp_path):
    few_colours = (RGB // 128) * 100
    palette = Image.fromarray(few_colours).quantize(16)
    assert np.array_equal(read_image(saved(tmp_path, palette)), np.asarray(palette.convert("RGB")))


def test_the_size_comes_from_the_header(tmp_path):
    assert image_size(saved(tmp_path, Image.fromarray(RGB))) == (12, 9)


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(GREY.astype(np.uint16) * 200),
        Image.fromarray(GREY.astype(np.float32)),
        Image.fromarray(RGB).convert("CMYK"),
        Image.fromarray(GREY > 100),
    ],
)
def test_other_kinds_are_refused_with_the_reason(tmp_path, picture):
    path = saved(tmp_path, picture, "x.tif")
    with pytest.raises(ImageProblemError, match=r"x\.tif: is a .* image, expected 8-bit"):
        read_image(path)


def test_16_bit_rgb_is_refused_not_reduced_to_8(tmp_path):
    import struct
    import zlib

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(12)) * 2)
    path = tmp_path / "deep.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    with pytest.raises(ImageProblemError, match=r"deep\.png: is a 16-bit RGB image"):
        read_image(path)


def test_damaged_truncated_and_missing_files_are_named(tmp_path):
    whole = saved(tmp_path, Image.fromarray(np.tile(RGB, (20, 20, 1)))).read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    for name, reason in (
        ("short.png", "damaged"),
        ("text.png", "cannot be read"),
        ("empty.png", "cannot be read"),
        ("none.png", "no such file"),
    ):
        with pytest.raises(ImageProblemError, match=reason) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)


def test_a_file_with_several_pictures_is_refused(tmp_path):
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    path = tmp_path / "x.png"
    first.save(path, save_all=True, append_images=[second])
    for read in (read_image, image_size, lambda file: read_mask(file, (12, 9))):
        with pytest.raises(ImageProblemError, match=r"x\.png: contains 2 pictures, expected one per file"):
            read(path)


def test_masks_give_label_numbers(tmp_path):
    labels = GREY % 3
    palette = Image.fromarray(labels)
    palette.putpalette([10, 20, 30] * 256)
    for picture in (
        Image.fromarray(labels),
        palette,
        Image.fromarray(np.stack([labels] * 3, axis=-1)),
        Image.fromarray(labels.astype(np.uint16)),
    ):
        assert np.array_equal(read_mask(saved(tmp_path, picture), (12, 9)), labels)
    assert np.array_equal(read_mask(saved(tmp_path, Image.fromarray(labels > 0)), (12, 9)), labels > 0)


def test_a_mask_of_another_shape_is_refused_with_both_shapes(tmp_path):
    path = saved(tmp_path, Image.fromarray(GREY))
    with pytest.raises(ImageProblemError, match=r"x\.png: the mask is 9 x 12 pixels, its image 10 x 12"):
        read_mask(path, (12, 10))


def test_a_mask_in_colour_is_refused(tmp_path):
    with pytest.raises(ImageProblemError, match="colour mask"):
        read_mask(saved(tmp_path, Image.fromarray(RGB)), (12, 9))
