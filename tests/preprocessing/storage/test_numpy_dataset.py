from pathlib import Path

import numpy as np
import pytest

from nnunetv2.preprocessing.storage import npz_unpacking
from nnunetv2.preprocessing.storage.numpy_dataset import nnUNetDatasetNumpy
from nnunetv2.training.dataloading.utils import unpack_dataset

RANDOM = np.random.default_rng(0)
DATA = RANDOM.normal(size=(2, 3, 4, 5)).astype(np.float32)
SEG = RANDOM.integers(-1, 3, (1, 3, 4, 5)).astype(np.int16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for case in ("b", "a"):
        nnUNetDatasetNumpy.save_case(DATA, SEG, {"spacing": [1, 1, 1]}, str(tmp_path / case))
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_packed_case_is_read_whole(folder: Path) -> None:
    data, seg, seg_prev, properties = nnUNetDatasetNumpy(str(folder))["a"]
    np.testing.assert_array_equal(data, DATA)
    np.testing.assert_array_equal(seg, SEG)
    assert (seg_prev, properties) == (None, {"spacing": [1, 1, 1]})


def test_identifiers_are_sorted(folder: Path) -> None:
    assert nnUNetDatasetNumpy(str(folder)).identifiers == ["a", "b"]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unpacked_case_is_mapped(folder: Path, workers: int) -> None:
    nnUNetDatasetNumpy.unpack_dataset(str(folder), num_processes=workers)

    expected = ["a.npy", "a.npz", "a.pkl", "a_seg.npy", "b.npy", "b.npz", "b.pkl", "b_seg.npy"]
    assert names(folder) == expected
    data, seg, _, _ = nnUNetDatasetNumpy(str(folder))["a"]
    assert isinstance(data, np.memmap)
    assert not data.flags.writeable
    np.testing.assert_array_equal(data, DATA)
    np.testing.assert_array_equal(seg, SEG)


def test_existing_npy_files_are_kept_by_default(folder: Path) -> None:
    np.save(folder / "a.npy", DATA + 1)
    unpack_dataset(str(folder), num_processes=0)
    np.testing.assert_array_equal(np.load(folder / "a.npy"), DATA + 1)
    unpack_dataset(str(folder), overwrite_existing=True, num_processes=0)
    np.testing.assert_array_equal(np.load(folder / "a.npy"), DATA)


def test_the_segmentation_can_be_left_packed(folder: Path) -> None:
    unpack_dataset(str(folder), unpack_segmentation=False, num_processes=0)
    assert "a_seg.npy" not in names(folder)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY damaged"])
def test_verification_writes_a_damaged_file_again(folder: Path, content: bytes) -> None:
    (folder / "a.npy").write_bytes(content)
    unpack_dataset(str(folder), num_processes=0, verify=True)
    np.testing.assert_array_equal(np.load(folder / "a.npy"), DATA)


def test_a_file_that_stays_damaged_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_unpacking, "_can_be_mapped", lambda _: False)
    with pytest.raises(RuntimeError, match=r"case a: .*a\.npz: its npy files cannot be read back after 3 attempts"):
        unpack_dataset(str(folder), num_processes=0, verify_npy=True)


def test_no_incomplete_files_stay_when_workers_are_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".other.partial.npy").touch()

    def interrupted(*_: object, **__: object) -> None:
        (folder / ".ours.partial.npy").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(npz_unpacking, "run_cases", interrupted)
    before = names(folder)
    with pytest.raises(KeyboardInterrupt):
        unpack_dataset(str(folder))
    assert names(folder) == before


@pytest.mark.parametrize("unpacked", [False, True])
def test_the_prediction_of_the_previous_stage_is_returned(folder: Path, unpacked: bool) -> None:
    previous = folder / "previous"
    previous.mkdir()
    nnUNetDatasetNumpy.save_seg(SEG[0], str(previous / "a"))
    if unpacked:
        np.save(previous / "a.npy", SEG[0])
    dataset = nnUNetDatasetNumpy(str(folder), folder_with_segs_from_previous_stage=str(previous))
    np.testing.assert_array_equal(dataset["a"][2], SEG[0])
