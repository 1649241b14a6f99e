import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.errors import ArchiveError, MissingFileError
from nnunetv2.foundation.safe_loading import safe_arrays
from nnunetv2.foundation.safe_loading.safe_arrays import open_npy, read_npz

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def header(shape: str, dtype: str = "'<f4'", version: int = 1) -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode("latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2, "little") + text


def packed(folder: Path, content: bytes, name: str = "a.npy", method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "case.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("array", [VALUES, VALUES.T, VALUES > 3, np.zeros((0, 2)), np.float64(3), VALUES.astype(">i2")])
def test_arrays_of_numbers_are_read(save, array: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "case.npz", a=array)
    np.testing.assert_array_equal(read_npz(tmp_path / "case.npz", "a"), array)


@pytest.mark.parametrize("mode", ["r", "c"])
def test_an_npy_file_is_mapped(mode, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    array = open_npy(tmp_path / "a.npy", mode)
    assert isinstance(array, np.memmap)
    np.testing.assert_array_equal(array, VALUES)


HOSTILE_NPY = {
    "a huge shape": header("(1000000, 1000000)") + b"1234",
    "a negative shape": header("(-1,)") + b"1234",
    "a shape beyond all numbers": header(f"({10**30},)") + b"1234",
    "objects": header("(1,)", "'|O'") + b"\x80\x04N.",
    "text": header("(1,)", "'<U1'") + b"1234",
    "records": header("(1,)", "[('a', '<f4')]") + b"1234",
    "bytes that are left over": header("(1,)") + b"12345678",
    "a header that is no dict": b"\x93NUMPY\x01\x00\x05\x001234\n",
    "a deep header": b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 9999 + b"\n",
    "a header longer than the file": b"\x93NUMPY\x01\x00\xff\xff{",
    "another version": b"\x93NUMPY\x07\x00\x05\x001234\n",
    "nothing": b"",
    "something else": b"hello, world",
}


@pytest.mark.parametrize("name", HOSTILE_NPY)
def test_a_hostile_array_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(HOSTILE_NPY[name])
    for read, path in (
        (open_npy, tmp_path / "a.npy"),
        (lambda path: read_npz(path, "a"), packed(tmp_path, HOSTILE_NPY[name])),
    ):
        with pytest.raises(ArchiveError, match=rf"^{path}: damaged, or not an np[yz] file \(.*\)$"):
            read(path)


def test_the_arrays_of_another_kind_of_file_are_listed(tmp_path: Path) -> None:
    np.savez(tmp_path / "old.npz", softmax=VALUES, **{f"array{number}": VALUES for number in range(7)})
    with pytest.raises(ArchiveError, match=r"old\.npz: .*it holds 'softmax', .*, 3 more; expected 'probabilities'"):
        read_npz(tmp_path / "old.npz", "probabilities")


def test_an_entry_that_claims_more_than_its_bytes_can_hold_is_refused_before_it_is_read(tmp_path: Path) -> None:
    content = header("(1000000, 1000000)")
    path = packed(tmp_path, content, method=zipfile.ZIP_STORED)
    claimed = 4 * 10**12 + len(content)
    raw = path.read_bytes()
    start = raw.rindex(b"PK\x01\x02")
    sizes = raw[:start] + raw[start : start + 24] + b"\xff" * 4 + raw[start + 28 : start + 30]
    extra = b"\x01\x00\x08\x00" + claimed.to_bytes(8, "little")
    name_length = int.from_bytes(raw[start + 28 : start + 30], "little")
    entry = sizes + len(extra).to_bytes(2, "little") + raw[start + 32 : start + 46 + name_length] + extra
    end = bytearray(raw[-22:])
    end[12:16] = (len(entry) - start).to_bytes(4, "little")
    path.write_bytes(entry + bytes(end))
    assert zipfile.ZipFile(path).infolist()[0].file_size == claimed
    with pytest.raises(ArchiveError, match=f"claims {claimed} bytes"):
        read_npz(path, "a")


def test_an_array_larger_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "case.npz", a=np.zeros(10_000))
    monkeypatch.setattr(safe_arrays, "available_bytes", lambda: 1000)
    with pytest.raises(ArchiveError, match="more than the free memory"):
        read_npz(tmp_path / "case.npz", "a")


def test_unusual_compression_and_cut_off_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="compressed in a way"):
        read_npz(packed(tmp_path, npy_bytes(VALUES), method=zipfile.ZIP_BZIP2), "a")
    path = packed(tmp_path, npy_bytes(VALUES))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ArchiveError, match=r"case\.npz: damaged"):
        read_npz(path, "a")


def test_missing_files_folders_and_pipes_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refusals = {tmp_path / "no": MissingFileError, tmp_path: ArchiveError, tmp_path / "pipe": ArchiveError}
    for path, error in refusals.items():
        for read in (open_npy, lambda path: read_npz(path, "a")):
            with pytest.raises(error, match=str(path)):
                read(path)


WHOLE = io.BytesIO()
np.savez_compressed(WHOLE, a=VALUES)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE.getvalue()) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
@pytest.mark.filterwarnings("ignore:.*header parsing")
def test_changed_bytes_give_an_array_or_one_line(tmp_path_factory, changes: list[tuple[int, int]]) -> None:
    content = bytearray(WHOLE.getvalue())
    for place, value in changes:
        content[place] = value
    path = tmp_path_factory.getbasetemp() / "changed.npz"
    path.write_bytes(content)
    try:
        read, message = read_npz(path, "a"), ""
    except ArchiveError as error:
        read, message = None, str(error)
    assert isinstance(read, np.ndarray) or len(message.splitlines()) == 1
