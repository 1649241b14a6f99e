import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from s1 import claimed_size
from s1.claimed_size import check_claimed_size, in_bytes
from s1.errors import ImageProblemError
from s1.image_files import read_image
from s1.tiff_files import read_tiff_stack

SMALL = np.zeros((8, 8, 3), np.uint8)


def png(path: Path, width: int, height: int) -> None:
    Image.fromarray(SMALL).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def bmp(path: Path, width: int, height: int) -> None:
    Image.fromarray(SMALL).save(path)
    content = bytearray(path.read_bytes())
    content[18:26] = struct.pack("<ii", width, height)
    path.write_bytes(content)


def jpeg(path: Path, width: int, height: int) -> None:
    Image.fromarray(SMALL).save(path)
    content = path.read_bytes()
    start = content.index(b"\xff\xc0") + 5
    path.write_bytes(content[:start] + struct.pack(">HH", min(height, 65500), min(width, 65500)) + content[start + 4 :])


def tiff(path: Path, width: int, height: int, compression: str | None = None) -> None:
    tifffile.imwrite(path, SMALL, photometric="rgb", compression=compression, rowsperstrip=8)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        places = {name: (tags[name].offset, tags[name].dtype) for name in ("ImageWidth", "ImageLength", "RowsPerStrip")}
    for name, value in (("ImageWidth", width), ("ImageLength", height), ("RowsPerStrip", height)):
        offset, _ = places[name]
        content[offset + 2 : offset + 12] = struct.pack("<HII", 4, 1, value)
    path.write_bytes(content)


WRITERS = {
    "png": png,
    "bmp": bmp,
    "jpg": jpeg,
    "tif": tiff,
    "packed.tif": lambda path, width, height: tiff(path, width, height, "zlib"),
}


@pytest.mark.parametrize("reader", ["stage 1", "training"])
@pytest.mark.parametrize("ending", WRITERS)
def test_a_small_file_that_claims_a_huge_image_is_refused_before_memory_is_taken(tmp_path, monkeypatch, ending, reader):
    monkeypatch.setattr(claimed_size, "available_bytes", lambda: 20 * 10**9)
    path = tmp_path / f"x.{ending}"
    WRITERS[ending](path, 200_000, 200_000)
    tracemalloc.start()
    with pytest.raises(
        ImageProblemError, match=r"x\.\S+: (is damaged or cut off: its header claims|its 65500 x 65500 x 3)"
    ):
        read_image(path) if reader == "stage 1" else NaturalImage2DIO().read_images([str(path)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 10**6


def test_an_image_larger_than_the_memory_is_refused_with_both_numbers(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    Image.fromarray(np.zeros((1000, 1000, 3), np.uint8)).save(path)
    monkeypatch.setattr(claimed_size, "NOT_ASKED_BYTES", 0)
    monkeypatch.setattr(claimed_size, "available_bytes", lambda: 17_900_000)
    with pytest.raises(
        ImageProblemError, match=r"x\.png: its 1000 x 1000 x 3 values need about 18.0 MB of memory, 17.9 MB"
    ):
        read_image(path)
    monkeypatch.setattr(claimed_size, "available_bytes", lambda: 18_000_000)
    assert read_image(path).shape == (1000, 1000, 3)


def test_the_free_memory_is_not_asked_for_a_small_tile(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    Image.fromarray(np.zeros((1024, 1024, 3), np.uint8)).save(path)
    monkeypatch.setattr(claimed_size, "available_bytes", lambda: pytest.fail("asked"))
    assert read_image(path).shape == (1024, 1024, 3)


def test_the_best_possible_compression_is_believed(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.zeros((4000, 4000), np.uint8)).save(path, compress_level=9)
    assert path.stat().st_size < 4000 * 4000 / 900
    assert read_image(path).shape == (4000, 4000)
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((40, 4000, 400), np.uint8), compression="zlib")
    assert read_tiff_stack(tmp_path / "x.tif").shape == (40, 4000, 400)


def test_without_a_figure_for_the_memory_only_the_file_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(claimed_size, "available_bytes", lambda: None)
    (tmp_path / "x").write_bytes(bytes(10))
    check_claimed_size(tmp_path / "x", (10**6, 10**6), 1)
    with pytest.raises(ImageProblemError, match="more than its 10 bytes can hold"):
        check_claimed_size(tmp_path / "x", (10**6, 10**6), 1, 1)


def test_numbers_of_bytes_are_readable():
    assert [in_bytes(n) for n in (12, 5_400_000, 182_250_000_000)] == ["12 bytes", "5.4 MB", "182.2 GB"]
