from pathlib import Path

import pytest

from nnunetv2.training.dataloading.nnunet_dataset import (
    file_ending_dataset_mapping,
    infer_dataset_class,
    nnUNetDatasetBlosc2,
    nnUNetDatasetNumpy,
)


def touch(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).touch()
    return str(folder)


def test_the_file_endings_decide_which_class_reads_a_folder(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old = touch(tmp_path / "old", "a.npz", "a.npy", "a_seg.npy", "a.pkl")
    new = touch(tmp_path / "new", "a.b2nd", "a_seg.b2nd", "a.pkl")
    assert infer_dataset_class(old) is nnUNetDatasetNumpy
    assert infer_dataset_class(new) is nnUNetDatasetBlosc2
    assert file_ending_dataset_mapping == {"npz": nnUNetDatasetNumpy, "b2nd": nnUNetDatasetBlosc2}


@pytest.mark.parametrize("names", [(), ("a.pkl",), ("a.npz", "a.b2nd"), ("a.b2nd", "notes.json")])
def test_nothing_or_a_mixture_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match="expected preprocessed cases of one kind"):
        infer_dataset_class(touch(tmp_path, *names))


def test_an_unknown_kind_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="'zarr' are not preprocessed cases"):
        infer_dataset_class(touch(tmp_path, "a.zarr"))
