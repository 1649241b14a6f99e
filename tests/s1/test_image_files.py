import numpy as np
import pytest
from PIL import Image

from s1.errors import ImageProblemError
from s1.image_files import image_size, read_image, read_image_and_mask
from tests.s1.image_kinds import turned_by

RGB = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
GREY = RGB[..., 0]


def saved(tmp_path, picture, name="x.png"):
    picture.save(tmp_path / name)
    return tmp_path / name


def labels_of(tmp_path, mask):
    """Read a mask together with an image of 9 x 12 pixels."""
    return read_image_and_mask(saved(tmp_path, Image.fromarray(RGB), "image.png"), mask)[1]


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff", ".bmp"])
def test_rgb_and_grey_are_read_unchanged(tmp_path, ending):
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(RGB), f"x{ending}")), RGB)
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(GREY), f"g{ending}")), GREY)


def test_jpeg_is_read(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(path, quality=95)
    assert np.allclose(read_image(path), 90, atol=2)


def test_alpha_is_dropped_if_every_pixel_is_opaque(tmp_path):
    alpha = np.concatenate([RGB, np.full((12, 9, 1), 255, np.uint8)], axis=-1)
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(alpha))), RGB)
    alpha[3, 4, 3] = 254
    with pytest.raises(ImageProblemError, match=r"x\.png: has transparent pixels"):
        read_image(saved(tmp_path, Image.fromarray(alpha)))


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
        Image.fromarray(GREY > 100),
    ],
)
def test_other_kinds_are_refused_with_the_reason(tmp_path, picture):
    path = saved(tmp_path, picture, "x.tif")
    with pytest.raises(ImageProblemError, match=r"x\.tif: is a .* image, expected 8-bit"):
        read_image(path)


def test_damaged_truncated_and_missing_files_are_named(tmp_path):
    whole = saved(tmp_path, Image.fromarray(np.tile(RGB, (20, 20, 1)))).read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    for name, reason in (
        ("short.png", "damaged"),
        ("text.png", "not a known image format"),
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
    for read in (read_image, image_size, lambda file: labels_of(tmp_path, file)):
        with pytest.raises(ImageProblemError, match=r"x\.png: an animation of 2 images; expected one image per file"):
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
        assert np.array_equal(labels_of(tmp_path, saved(tmp_path, picture)), labels)
    assert np.array_equal(labels_of(tmp_path, saved(tmp_path, Image.fromarray(labels > 0))), labels > 0)


def test_a_mask_of_another_shape_is_refused_with_both_shapes(tmp_path):
    path = saved(tmp_path, Image.fromarray(GREY[:, :8]))
    with pytest.raises(ImageProblemError, match=r"x\.png: the mask is 8 x 12 pixels, its image 9 x 12"):
        labels_of(tmp_path, path)


def test_a_mask_in_colour_is_refused(tmp_path):
    with pytest.raises(ImageProblemError, match="one value per pixel"):
        labels_of(tmp_path, saved(tmp_path, Image.fromarray(RGB)))


def test_a_mask_without_the_orientation_tag_of_its_image_is_refused(tmp_path):
    turned_by(3, GREY)(tmp_path / "turned.png")
    mask = saved(tmp_path, Image.fromarray(GREY % 3))
    with pytest.raises(
        ImageProblemError, match=r"turned\.png: its orientation tag says turned by 180 degrees, that of"
    ):
        read_image_and_mask(tmp_path / "turned.png", mask)
    turned_by(3, GREY % 3)(mask)
    image, labels = read_image_and_mask(tmp_path / "turned.png", mask)
    assert np.array_equal(image % 3, labels)
    assert np.array_equal(image, GREY[::-1, ::-1])
