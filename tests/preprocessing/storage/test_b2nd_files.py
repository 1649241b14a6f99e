import os
from pathlib import Path

import blosc2
import numpy as np
import pytest

from nnunetv2.errors import ArchiveError, MissingFileError
from nnunetv2.preprocessing.storage.b2nd_files import open_b2nd

VALUES = np.arange(2 * 40 * 30, dtype=np.float32).reshape(2, 1, 40, 30)
SHAPE_AT, CHUNKS_AT, BLOCKS_AT = 2, 39, 60
"""Places in the description of the array, counted from the number of its axes."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "case.b2nd"
    blosc2.asarray(VALUES, urlpath=str(path), mode="w", chunks=(1, 1, 40, 30), blocks=(1, 1, 16, 16))
    return path


def test_an_array_is_opened_lazily(file: Path) -> None:
    array = open_b2nd(file)
    assert isinstance(array, blosc2.NDArray)
    np.testing.assert_array_equal(array[:], VALUES)


@pytest.mark.parametrize("shape", [(0, 3), (5, 7, 9), (1, 1, 1), (3,)])
def test_arrays_of_any_shape_are_opened(shape: tuple[int, ...], tmp_path: Path) -> None:
    blosc2.asarray(np.ones(shape, np.int16), urlpath=str(tmp_path / "a.b2nd"), mode="w")
    assert open_b2nd(tmp_path / "a.b2nd").shape == shape


@pytest.mark.parametrize("content", [b"", b"text", b"\x9e\xa8b2frame\0"])
def test_other_files_are_refused_in_one_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ArchiveError, match=rf"^{file}: damaged, or not an array .*$"):
        open_b2nd(file)


def test_a_cut_off_file_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ArchiveError, match=r"case\.b2nd: damaged"):
        open_b2nd(file)


@pytest.mark.parametrize(("place", "length"), [(SHAPE_AT, 8), (SHAPE_AT + 27, 8), (CHUNKS_AT, 4), (BLOCKS_AT, 4)])
def test_shapes_that_its_chunks_contradict_are_refused(file: Path, place: int, length: int) -> None:
    content = bytearray(file.read_bytes())
    start = content.index(b"\x94\xd3", content.index(b"b2nd"))
    content[start + place : start + place + length] = (10**9).to_bytes(length, "big")
    file.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"contradict|Could not"):
        open_b2nd(file)


def test_an_expression_in_place_of_an_array_is_refused_unread(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "lazy.b2nd"
    (blosc2.open(str(file)) + 1).save(str(path))
    with pytest.raises(ArchiveError, match="other things than one array"):
        open_b2nd(path)


def test_missing_files_and_special_files_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.b2nd")
    (tmp_path / "folder.b2nd").mkdir()
    for name, error in (("no.b2nd", MissingFileError), ("pipe.b2nd", ArchiveError), ("folder.b2nd", ArchiveError)):
        with pytest.raises(error, match=name):
            open_b2nd(tmp_path / name)
