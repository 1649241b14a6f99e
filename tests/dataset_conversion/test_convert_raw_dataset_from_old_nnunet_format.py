"""Raw datasets of nnU-Net v1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.dataset_conversion.convert_raw_dataset_from_old_nnunet_format import convert, convert_entry_point
from nnunetv2.errors import DatasetLayoutError
from tests.conftest import NnunetFolders

OLD: dict[str, Any] = {
    "name": "Old",
    "tensorImageSize": "4D",
    "modality": {"0": "CT"},
    "labels": {"0": "background", "1": "liver"},
    "numTraining": 1,
    "numTest": 0,
    "training": [],
    "test": [],
}


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A v1 dataset with test images."""
    folder = tmp_path / "Task003_Old"
    for name in ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b_0000.nii.gz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    (folder / "dataset.json").write_text(json.dumps(OLD))
    return folder


def test_folders_are_copied_and_dataset_json_translated(nnunet_folders: NnunetFolders, task: Path) -> None:
    convert(str(task), "Dataset003_New")

    target = nnunet_folders.raw / "Dataset003_New"
    assert (target / "imagesTs" / "b_0000.nii.gz").read_bytes() == b"imagesTs/b_0000.nii.gz"
    assert sorted(path.name for path in target.iterdir()) == ["dataset.json", "imagesTr", "imagesTs", "labelsTr"]
    assert list(json.loads((target / "dataset.json").read_text()).items()) == [
        ("name", "Old"),
        ("labels", {"background": 0, "liver": 1}),
        ("numTraining", 1),
        ("channel_names", {"0": "CT"}),
        ("file_ending", ".nii.gz"),
    ]


def test_entries_that_only_v1_had_may_be_missing(nnunet_folders: NnunetFolders, task: Path) -> None:
    (task / "dataset.json").write_text(json.dumps({"modality": {"0": "CT"}, "labels": {"0": "background"}}))
    convert(str(task), "Dataset003_New")

    assert (nnunet_folders.raw / "Dataset003_New" / "dataset.json").is_file()


def test_an_existing_target_stays_as_it_is(nnunet_folders: NnunetFolders, task: Path) -> None:
    (nnunet_folders.raw / "Dataset003_New").mkdir()

    with pytest.raises(RuntimeError, match="already exists"):
        convert(str(task), "Dataset003_New")
    assert list((nnunet_folders.raw / "Dataset003_New").iterdir()) == []


def test_empty_files_are_listed_and_nothing_is_written(nnunet_folders: NnunetFolders, task: Path) -> None:
    (task / "imagesTr" / "a_0000.nii.gz").write_bytes(b"")
    (task / "imagesTs" / "b_0000.nii.gz").write_bytes(b"")
    (task / "imagesTs" / ".gitkeep").write_bytes(b"")

    with pytest.raises(RuntimeError, match=r"2 empty file\(s\)") as caught:
        convert(str(task), "Dataset003_New")
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "imagesTr/a_0000.nii.gz: 0 bytes",
        "imagesTs/b_0000.nii.gz: 0 bytes",
    ]
    assert list(nnunet_folders.raw.iterdir()) == []


def write_labels(task: Path, labels: Any) -> None:
    (task / "dataset.json").write_text(json.dumps({**OLD, "labels": labels}))


@pytest.mark.parametrize(
    ("break_it", "name", "message"),
    [
        (lambda task: (task / "labelsTr").rename(task / "x"), "Dataset003_New", "labelsTr missing"),
        (lambda task: (task / "dataset.json").unlink(), "Dataset003_New", "dataset.json"),
        (
            lambda task: (task / "dataset.json").write_text("{}"),
            "Dataset003_New",
            "lacks the keys 'labels', 'modality'",
        ),
        (lambda task: write_labels(task, {"background": 0}), "Dataset003_New", "numbers with names"),
        (lambda task: write_labels(task, ["background"]), "Dataset003_New", "numbers with names"),
        (lambda task: None, "New", "expected Dataset<three digits>_<Name>"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    nnunet_folders: NnunetFolders,
    task: Path,
    break_it: Any,
    name: str,
    message: str,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    break_it(task)

    run_command(convert_entry_point, task, name, exit_code=2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(nnunet_folders.raw.iterdir()) == []


def test_an_unset_raw_folder_is_named(
    task: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(convert_entry_point, task, "Dataset003_New", exit_code=2)
    assert "nnUNet_raw is not defined" in capsys.readouterr().err


def test_files_that_dataset_json_lists_have_to_be_there(nnunet_folders: NnunetFolders, task: Path) -> None:
    there = {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}
    lost = {"image": "./imagesTr/lost.nii.gz", "label": "./labelsTr/lost.nii.gz"}
    (task / "dataset.json").write_text(json.dumps(OLD | {"training": [there], "test": ["./imagesTs/b.nii.gz"]}))
    convert(str(task), "Dataset003_New")

    (task / "dataset.json").write_text(json.dumps(OLD | {"training": [there, lost], "test": ["./imagesTs/c.nii.gz"]}))
    with pytest.raises(DatasetLayoutError, match=r"lists 3 file\(s\) that are not there") as caught:
        convert(str(task), "Dataset004_New")
    assert caught.value.problems == (lost["image"], lost["label"], "./imagesTs/c.nii.gz")
    assert not (nnunet_folders.raw / "Dataset004_New").exists()
