import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import ImageProblemError, MissingFileError, UnfitImageError
from nnunetv2.imageio.natural_image_files import read_label_pixels, read_pixels, write_label_pixels

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGBA = RANDOM.integers(0, 256, (5, 7, 4), dtype=np.uint8)
DEEP = RANDOM.integers(0, 65536, (5, 7), dtype=np.uint16)
PALETTE = [(0, 0, 0), (255, 0, 0), (0, 200, 10)]


def save_palette(path: Path, indices: np.ndarray, colours: Sequence[tuple[int, int, int]] = PALETTE) -> None:
    image = Image.fromarray(indices, mode=None).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([value for colour in colours for value in colour])
    image.save(path)


def write_grey_png_with_few_bits(path: Path, bits: int, rows: list[bytes], width: int) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "rgb"])
def test_8_bit_files_keep_their_values(tmp_path: Path, pixels: np.ndarray, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(read_pixels(str(path)), pixels)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_transparency_is_a_fourth_channel(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(RGBA).save(path)
    np.testing.assert_array_equal(read_pixels(str(path)), RGBA)


def test_16_bit_grey_files_keep_their_values(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(DEEP))
    tifffile.imwrite(tmp_path / "a.tif", DEEP)
    np.testing.assert_array_equal(read_pixels(str(tmp_path / "a.png")), DEEP)
    np.testing.assert_array_equal(read_pixels(str(tmp_path / "a.tif")), DEEP)


def test_a_16_bit_colour_png_gives_the_upper_8_bits_with_a_warning(tmp_path: Path) -> None:
    deep = RANDOM.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    with pytest.warns(UserWarning, match=r"a.png: 16-bit colours are read with their upper 8 bits"):
        pixels = read_pixels(str(tmp_path / "a.png"))
    np.testing.assert_array_equal(pixels, deep >> 8)


def test_black_and_white_is_0_and_1(tmp_path: Path) -> None:
    Image.fromarray(GREY > 128).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_pixels(str(tmp_path / "a.png")), GREY > 128)


def test_4_bit_grey_is_scaled_to_8_bits(tmp_path: Path) -> None:
    write_grey_png_with_few_bits(tmp_path / "a.png", 4, [bytes([0x01, 0xEF])] * 2, width=4)
    np.testing.assert_array_equal(read_pixels(str(tmp_path / "a.png")), [[0, 17, 238, 255]] * 2)


def test_palette_images_become_rgb(tmp_path: Path) -> None:
    indices = RANDOM.integers(0, 3, (5, 7), dtype=np.uint8)
    save_palette(tmp_path / "a.png", indices)
    np.testing.assert_array_equal(read_pixels(str(tmp_path / "a.png")), np.array(PALETTE)[indices])


def test_palette_labels_are_the_indices(tmp_path: Path) -> None:
    indices = RANDOM.integers(0, 3, (5, 7), dtype=np.uint8)
    save_palette(tmp_path / "a.png", indices)
    np.testing.assert_array_equal(read_label_pixels(str(tmp_path / "a.png")), indices)


@pytest.mark.parametrize(
    "greys",
    [pytest.param((0, 1, 2), id="as their indices"), pytest.param((0, 255, 7), id="black and white, a third unused")],
)
def test_an_unambiguous_grey_palette_gives_the_indices(tmp_path: Path, greys: tuple[int, ...]) -> None:
    indices = RANDOM.integers(0, 2, (5, 7), dtype=np.uint8)
    save_palette(tmp_path / "a.png", indices, [(grey, grey, grey) for grey in greys])
    np.testing.assert_array_equal(read_label_pixels(str(tmp_path / "a.png")), indices)


@pytest.mark.parametrize("greys", [(0, 2), (255, 0), (1, 0)])
def test_a_grey_palette_whose_greys_differ_from_the_indices_is_refused(tmp_path: Path, greys: tuple[int, ...]) -> None:
    save_palette(tmp_path / "a.png", np.array([[0, 1, 1]], np.uint8), [(grey, grey, grey) for grey in greys])
    with pytest.raises(
        UnfitImageError, match=rf"a\.png: a palette shows the indices \[0, 1\] as the greys \[{greys[0]}"
    ):
        read_label_pixels(str(tmp_path / "a.png"))


@pytest.mark.parametrize("read", [read_pixels, read_label_pixels])
def test_animations_are_refused(tmp_path: Path, read: Callable[[str], np.ndarray]) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png", save_all=True, append_images=[Image.fromarray(GREY // 2)])
    with pytest.raises(UnfitImageError, match=r"a\.png: an animation of 2 images"):
        read(str(tmp_path / "a.png"))


@pytest.mark.parametrize("pixels", [RGB, RGBA, RGB[..., :2]], ids=["rgb", "rgba", "grey with alpha"])
def test_colour_labels_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(UnfitImageError, match=r"a\.png: a label file needs one value per pixel"):
        read_label_pixels(str(tmp_path / "a.png"))


def test_grey_with_alpha_is_refused_as_an_image(tmp_path: Path) -> None:
    Image.fromarray(RGB[..., :2]).save(tmp_path / "a.png")
    with pytest.raises(AssertionError, match=r"a\.png: array of shape \(5, 7, 2\); expected a 2D image"):
        read_pixels(str(tmp_path / "a.png"))


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 6, 7), (2, 6, 7, 3)])
def test_tiff_stacks_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8), photometric="rgb" if len(shape) == 4 else None)
    with pytest.raises(UnfitImageError, match=r"a\.tif: array of shape"):
        read_pixels(str(tmp_path / "a.tif"))


def test_colour_planes_of_a_tiff_may_come_first(tmp_path: Path) -> None:
    planes = RANDOM.integers(0, 256, (3, 5, 7), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_pixels(str(tmp_path / "a.tif")), planes.transpose(1, 2, 0))


@pytest.mark.parametrize("kept", [0, 20, 150, 9000])
def test_a_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ImageProblemError, match=rf"a\.png: .*{kept} bytes"):
        read_pixels(str(path))


def test_a_corrupted_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(ImageProblemError, match=r"a\.png: is damaged \(wrong checksum"):
        read_pixels(str(path))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_text_and_missing_files_are_told_apart(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"text.{ending}").write_text("no image")
    with pytest.raises(ImageProblemError, match="text"):
        read_pixels(str(tmp_path / f"text.{ending}"))
    with pytest.raises(MissingFileError, match="image not found"):
        read_pixels(str(tmp_path / f"missing.{ending}"))


@pytest.mark.parametrize(
    ("dtype", "ending"), [(np.uint8, "png"), (np.uint16, "png"), (np.uint16, "tif"), (np.uint8, "bmp")]
)
def test_written_labels_are_read_back(tmp_path: Path, dtype: type, ending: str) -> None:
    labels = RANDOM.integers(0, np.iinfo(dtype).max, (6, 9)).astype(dtype)
    path = str(tmp_path / f"a.{ending}")
    write_label_pixels(labels, path)
    np.testing.assert_array_equal(read_label_pixels(path), labels)
    assert [file.name for file in tmp_path.iterdir()] == [f"a.{ending}"]


def test_a_format_that_cannot_hold_the_labels_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageProblemError, match=r"a\.bmp: cannot store uint16 labels"):
        write_label_pixels(np.full((4, 4), 300, np.uint16), str(tmp_path / "a.bmp"))
    assert not list(tmp_path.iterdir())
