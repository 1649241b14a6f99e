"""The reference is the image that is read at once."""

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from s1 import tiff_rows as module
from s1.errors import ImageProblemError
from s1.shown_pixels import read_shown_pixels
from s1.tiff_rows import tiff_rows

SHAPES = {"grey": (), "rgb": (3,), "rgba": (4,)}
STORED: dict[str, dict[str, Any]] = {
    "at once": {},
    "large values first": {"byteorder": ">"},
    "strips": {"rowsperstrip": 7},
    "deflated strips, large values first": {"rowsperstrip": 7, "compression": "zlib", "byteorder": ">"},
    "LZW strips of differences": {"rowsperstrip": 9, "compression": "lzw", "predictor": True},
    "tiles": {"tile": (16, 32)},
    "deflated tiles": {"tile": (16, 32), "compression": "zlib"},
    "JPEG tiles": {"tile": (16, 16), "compression": "jpeg"},
    "large file": {"bigtiff": True, "tile": (16, 16), "compression": "zlib"},
}
AT_ONCE: dict[str, dict[str, Any]] = {
    "one deflated strip": {"rowsperstrip": 101, "compression": "zlib"},
    "a compression without a bound": {"tile": (16, 16), "compression": "zstd"},
    "each colour by itself": {"planarconfig": "separate"},
    "multiplied by alpha": {"extrasamples": ["assocalpha"]},
    "zero is white": {"photometric": "miniswhite"},
    "turned": {"extratags": [(274, "H", 1, 6)]},
    "pages": {},
}


def write(file: Path, kind: str, dtype: str, **options: Any) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (101, 75, *SHAPES[kind])).astype(dtype)
    if kind != "grey":
        options = {"photometric": "rgb", **options}
    if kind == "rgba":
        options = {"extrasamples": ["unassalpha"], **options}
    if options.get("predictor") and dtype == "f4":
        options["predictor"] = 3
    tifffile.imwrite(file, values, **options)
    return file


@pytest.mark.parametrize(
    ("stored", "kind", "dtype"),
    [
        (stored, *values)
        for stored in STORED
        for values in [("grey", "u2"), ("grey", "f4"), ("rgb", "u1"), ("rgb", "u2"), ("rgba", "u1")]
        if stored != "JPEG tiles" or values == ("rgb", "u1")
    ],
)
def test_rows_are_those_of_the_image_that_is_read_at_once(tmp_path, stored, kind, dtype):
    file = write(tmp_path / "a.tif", kind, dtype, **STORED[stored])
    rows = pickle.loads(pickle.dumps(tiff_rows(file, 0)))
    whole = read_shown_pixels(file).pixels.reshape(101, 75, -1)
    assert rows.shape == whole.shape
    for top, bottom in [(0, 101), (3, 50), (40, 41), (90, 101), (0, 20), (15, 33)]:
        part = rows.rows(top, bottom)
        assert part.dtype == whole.dtype
        assert np.array_equal(part, whole[top:bottom])


@pytest.mark.parametrize("stored", AT_ONCE)
def test_what_is_not_shown_as_stored_or_lies_in_large_parts_is_read_at_once(tmp_path, stored):
    kind = {"multiplied by alpha": "rgba", "zero is white": "grey"}.get(stored, "rgb")
    file = write(tmp_path / "a.tif", kind, "u1", **AT_ONCE[stored])
    if stored == "pages":
        tifffile.imwrite(file, np.zeros((5, 64, 64), np.uint8), photometric="minisblack")
    assert tiff_rows(file, 0) is None


def test_small_images_are_read_at_once(tmp_path):
    assert tiff_rows(write(tmp_path / "a.tif", "rgb", "u1")) is None


def test_parts_that_the_file_lacks_are_as_in_the_image_that_is_read_at_once(tmp_path):
    file, tile = tmp_path / "a.tif", np.full((16, 16), 7, np.uint8)
    tiles = (tile if number % 3 != 1 else None for number in range(7 * 5))
    tifffile.imwrite(file, tiles, shape=(101, 75), dtype="u1", tile=(16, 16), compression="zlib")
    assert not read_shown_pixels(file).pixels.all()
    assert np.array_equal(tiff_rows(file, 0).rows(0, 101)[..., 0], read_shown_pixels(file).pixels)


