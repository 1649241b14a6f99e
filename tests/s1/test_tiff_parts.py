"""Strips and tiles that would fill the memory of whoever decodes them are refused before they are decoded."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from s1 import tiff_parts
from s1.coded_sizes import CodedSize
from s1.errors import ImageProblemError
from s1.shown_pixels import read_shown_pixels, shown_image_size
from s1.tiff_parts import LARGEST_SMALL_TILE, is_larger

ADOBE_DEFLATE, JPEG = 8, 7
SIDE = 16


def write_tiff(file: Path, part: bytes, compression: int, tile: int | None = None) -> Path:
    """Write a grey image of 16 x 16 pixels with one part: a tile of a size, or a strip."""
    short = {256: SIDE, 257: SIDE, 258: 8, 259: compression, 262: 1, 277: 1}
    long = {322: tile, 323: tile, 324: 8, 325: len(part)} if tile else {273: 8, 278: SIDE, 279: len(part)}
    entries = sorted([*((tag, 3, value) for tag, value in short.items()), *((tag, 4, v) for tag, v in long.items())])
    body = part + b"\0" * (len(part) % 2)
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    content = struct.pack("<4sI", b"II*\0", 8 + len(body)) + body + struct.pack("<H", len(entries)) + directory
    file.write_bytes(content + bytes(4))
    return file


def jpeg(side: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(stream, "jpeg")
    small = stream.getvalue()
    place = small.index(b"\xff\xc0") + 5
    return small[:place] + struct.pack(">HH", side, side) + small[place + 4 :]


@pytest.mark.parametrize(
    ("part", "compression", "tile"),
    [(bytes(100), ADOBE_DEFLATE, 65520), (jpeg(65500), JPEG, None), (jpeg(65500), JPEG, SIDE)],
)
def test_a_part_that_claims_more_than_its_image_is_refused(
    tmp_path: Path, part: bytes, compression: int, tile: int | None
) -> None:
    file = write_tiff(tmp_path / "a.tif", part, compression, tile)
    for read in (shown_image_size, read_shown_pixels):
        with pytest.raises(ImageProblemError, match=r"a\.tif: a strip or tile claims \d+ pixels"):
            read(file)


def test_the_size_of_a_jpeg_is_found_behind_long_headers_and_filling(tmp_path: Path) -> None:
    comment = b"\xff\xfe" + struct.pack(">H", 60_000) + bytes(59_998)
    whole = jpeg(65500)
    file = write_tiff(tmp_path / "a.tif", whole[:2] + 3 * comment + b"\xff\xff" + whole[2:], JPEG)
    with pytest.raises(ImageProblemError, match="claims 4290250000 pixels"):
        read_shown_pixels(file)
    file = write_tiff(tmp_path / "b.tif", whole[:2] + 3 * comment, JPEG)
    with pytest.raises(ImageProblemError, match="a part without a size"):
        read_shown_pixels(file)


def embedded(pillow_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(stream, pillow_format, **options)
    return stream.getvalue()


def with_size(data: bytes, start: bytes, offset: int, size: bytes) -> bytes:
    place = data.index(start) + offset
    return data[:place] + size + data[place + len(size) :]


SIZ, LOSSY, LOSSLESS = b"\xff\x4f\xff\x51", b"\x9d\x01\x2a", b"VP8L"
HUGE = struct.pack(">2I", 60_000, 60_000)
VP8X = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\0" * 2
CODED = {
    "JPEG 2000 without boxes": (34712, with_size(embedded("JPEG2000", no_jp2=True), SIZ, 8, HUGE)),
    "JPEG 2000 in boxes": (34712, with_size(embedded("JPEG2000"), SIZ, 8, HUGE)),
    "JPEG 2000 of Aperio": (33005, with_size(embedded("JPEG2000", no_jp2=True), SIZ, 8, HUGE)),
    "WebP": (50001, with_size(embedded("WEBP"), LOSSY, 3, b"\xff\x3f\xff\x3f")),
    "WebP without loss": (50001, with_size(embedded("WEBP", lossless=True), LOSSLESS, 9, b"\xff\xff\xff\x0f")),
    "WebP with a canvas": (50001, VP8X),
}


@pytest.mark.parametrize("kind", CODED)
def test_a_part_that_is_a_file_of_more_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    compression, part = CODED[kind]
    file = write_tiff(tmp_path / "a.tif", part, compression)
    for read in (shown_image_size, read_shown_pixels):
        with pytest.raises(ImageProblemError, match=r"a\.tif: a strip or tile claims \d{9,} pixels"):
            read(file)


def jpeg2000(components: int) -> bytes:
    """Return an image whose header claims more components than the one that it has."""
    whole = embedded("JPEG2000", no_jp2=True)
    sizes, component = whole[8:40], whole[42:45]
    claimed = struct.pack(">H", components) + components * component
    return whole[:4] + struct.pack(">H", 38 + 3 * components) + whole[6:8] + sizes + claimed + whole[45:]


def with_palette() -> bytes:
    whole = embedded("JPEG2000")
    place = whole.index(b"jp2c") - 4
    table = struct.pack(">I4sHB", 8 + 3 + 2 * 255, b"pclr", 1, 255) + bytes(2 * 255)
    return whole[:place] + table + whole[place:]


@pytest.mark.parametrize(("part", "values"), [(jpeg2000(5), 5), (jpeg2000(16384), 16384), (with_palette(), 255)])
def test_a_jpeg_2000_part_of_more_components_than_the_image_is_refused(
    tmp_path: Path, part: bytes, values: int
) -> None:
    file = write_tiff(tmp_path / "a.tif", part, 34712)
    for read in (shown_image_size, read_shown_pixels):
        with pytest.raises(ImageProblemError, match=rf"a\.tif: a strip or tile claims 256 pixels of {values} values"):
            read(file)


def test_pixels_and_components_that_each_are_usual_are_refused_if_their_product_is_not() -> None:
    assert is_larger(CodedSize(LARGEST_SMALL_TILE, 60), SIDE * SIDE, 60)
    assert not is_larger(CodedSize(LARGEST_SMALL_TILE, 4), SIDE * SIDE, 1)
    assert not is_larger(CodedSize(2 * LARGEST_SMALL_TILE, 60), 2 * LARGEST_SMALL_TILE, 60)


@pytest.mark.parametrize(("samples", "dtype"), [(60, "u1"), (4, "f8")])
def test_tiles_of_many_samples_or_wide_values_are_limited_by_their_bytes(
    tmp_path: Path, samples: int, dtype: str
) -> None:
    file = tmp_path / "a.tif"
    pixels = np.zeros((64, 64, samples), dtype)
    tifffile.imwrite(file, pixels, photometric="rgb", planarconfig="contig", tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(file, mode="r+") as tiff:
        for tag in ("TileWidth", "TileLength"):
            tiff.pages[0].tags[tag].overwrite(4096)
    for read in (shown_image_size, read_shown_pixels):
        with pytest.raises(ImageProblemError, match=r"a\.tif: a strip or tile claims (1\.0 GB|536\.9 MB)"):
            read(file)


def test_a_padded_tile_of_wide_values_may_be_twice_as_long_as_the_image(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tiff_parts, "LARGEST_SMALL_TILE", 128 * 128)
    pixels = np.random.default_rng(0).random((64, 64, 3))
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(128, 128), compression="zlib")
    assert np.array_equal(read_shown_pixels(tmp_path / "a.tif").pixels, pixels)
    tifffile.imwrite(tmp_path / "a.tif", pixels[:48], photometric="rgb", tile=(128, 128), compression="zlib")
    with pytest.raises(ImageProblemError, match="claims 393216 bytes"):
        read_shown_pixels(tmp_path / "a.tif")


@pytest.mark.parametrize(("compression", "part"), [(34712, b"no JPEG 2000" * 9), (50001, b"\0\0\0\x9d\x01\x2a" * 9)])
def test_a_part_whose_size_is_not_found_is_refused(tmp_path: Path, compression: int, part: bytes) -> None:
    with pytest.raises(ImageProblemError, match="a part without a size"):
        read_shown_pixels(write_tiff(tmp_path / "a.tif", part, compression))


def test_files_of_other_formats_as_parts_are_refused(tmp_path: Path) -> None:
    file = write_tiff(tmp_path / "a.tif", embedded("PNG"), 34933)
    with pytest.raises(ImageProblemError, match="compressed as PNG, whose parts have sizes of their own"):
        read_shown_pixels(file)


@pytest.mark.parametrize("coding", ["jpeg2000", "webp"])
def test_such_files_of_the_right_size_are_read(tmp_path: Path, coding: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    options = {"compressionargs": {"lossless": True}} if coding == "webp" else {}
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(32, 32), compression=coding, **options)
    assert np.array_equal(read_shown_pixels(tmp_path / "a.tif").pixels, pixels)


def test_a_small_image_may_have_one_usual_tile(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    assert LARGEST_SMALL_TILE > 1024 * 1024
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(1024, 1024), compression="zlib")
    assert np.array_equal(read_shown_pixels(tmp_path / "a.tif").pixels, pixels)
    tifffile.imwrite(tmp_path / "b.tif", pixels, photometric="rgb", tile=(256, 256), compression="jpeg")
    assert read_shown_pixels(tmp_path / "b.tif").pixels.shape == pixels.shape
