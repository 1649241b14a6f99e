"""Tasks of the decathlon become raw datasets, whole or not at all."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2.dataset_conversion.convert_MSD_dataset import convert_msd_dataset, entry_point, split_4d_nifti
from nnunetv2.errors import DatasetLayoutError
from tests.conftest import NnunetFolders
from tests.odd_files import KINDS, make_odd


def volume(seed: int) -> sitk.Image:
    image = sitk.GetImageFromArray(np.random.default_rng(seed).integers(0, 99, (3, 4, 5)).astype(np.int16))
    image.SetSpacing((0.5, 0.7, 3))
    image.SetOrigin((1, -2, 3))
    image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    return image


def write(image: sitk.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """Two training cases, one of two modalities, a test case, and the hidden files that macOS leaves."""
    folder = tmp_path / "Task05_Prostate"
    write(sitk.JoinSeries([volume(0), volume(1)]), folder / "imagesTr" / "p_1.nii.gz")
    write(volume(2), folder / "imagesTr" / "p_2.nii.gz")
    write(volume(3), folder / "imagesTs" / "p_3.nii.gz")
    for name in ("p_1", "p_2"):
        write(volume(4), folder / "labelsTr" / f"{name}.nii.gz")
    (folder / "imagesTr" / "._p_1.nii.gz").write_bytes(b"hidden")
    content = {
        "name": "Prostate",
        "modality": {"0": "T2", "1": "ADC"},
        "labels": {"0": "background", "1": "PZ"},
        "numTraining": 2,
        "training": [],
        "test": [],
        "tensorImageSize": "4D",
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_images_labels_and_dataset_json(nnunet_folders: NnunetFolders, task: Path, workers: int) -> None:
    convert_msd_dataset(str(task) + "/", num_processes=workers)

    target = nnunet_folders.raw / "Dataset005_Prostate"
    assert sorted(file.name for file in (target / "imagesTr").iterdir()) == [
        "p_1_0000.nii.gz",
        "p_1_0001.nii.gz",
        "p_2_0000.nii.gz",
    ]
    assert [file.name for file in (target / "imagesTs").iterdir()] == ["p_3_0000.nii.gz"]
    assert (target / "labelsTr" / "p_1.nii.gz").read_bytes() == (task / "labelsTr" / "p_1.nii.gz").read_bytes()
    content = json.loads((target / "dataset.json").read_text())
    assert list(content.items()) == [
        ("name", "Prostate"),
        ("labels", {"background": 0, "PZ": 1}),
        ("numTraining", 2),
        ("tensorImageSize", "4D"),
        ("file_ending", ".nii.gz"),
        ("channel_names", {"0": "T2", "1": "ADC"}),
    ]
    assert [path.name for path in nnunet_folders.raw.iterdir()] == ["Dataset005_Prostate"]


def test_a_volume_keeps_its_values_and_geometry(tmp_path: Path) -> None:
    write(sitk.JoinSeries([volume(0), volume(1)]), tmp_path / "x.nii.gz")
    split_4d_nifti(str(tmp_path / "x.nii.gz"), str(tmp_path))

    for number in range(2):
        got, expected = sitk.ReadImage(str(tmp_path / f"x_{number:04d}.nii.gz")), volume(number)
        assert np.array_equal(sitk.GetArrayFromImage(got), sitk.GetArrayFromImage(expected))
        assert got.GetSpacing() == pytest.approx(expected.GetSpacing())
        assert got.GetOrigin() == pytest.approx(expected.GetOrigin())
        assert got.GetDirection() == pytest.approx(expected.GetDirection())


def test_a_full_disk_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(sitk.JoinSeries([volume(0), volume(1)]), tmp_path / "x.nii.gz")
    written = sitk.WriteImage

    def write_half(image: sitk.Image, path: str, compressed: bool) -> None:
        written(image, path, compressed)
        os.truncate(path, os.path.getsize(path) // 2)

    monkeypatch.setattr(sitk, "WriteImage", write_half)
    with pytest.raises(OSError, match="No space left on device") as caught:
        split_4d_nifti(str(tmp_path / "x.nii.gz"), str(tmp_path))
    assert caught.value.filename == str(tmp_path / "x_0000.nii.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["x.nii.gz"]


@pytest.mark.parametrize("end", ["", "/", "\\"])
def test_the_id_can_be_chosen(nnunet_folders: NnunetFolders, task: Path, end: str) -> None:
    convert_msd_dataset(str(task) + end, 42, 0)

    assert (nnunet_folders.raw / "Dataset042_Prostate").is_dir()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_named_and_nothing_is_written(nnunet_folders: NnunetFolders, task: Path, kind: str) -> None:
    make_odd(task / "imagesTr" / "odd.nii.gz", kind)
    with pytest.raises(DatasetLayoutError, match=rf"odd\.nii\.gz: {KINDS[kind]}"):
        convert_msd_dataset(str(task), None, 0)

    assert list(nnunet_folders.raw.iterdir()) == []


def test_an_id_is_not_negative(nnunet_folders: NnunetFolders, task: Path) -> None:
    with pytest.raises(AssertionError, match="id -4: expected 0 or more"):
        convert_msd_dataset(str(task), -4, 0)


def test_a_used_id_is_refused(nnunet_folders: NnunetFolders, task: Path) -> None:
    (nnunet_folders.results / "Dataset005_Other").mkdir()

    with pytest.raises(AssertionError, match="id 5 is taken by Dataset005_Other"):
        convert_msd_dataset(str(task), None, 0)


@pytest.mark.parametrize("name", ["Task05_Pro_state", "Prostate", "Task_Prostate"])
def test_other_folder_names_are_refused(nnunet_folders: NnunetFolders, task: Path, name: str) -> None:
    with pytest.raises(AssertionError, match="expected Task<number>_<Name>"):
        convert_msd_dataset(str(task.rename(task.parent / name)), None, 0)


def test_a_broken_image_leaves_nothing_behind(
    nnunet_folders: NnunetFolders, task: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    (task / "imagesTr" / "p_2.nii.gz").write_bytes(b"broken")

    run_command(entry_point, "-i", task, "-np", 0, exit_code=2)
    error = capsys.readouterr().err
    assert "p_2.nii.gz: cannot be read" in error
    assert "Traceback" not in error
    assert list(nnunet_folders.raw.iterdir()) == []


@pytest.mark.parametrize("part", ["imagesTs", "dataset.json"])
def test_missing_parts_of_a_task_are_named(
    nnunet_folders: NnunetFolders,
    task: Path,
    part: str,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (task / part).rename(task / "elsewhere")

    run_command(entry_point, "-i", task, exit_code=2)
    assert capsys.readouterr().err.startswith(f"error: {task}: {part} missing")
    assert list(nnunet_folders.raw.iterdir()) == []
