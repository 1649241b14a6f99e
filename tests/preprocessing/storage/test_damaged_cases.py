"""Damaged files of preprocessed cases: the file is named, in this process and in the workers of a training."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import ArchiveError, CaseFailedError, CheckpointError
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from nnunetv2.preprocessing.storage.numpy_dataset import nnUNetDatasetNumpy
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.loader_factory import build_augmenters
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from tests.odd_files import KINDS, make_odd

RANDOM = np.random.default_rng(0)
DATA = RANDOM.normal(size=(2, 1, 64, 64)).astype(np.float32)
SEG = RANDOM.integers(-1, 3, (1, 1, 64, 64)).astype(np.int16)
PROPERTIES = {"class_locations": {1: np.zeros((1, 4), int), 2: np.zeros((1, 4), int)}}
SHAPES = {"chunks": (1, 1, 64, 64), "blocks": (1, 1, 16, 16)}

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "lacks its end": lambda content: content[:-10],
    "text": lambda content: b"no image" * 50,
    "zeros": lambda content: bytes(len(content)),
    "zeros in the middle": lambda content: content[:900] + bytes(4096) + content[4996:],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One case in each format, in folders of their own."""
    for kind in ("b2nd", "npz"):
        (tmp_path / kind).mkdir()
    nnUNetDatasetBlosc2.save_case(DATA, SEG, PROPERTIES, str(tmp_path / "b2nd" / "a"), **SHAPES)
    nnUNetDatasetNumpy.save_case(DATA, SEG, PROPERTIES, str(tmp_path / "npz" / "a"))
    return tmp_path


def read(folder: Path) -> None:
    """Read all of the case, as the loader and the final validation do."""
    kind = nnUNetDatasetBlosc2 if folder.name == "b2nd" else nnUNetDatasetNumpy
    data, seg, _, _ = kind(str(folder), ["a"]).load_case("a")
    assert np.asarray(data[:]).shape == DATA.shape
    assert np.asarray(seg[:]).shape == SEG.shape


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["b2nd/a.b2nd", "npz/a.npz"])
def test_a_damaged_array_is_named_with_what_to_do(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ArchiveError, match=rf"{path}: damaged, or not"):
        read(path.parent)


@pytest.mark.parametrize("damage", ["empty", "cut off", "lacks its end", "text", "zeros"])
def test_damaged_labels_are_named(folder: Path, damage: str) -> None:
    path = folder / "b2nd" / "a_seg.b2nd"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ArchiveError, match=r"a_seg\.b2nd: damaged, or not"):
        read(path.parent)


@pytest.mark.parametrize("damage", ["empty", "cut off", "text"])
def test_an_unpacked_array_is_judged_too(folder: Path, damage: str) -> None:
    nnUNetDatasetNumpy.unpack_dataset(str(folder / "npz"), num_processes=0)
    path = folder / "npz" / "a.npy"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ArchiveError, match=r"a\.npy: "):
        read(path.parent)


def test_a_damaged_npz_file_cannot_be_unpacked(folder: Path) -> None:
    (folder / "npz" / "a.npz").write_bytes(b"no zip")
    with pytest.raises(CaseFailedError, match=r"case a: .*a\.npz: ") as caught:
        nnUNetDatasetNumpy.unpack_dataset(str(folder / "npz"), num_processes=0)
    assert not caught.value.worker_traceback


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.b2nd", "a_seg.b2nd", "a.pkl"])
def test_nobody_waits_for_what_is_no_file(folder: Path, name: str, kind: str) -> None:
    (folder / "b2nd" / name).unlink()
    make_odd(folder / "b2nd" / name, kind)
    with pytest.raises((ArchiveError, CheckpointError), match=f"{name}: {KINDS[kind]}"):
        read(folder / "b2nd")


def test_properties_of_another_kind_are_refused(folder: Path) -> None:

    (folder / "b2nd" / "a.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(CheckpointError, match=r"a\.pkl: "):
        read(folder / "b2nd")


@pytest.mark.parametrize("processes", [0, 1])
@pytest.mark.parametrize("damage", ["cut off", "zeros in the middle"])
@pytest.mark.parametrize("name", ["a.b2nd", "a_seg.b2nd", "a.pkl"])
def test_a_training_names_the_case_without_a_traceback(folder: Path, name: str, damage: str, processes: int) -> None:
    path = folder / "b2nd" / name
    content = path.read_bytes()
    path.write_bytes(DAMAGES[damage](content) if name == "a.b2nd" else content[: len(content) // 2])
    labels = LabelManager({"background": 0, "one": 1, "two": 2}, None)
    dataset = nnUNetDatasetBlosc2(str(folder / "b2nd"), ["a"])
    loaders = [nnUNetDataLoader(dataset, 2, (64, 64), (64, 64), labels) for _ in range(2)]
    train, val = build_augmenters(*loaders, processes, False)
    try:
        with pytest.raises(CaseFailedError, match=rf"case a: {path}: damaged") as caught:
            next(train)
        assert not caught.value.worker_traceback
    finally:
        for augmenter in (train, val):
            getattr(augmenter, "_finish", lambda: None)()
