"""The walk through the directory of a TIFF file, also of hostile ones."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nnunetv2.pathology.slides.tiff_directory import read_tiff_directory
from sample_data.pyramids import Damage
from tests.pathology.slides.slide_files import write_small_slide


def test_sizes_kinds_and_places_are_those_of_the_file(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", in_sub_directories=True)
    directory = read_tiff_directory(tmp_path / "a.tif")
    assert directory is not None
    assert [(image.width, image.height) for image in directory.images] == [(1500, 1100), (750, 550)]
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert directory.finest.starts.tolist() == list(file.pages[0].dataoffsets)
        assert directory.finest.lengths.tolist() == list(file.pages[0].databytecounts)
    assert directory.finest.has_smaller_copies
    assert directory.finest.bits == (8, 8, 8)
    assert directory.cut_off() is None
    assert directory.farthest <= directory.size


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_all_byte_orders_and_widths_are_read(tmp_path: Path, order: str, bigtiff: bool) -> None:
    pixels = np.zeros((40, 50, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=order, bigtiff=bigtiff, rowsperstrip=8, photometric="rgb")
    directory = read_tiff_directory(tmp_path / "a.tif")
    assert directory is not None
    assert (directory.finest.width, directory.finest.height, directory.finest.is_tiled) == (50, 40, False)
    assert directory.finest.lengths.sum() == pixels.nbytes


def test_the_message_about_a_cut_file_has_the_numbers_of_level_0(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif")
    whole = (tmp_path / "a.tif").stat().st_size
    write_small_slide(tmp_path / "a.tif", damage=Damage(kept_share=0.5))
    directory = read_tiff_directory(tmp_path / "a.tif")
    assert directory is not None
    size = int(whole * 0.5)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        ends = np.add(file.pages[0].dataoffsets, file.pages[0].databytecounts)
    beyond = int((ends > size).sum())
    assert 0 < beyond < 108
    assert directory.cut_off() == (
        f"cut off: {beyond} of 108 tiles of level 0 lie beyond the end of the file ({size} bytes, {whole} expected)."
        " Copy the file again"
    )
    assert directory.lost_copies() == {(750, 550)}


def test_missing_tiles_are_counted(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", damage=Damage(missing_tiles=((0, 0), (3, 3))))
    directory = read_tiff_directory(tmp_path / "a.tif")
    assert directory is not None
    assert directory.finest.missing == 2


def classic(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(entries)) + body + struct.pack("<I", following)


SIZE = ((256, 4, 1, 10), (257, 4, 1, 10))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"II*\0",
        b"\x89PNG\r\n\x1a\n" + bytes(20),
        struct.pack("<2sHI", b"II", 42, 0) + bytes(20),
        struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + struct.pack("<Q", 2**60),
        struct.pack("<2sHI", b"II", 42, 4_000_000_000) + bytes(20),
        classic((65420, 4, 1, 1), *SIZE),
    ],
    ids=["empty", "short", "png", "no directory", "endless entries", "beyond the end", "ndpi"],
)
def test_what_has_no_readable_directory_gives_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert read_tiff_directory(tmp_path / "a.tif") is None


def test_circles_and_claimed_lengths_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(classic(*SIZE, (324, 16, 2**31, 8), (325, 4, 2**31, 8), following=8))
    directory = read_tiff_directory(tmp_path / "a.tif")
    assert directory is not None
    assert len(directory.images) == 1
    assert len(directory.finest.starts) == 0
    assert directory.cut_off() == (
        f"cut off: the list of parts of level 0 lies beyond the end of the file ({directory.size} bytes, 17179869192"
        " expected). Copy the file again"
    )
    assert directory.lost_copies() == set()


def test_a_thumbnail_in_strips_as_large_as_level_0_is_no_second_plane(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    planes = []
    for name, kinds in (("slide", ({"tile": (16, 16)}, {})), ("stack", ({"tile": (16, 16)},) * 2)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as file:
            for kind in kinds:
                file.write(pixels, photometric="rgb", metadata=None, **kind)
        directory = read_tiff_directory(tmp_path / f"{name}.tif")
        assert directory is not None
        planes.append(directory.planes)
    assert planes == [1, 2]
