import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.ensembling.ensemble import (
    average_probabilities,
    ensemble_crossvalidations,
    ensemble_folders,
    entry_point_ensemble_folders,
)
from nnunetv2.errors import CaseFailedError, DatasetError, DatasetLayoutError, InvalidOutputError, MissingFileError
from nnunetv2.foundation.files import read_json, write_json
from tests.factories.plans import make_dataset_json, make_plans

SHAPE = (1, 6, 7)


def write_case(folder: Path, case: str, probabilities: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / f"{case}.npz", probabilities=probabilities)
    (folder / f"{case}.pkl").write_bytes(pickle.dumps({"spacing": (999, 1, 1), "folder": folder.name}))


def random_probabilities(seed: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).random((channels, *SHAPE)).astype(np.float32)


def describe(folder: Path, dataset_json: dict | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(dataset_json or make_dataset_json(".png", 3), folder / "dataset.json")
    write_json(make_plans([8, 8], [1.0, 1.0], ".png", 3), folder / "plans.json")


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Three folders of predictions of the cases a and b."""
    paths = [tmp_path / f"model{number}" for number in range(3)]
    for number, folder in enumerate(paths):
        for case in "ab":
            write_case(folder, case, random_probabilities(10 * number + ord(case)))
    describe(paths[0])
    return paths


def mean_of(folders: list[Path], case: str) -> np.ndarray:
    arrays = [np.load(folder / f"{case}.npz")["probabilities"] for folder in folders]
    return (arrays[0] + arrays[1] + arrays[2]) / np.float32(3)


def test_the_mean_is_that_of_float32_arrays(folders: list[Path]) -> None:
    mean = average_probabilities([folder / "a.npz" for folder in folders])
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, mean_of(folders, "a"), rtol=1e-7)


@pytest.mark.parametrize("workers", [0, 2])
def test_folders_are_merged_case_by_case(folders: list[Path], tmp_path: Path, workers: int) -> None:
    ensemble_folders(folders, tmp_path / "out", num_processes=workers)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.png",
        "b.png",
        "dataset.json",
        "plans.json",
    ]
    for case in "ab":
        with Image.open(tmp_path / "out" / f"{case}.png") as picture:
            np.testing.assert_array_equal(np.array(picture), mean_of(folders, case).argmax(0)[0])
    for name in ("dataset.json", "plans.json"):
        assert read_json(tmp_path / "out" / name) == read_json(folders[0] / name)


def test_the_merged_probabilities_can_be_merged_again(folders: list[Path], tmp_path: Path) -> None:
    ensemble_folders(folders, tmp_path / "out", save_merged_probabilities=True, num_processes=0)
    properties = pickle.loads((tmp_path / "out" / "a.pkl").read_bytes())
    assert properties["folder"] == "model0"
    ensemble_folders([tmp_path / "out"], tmp_path / "again", num_processes=0)
    assert (tmp_path / "again" / "a.png").read_bytes() == (tmp_path / "out" / "a.png").read_bytes()


def test_regions_are_thresholded(tmp_path: Path) -> None:
    regions = make_dataset_json(".png", 3, {"background": 0, "whole": [1, 2], "core": 2}, regions_class_order=[1, 2])
    describe(tmp_path / "one", regions)
    probabilities = random_probabilities(1, channels=2)
    write_case(tmp_path / "one", "a", probabilities)
    ensemble_folders([tmp_path / "one"], tmp_path / "out", num_processes=0)
    expected = np.where(probabilities[0] > 0.5, 1, 0)
    expected[probabilities[1] > 0.5] = 2
    with Image.open(tmp_path / "out" / "a.png") as picture:
        np.testing.assert_array_equal(np.array(picture), expected[0])


def test_folders_with_different_cases_are_refused_by_name(folders: list[Path], tmp_path: Path) -> None:
    (folders[2] / "b.npz").unlink()
    with pytest.raises(AssertionError, match=r"(?s)do not contain the same cases.*model2: no b\.npz"):
        ensemble_folders(folders, tmp_path / "out", num_processes=0)


def test_different_shapes_are_refused_by_name(folders: list[Path], tmp_path: Path) -> None:
    write_case(folders[1], "b", np.zeros((3, 1, 6, 8), np.float32))
    with pytest.raises(CaseFailedError, match=r"case b: .*\(3, 1, 6, 8\)"):
        ensemble_folders(folders, tmp_path / "out", num_processes=0)


def test_the_error_for_missing_probabilities_says_how_to_get_them(tmp_path: Path) -> None:
    describe(tmp_path / "empty")
    with pytest.raises(MissingFileError, match="--save_probabilities"):
        ensemble_folders([tmp_path / "empty"], tmp_path / "out")


def test_the_command_merges(folders: list[Path], tmp_path: Path, run_command: Callable[..., None]) -> None:
    run_command(entry_point_ensemble_folders, "-i", *folders, "-o", tmp_path / "out", "-np", 0, "--save_npz")
    assert (tmp_path / "out" / "b.npz").is_file()


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """Two models with two folds, whose splits differ."""
    splits = [{0: "ab", 1: "c"}, {0: "c", 1: "ab"}]
    paths = [tmp_path / "results" / name for name in ("one", "two")]
    for number, (path, split) in enumerate(zip(paths, splits, strict=True)):
        describe(path)
        for fold, cases in split.items():
            for case in cases:
                write_case(path / f"fold_{fold}" / "validation", case, random_probabilities(number * 10 + ord(case)))
    return paths


def test_cross_validations_with_different_splits_are_merged(models: list[Path], tmp_path: Path) -> None:
    ensemble_crossvalidations(models, tmp_path / "out", (0, 1), 0)
    mean = (random_probabilities(ord("c")) + random_probabilities(10 + ord("c"))) / 2
    with Image.open(tmp_path / "out" / "c.png") as picture:
        np.testing.assert_array_equal(np.array(picture), mean.argmax(0)[0])
    assert sorted(path.name for path in (tmp_path / "out").glob("*.json")) == ["dataset.json", "plans.json"]


def test_merged_cases_are_kept_without_overwrite(models: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "c.png").write_text("earlier")
    ensemble_crossvalidations(models, tmp_path / "out", (0, 1), 0, overwrite=False)
    assert (tmp_path / "out" / "c.png").read_text() == "earlier"
    assert (tmp_path / "out" / "a.png").is_file()


def test_cases_that_cannot_be_merged_are_named(models: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"fold 2 .*--npz"):
        ensemble_crossvalidations(models, tmp_path / "out", (0, 1, 2), 0)
    with pytest.raises(DatasetError, match=r"(?s)missing from some.*a"):
        ensemble_crossvalidations(models, tmp_path / "out", (0,), 0)
    write_case(models[0] / "fold_1" / "validation", "a", random_probabilities(0))
    with pytest.raises(DatasetLayoutError, match=r"(?s)another fold.*a") as caught:
        ensemble_crossvalidations(models, tmp_path / "out", (0, 1), 0)
    assert isinstance(caught.value, AssertionError)


@pytest.mark.parametrize("number", [0, 2])
def test_the_command_does_not_write_into_its_inputs(folders: list[Path], run_command, capsys, number: int) -> None:
    before = sorted(folders[number].iterdir())
    output = f"{folders[number]}/../model{number}"
    run_command(entry_point_ensemble_folders, "-i", *folders, "-o", output, exit_code=2)
    assert f"is the folder of the predictions {folders[number]}" in capsys.readouterr().err
    assert sorted(folders[number].iterdir()) == before


def test_a_merged_segmentation_replaces_no_file_of_a_folder_without_results(
    folders: list[Path], tmp_path: Path
) -> None:
    case = next(folders[0].glob("*.npz")).stem
    annotation = tmp_path / f"masks/{case}.png"
    annotation.parent.mkdir()
    annotation.write_bytes(b"drawn by hand")

    with pytest.raises(InvalidOutputError, match="are these annotations"):
        ensemble_folders(folders, annotation.parent, num_processes=0)
    assert [file.read_bytes() for file in annotation.parent.iterdir()] == [b"drawn by hand"]


def test_a_segmentation_without_probabilities_is_not_left_out(folders: list[Path], tmp_path: Path) -> None:
    (folders[1] / "c.png").touch()

    with pytest.raises(DatasetLayoutError, match="--save_probabilities") as caught:
        ensemble_folders(folders, tmp_path / "out", num_processes=0)
    assert caught.value.problems == tuple(f"{folder}: no c.npz" for folder in folders)
    assert not (tmp_path / "out").exists()