def test_few_rows_of_parts_are_kept_and_each_is_decoded_once_for_overlapping_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_KEPT", 0)
    decoded = []
    decode = module.TiffRows._decoded_band
    monkeypatch.setattr(module.TiffRows, "_decoded_band", lambda *given: decoded.append(given[2]) or decode(*given))
    rows = tiff_rows(write(tmp_path / "a.tif", "rgb", "u1", tile=(16, 16), compression="zlib"), 0)
    for top in range(0, 86, 8):
        rows.rows(top, top + 16)
    assert decoded == [0, 1, 2, 3, 4, 5]
    assert len(rows._bands) == 2


def test_a_file_that_was_replaced_is_noticed(tmp_path):
    file = write(tmp_path / "a.tif", "rgb", "u1", rowsperstrip=7)
    rows = pickle.loads(pickle.dumps(tiff_rows(file, 0)))
    write(file, "rgb", "u2", rowsperstrip=7)
    with pytest.raises(ImageProblemError, match=r"a\.tif: was replaced by another file"):
        rows.rows(0, 1)


@pytest.mark.parametrize("stored", ["at once", "deflated tiles"])
def test_a_file_that_was_changed_or_cut_off_meanwhile_is_noticed(tmp_path, stored):
    file = write(tmp_path / "a.tif", "rgb", "u1", **STORED[stored])
    rows, content, time_ns = tiff_rows(file, 0), file.read_bytes(), file.stat().st_mtime_ns
    rows.rows(0, 1)
    for changed, seconds in ((content, 1), (content[:2000], 0)):
        file.write_bytes(changed)
        os.utime(file, ns=(time_ns, time_ns + seconds * 10**9))
        with pytest.raises(ImageProblemError, match=r"a\.tif: was replaced by another file"):
            rows.rows(90, 101)


@pytest.mark.parametrize(("offset", "count"), [(0, 0), (0, 64), (8, 0)])
def test_a_strip_without_place_or_length_is_left_to_who_reads_the_image_at_once(tmp_path, offset, count):
    assert tiff_rows(claiming(tmp_path / "a.tif", 8, 8, offset=offset, count=count), 0) is None


def claiming(file: Path, height: int, width: int, strip: int | None = None, offset: int = 8, count: int = 100) -> Path:
    """Write an uncompressed grey image that claims another size than it has."""
    values = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: offset, 277: 1, 278: strip or height, 279: count}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
    file.write_bytes(
        struct.pack("<4sI", b"II*\0", 108) + bytes(100) + struct.pack("<H", len(values)) + entries + bytes(4)
    )
    return file


@pytest.mark.parametrize("size", [(2**31, 2**31), (1, 2**31), (2**31, 1), (65536, 65536)])
def test_sizes_that_the_file_cannot_hold_are_refused(tmp_path, size):
    with pytest.raises(ImageProblemError, match="its header claims"):
        tiff_rows(claiming(tmp_path / "a.tif", *size), 0)


def test_rows_and_labels_that_do_not_fit_into_memory_are_refused(tmp_path, monkeypatch):
    file = write(tmp_path / "a.tif", "rgb", "u1", tile=(16, 16), compression="zlib")
    monkeypatch.setattr(module, "available_bytes", lambda: 100)
    with pytest.raises(ImageProblemError, match=r"a label for each of its 101 x 75 pixels takes 7575 bytes, 100 bytes"):
        tiff_rows(file, 0)


def test_tiles_far_larger_than_the_image_are_refused(tmp_path):
    file = write(tmp_path / "a.tif", "grey", "u1", tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(file, mode="r+") as tiff:
        tiff.pages[0].tags["TileWidth"].overwrite(2**20)
        tiff.pages[0].tags["TileLength"].overwrite(2**20)
    with pytest.raises(ImageProblemError, match="a strip or tile claims"):
        tiff_rows(file, 0)
