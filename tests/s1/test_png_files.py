"""The reference is Pillow, which reads small files."""

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from s1 import png_files
from s1.png_files import decode_large_png
from s1.shown_pixels import read_shown_pixels

RGB = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
GREY = RGB[..., 0]
DEEP = GREY.astype(np.uint16) * 257 + 3


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_files, "_LEAST_PX", 100)


def write(folder: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(folder / "a.png", **options)
    return folder / "a.png"


@pytest.mark.parametrize("pixels", [RGB, GREY, DEEP], ids=["RGB", "grey", "16 bits"])
@pytest.mark.parametrize("options", [{}, {"dpi": (300, 300)}, {"pnginfo": "text"}], ids=["plain", "with dpi", "text"])
def test_plain_files_have_the_pixels_that_were_written(tmp_path, pixels, options):
    if options.get("pnginfo"):
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_text("Software", "test")
    file = write(tmp_path, pixels, **options)
    decoded = decode_large_png(file)
    assert decoded is not None
    assert decoded.dtype == pixels.dtype
    assert np.array_equal(decoded, pixels)
    assert np.array_equal(read_shown_pixels(file).pixels, pixels)


def test_small_files_are_left_to_pillow(tmp_path, monkeypatch):
    monkeypatch.setattr(png_files, "_LEAST_PX", RGB.shape[0] * RGB.shape[1] + 1)
    assert decode_large_png(write(tmp_path, RGB)) is None


def test_files_with_an_orientation_transparency_a_palette_or_alpha_are_left_to_pillow(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    hidden = PngImagePlugin.PngInfo()
    hidden.add_text("Raw profile type exif", "...")
    alpha = np.dstack([RGB, GREY])
    for pixels, options in ((RGB, {"exif": exif}), (RGB, {"transparency": (1, 2, 3)}), (RGB, {"pnginfo": hidden})):
        assert decode_large_png(write(tmp_path, pixels, **options)) is None
    assert decode_large_png(write(tmp_path, alpha)) is None
    Image.fromarray(RGB).quantize(16).save(tmp_path / "a.png")
    assert decode_large_png(tmp_path / "a.png") is None
    Image.fromarray(GREY > 99).save(tmp_path / "a.png")
    assert decode_large_png(tmp_path / "a.png") is None


def test_a_turned_picture_is_read_as_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert np.array_equal(read_shown_pixels(write(tmp_path, RGB, exif=exif)).pixels, np.rot90(RGB, -1))


@pytest.mark.parametrize("keep", [4, 20, 60, 0.5, 0.99])
def test_what_is_cut_off_is_left_to_pillow_which_says_so(tmp_path, keep):
    file = write(tmp_path, RGB)
    content = file.read_bytes()
    file.write_bytes(content[: keep if keep > 1 else int(keep * len(content))])
    assert decode_large_png(file) is None


def test_a_header_that_claims_another_kind_of_pixels_or_no_picture_at_all_is_left_to_pillow(tmp_path):
    file = write(tmp_path, GREY)
    content = bytearray(file.read_bytes())
    content[25] = 2  # colour type: RGB
    file.write_bytes(content)
    assert decode_large_png(file) is None
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + (0).to_bytes(4, "big") + b"IEND")
    assert decode_large_png(file) is None


def test_the_array_is_decoded_into_without_a_copy(tmp_path, monkeypatch):
    outs = []
    decode = imagecodecs.png_decode
    monkeypatch.setattr(imagecodecs, "png_decode", lambda content, out: outs.append(out) or decode(content, out=out))
    assert decode_large_png(write(tmp_path, RGB)) is outs[0]


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


ORIENTATION = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


@pytest.mark.parametrize(
    "text", [b"exif\0" + ORIENTATION, b'XML:com.adobe.xmp\0<x tiff:Orientation="6"/>'], ids=["EXIF", "XMP"]
)
@pytest.mark.parametrize("place", [33, -12], ids=["before the pixels", "after them"])
def test_a_text_that_turns_the_picture_does_so_in_large_files(tmp_path, text, place):
    file = write(tmp_path, RGB)
    content = file.read_bytes()
    file.write_bytes(content[:place] + chunk(b"tEXt", text) + content[place:])
    assert decode_large_png(file) is None
    assert np.array_equal(read_shown_pixels(file).pixels, np.rot90(RGB, -1))


@pytest.mark.parametrize("place", [8, 33, -12], ids=["first", "second", "after the pixels"])
def test_a_second_header_which_nobody_has_checked_takes_no_memory(tmp_path, monkeypatch, place):
    file = write(tmp_path, RGB)
    content = file.read_bytes()
    huge = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0))
    file.write_bytes(content[:place] + huge + content[place:])
    monkeypatch.setattr(np, "empty", lambda *_: pytest.fail("memory"))
    assert decode_large_png(file) is None


def test_interlaced_files_about_which_the_library_complains_are_left_to_pillow(tmp_path, monkeypatch):
    file = write(tmp_path, GREY)
    content = bytearray(file.read_bytes())
    content[28] = 1
    file.write_bytes(content)
    monkeypatch.setattr(imagecodecs, "png_decode", lambda *_, **__: pytest.fail("decoded"))
    assert decode_large_png(file) is None
