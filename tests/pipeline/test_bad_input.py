"""Mistakes of a user, made with the real commands: one clear line, exit code 2, nothing half-written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2.foundation.file_lock import FileLock
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pipeline.factories import (
    CASES,
    DOMAINS,
    SIDE,
    Finished,
    Workspace,
    copy_workspace,
    make_workspace,
    save,
    write_dataset_json,
    write_domains,
)

Break = Callable[[Workspace], object]


@pytest.fixture
def raw(tmp_path: Path) -> Workspace:
    """A sound raw data set."""
    return make_workspace(tmp_path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The data set planned and preprocessed by the command."""
    workspace = make_workspace(tmp_path_factory.mktemp("sound"))
    finished = workspace.plan("--verify_dataset_integrity")
    assert finished.code == 0, finished.errors
    return workspace


@pytest.fixture
def ready(sound: Workspace, tmp_path: Path) -> Workspace:
    """A preprocessed data set that the test may break."""
    return copy_workspace(sound, tmp_path)


# folders of the environment


@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed"])
def test_planning_without_a_folder_variable(raw: Workspace, variable: str) -> None:
    raw.changes[variable] = None

    assert variable in raw.plan().error
    assert raw.written() == []


def test_training_without_a_results_folder(ready: Workspace) -> None:
    ready.changes["nnUNet_results"] = None
    before = ready.written()

    assert "nnUNet_results is not defined" in ready.train().error
    assert ready.written() == before


@pytest.mark.parametrize("place", ["/proc/no/such/place", "a file"])
def test_a_preprocessed_folder_that_cannot_be_written(raw: Workspace, tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").write_text("")
    raw.changes["nnUNet_preprocessed"] = str(tmp_path / place)

    assert str(tmp_path / place) in raw.plan().error
    assert raw.written() == []


def test_a_results_folder_that_cannot_be_written(ready: Workspace) -> None:
    ready.changes["nnUNet_results"] = "/proc/no/such/place"
    before = ready.written()

    assert "cannot create /proc/no/such/place" in ready.train().error
    assert ready.written() == before


# the data set


def test_a_data_set_that_does_not_exist(raw: Workspace) -> None:
    error = raw.run("nnUNetv2_plan_and_preprocess", "-d", 311).error

    assert "Could not find a dataset with the ID 311" in error
    assert "Known datasets: Dataset310_" in error
    assert raw.written() == []


def test_two_folders_with_one_id(raw: Workspace) -> None:
    (raw.folders.raw / "Dataset310_Other").mkdir()

    error = raw.plan().error
    assert "Dataset310_Cells, Dataset310_Other" in error
    assert raw.written() == []


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda space: (space.raw / "dataset.json").unlink(), "dataset.json not found"),
        (lambda space: (space.raw / "dataset.json").write_text('{"labels": '), "dataset.json: not valid JSON"),
        (lambda space: (space.raw / "dataset.json").write_text("[]"), "dataset.json"),
        (lambda space: write_dataset_json(space.raw, labels={"background": 0, "cell": 2}), "found 2, did you mean 1?"),
        (lambda space: write_dataset_json(space.raw, labels={"background": 0, "cell": "one"}), "'cell' is 'one'"),
        (lambda space: write_dataset_json(space.raw, file_ending=".xyz"), ".xyz"),
    ],
    ids=["missing", "cut off", "a list", "labels with a gap", "labels in words", "unknown ending"],
)
def test_a_bad_dataset_json(raw: Workspace, break_it: Break, message: str) -> None:
    break_it(raw)

    assert message in raw.plan().error
    assert raw.written() == []


# images and masks


def truncate(file: str) -> Break:
    return lambda space: os.truncate(space.raw / file, (space.raw / file).stat().st_size // 2)


def mask(array: np.ndarray) -> Break:
    return lambda space: save(array.astype(np.uint8), space.raw / "labelsTr" / "case_03.png")


HALF = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 2


@pytest.mark.parametrize("checks", [["--verify_dataset_integrity"], []], ids=["verified", "unverified"])
@pytest.mark.parametrize(
    ("break_it", "file", "message"),
    [
        (truncate("imagesTr/case_03_0000.png"), "imagesTr/case_03_0000.png", "is damaged (cut off"),
        (truncate("labelsTr/case_03.png"), "labelsTr/case_03.png", "is damaged (cut off"),
        (lambda space: (space.raw / "labelsTr/case_03.png").unlink(), "labelsTr/case_03.png", ""),
        (mask(HALF[:, 4:]), "labelsTr/case_03.png", f"{SIDE}, {SIDE - 4})"),
        (mask(HALF * 255), "labelsTr/case_03.png", "found 255, did you mean 1?"),
        (mask(HALF * 7), "labelsTr/case_03.png", "found 7"),
    ],
    ids=["image cut off", "mask cut off", "mask missing", "mask of another shape", "mask 0/255", "unknown label"],
)
def test_a_bad_case_is_named_and_leaves_only_whole_files(
    raw: Workspace, break_it: Break, file: str, message: str, checks: list[str]
) -> None:
    break_it(raw)

    error = raw.plan(*checks).error

    assert file in error
    assert message in error
    written = [Path(name).name for name in raw.written()]
    assert not [name for name in written if name.startswith((".", "case_03")) or name.endswith(".tmp")]
    assert written == [] or not checks


def test_a_broken_image_is_named_by_worker_processes_too(raw: Workspace) -> None:
    truncate("imagesTr/case_03_0000.png")(raw)

    assert "imagesTr/case_03_0000.png: is damaged (cut off" in raw.plan("-np", 2, "-npfp", 2).error


def test_a_second_command_leaves_the_first_alone(ready: Workspace) -> None:
    before = ready.written()
    lock = FileLock(ready.preprocessed / "nnUNetPlans_2d.lock")
    assert lock.take(), "as the first command does"

    error = ready.run("nnUNetv2_preprocess", "-d", 310, "-c", "2d", "-np", 0, "--no_pbar").error

    assert "nnUNetPlans_2d: another command is writing into it" in error
    lock.release()
    assert ready.written() == before


# domains.json

WRONG_DOMAINS = [
    ({"A": DOMAINS["A"][1:], "B": DOMAINS["B"]}, "case 'case_00' is in no domain"),
    ({"A": DOMAINS["A"], "B": [*DOMAINS["B"], "case_00"]}, "case 'case_00' is in 'A' and 'B'"),
    ({"A": [*DOMAINS["A"], "case_00"], "B": DOMAINS["B"]}, "case 'case_00' is twice in domain 'A'"),
    ({"A": [*DOMAINS["A"], "case_0"], "B": DOMAINS["B"]}, "case 'case_0' in domain 'A' does not exist, did you mean"),
]


@pytest.mark.parametrize(("domains", "message"), WRONG_DOMAINS, ids=["missing", "in two", "twice", "unknown"])
def test_domains_that_do_not_fit_the_cases(raw: Workspace, domains: dict[str, list[str]], message: str) -> None:
    write_domains(raw.raw, domains)

    error = raw.plan().error
    assert "domains.json" in error
    assert message in error
    assert raw.written() == []


def test_training_with_domains_that_do_not_fit_the_cases(ready: Workspace) -> None:
    domains, message = WRONG_DOMAINS[0]
    write_domains(ready.preprocessed, domains)
    before = ready.written()

    assert message in ready.train().error
    new = sorted(set(ready.written()) - set(before))
    assert all(Path(name).name.startswith("training_log_") for name in new), "at most the log of the attempt is left"


# training


@pytest.mark.parametrize("fold", ["-1", "first"])
def test_a_fold_that_cannot_exist(ready: Workspace, fold: str) -> None:
    before = ready.written()

    assert f"fold is '{fold}', expected a number from 0 on, or 'all'" in ready.train(fold).error
    assert ready.written() == before


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda space: remove(space.preprocessed), "nnUNetv2_plan_and_preprocess -d 310"),
        (lambda space: remove(space.preprocessed / "nnUNetPlans_2d"), "was not preprocessed"),
        (lambda space: [file.unlink() for file in (space.preprocessed / "nnUNetPlans_2d").iterdir()], "preprocess"),
    ],
    ids=["not planned", "no folder", "an empty folder"],
)
def test_a_data_set_that_was_not_preprocessed(ready: Workspace, break_it: Break, message: str) -> None:
    break_it(ready)
    before = ready.written()

    assert message in ready.train().error
    assert ready.written() == before


def remove(folder: Path) -> None:
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()


PROGRESS = {"optimizer_state": {}, "grad_scaler_state": None, "logging": {}, "_best_ema": None, "current_epoch": 1}


@pytest.mark.parametrize("way", ["--c", "-pretrained_weights"])
def test_training_from_a_checkpoint_of_another_network(ready: Workspace, model: Path, way: str) -> None:
    checkpoint = model / "fold_0" / "checkpoint_final.pth"
    arguments: list[object] = [way, checkpoint]
    if way == "--c":
        fold = ready.folders.results / ready.raw.name / "nnUNetTrainer__nnUNetPlans__2d" / "fold_0"
        fold.mkdir(parents=True)
        content = torch.load(checkpoint, weights_only=True)
        torch.save({**content, **PROGRESS}, fold / "checkpoint_latest.pth")
        arguments = [way]

    error = ready.train(0, *arguments).error

    assert "checkpoint_" in error
    assert "network" in error
    assert [name for name in ready.written() if name.endswith(("checkpoint_final.pth", "checkpoint_best.pth"))] == []


# prediction


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model with a patch of 32 x 32 pixels."""
    plans = make_plans([32, 32], [1.0, 1.0], ".png", 3)
    return write_model_folder(tmp_path_factory.mktemp("model"), plans, make_dataset_json(".png", 3))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Images that are hard to predict."""
    folder = tmp_path / "images"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    save(noise, folder / "noise_0000.png")
    save(noise[:9, :5], folder / "small_0000.png")
    save(noise[:1, :1], folder / "pixel_0000.png")
    save(np.zeros((40, 50, 3), np.uint8), folder / "black_0000.png")
    save(np.full((40, 50, 3), 255, np.uint8), folder / "white_0000.png")
    return folder


def predict(space: Workspace, model: Path, images: Path, out: Path, *more: Any) -> Finished:
    settings = ("-device", "cpu", "-npp", 0, "-nps", 0, "--disable_progress_bar")
    arguments = ("-m", model, "-i", images, "-o", out, *settings, *(more or ("-f", 0)))
    return space.run("nnUNetv2_predict_from_modelfolder", *arguments)


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture)


def test_small_and_constant_images_are_predicted(raw: Workspace, model: Path, images: Path, tmp_path: Path) -> None:
    finished = predict(raw, model, images, tmp_path / "out")

    assert finished.code == 0, finished.errors
    for image in images.iterdir():
        labels = pixels(tmp_path / "out" / image.name.replace("_0000", ""))
        assert labels.shape == pixels(image).shape[:2]
        assert set(np.unique(labels)) <= {0, 1, 2}


def test_a_broken_image_does_not_stop_the_others(raw: Workspace, model: Path, images: Path, tmp_path: Path) -> None:
    os.truncate(images / "noise_0000.png", 1000)

    assert "noise_0000.png: is damaged (cut off" in predict(raw, model, images, tmp_path / "out").error
    assert sorted(file.stem for file in (tmp_path / "out").glob("*.png")) == ["black", "pixel", "small", "white"]


def test_a_fold_that_was_not_trained(raw: Workspace, model: Path, images: Path, tmp_path: Path) -> None:
    error = predict(raw, model, images, tmp_path / "out", "-f", 7).error

    assert "fold_7/checkpoint_final.pth not found" in error
    assert not (tmp_path / "out").exists()


def test_predicting_with_a_checkpoint_of_another_network(
    raw: Workspace, model: Path, images: Path, tmp_path: Path
) -> None:
    plans = make_plans([32, 32], [1.0, 1.0], ".png", 3)
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"]["features_per_stage"] = [4, 4, 4]
    other = write_model_folder(tmp_path / "other", plans, make_dataset_json(".png", 3))
    (other / "plans.json").write_bytes((model / "plans.json").read_bytes())

    error = predict(raw, other, images, tmp_path / "out").error
    assert "checkpoint_final.pth" in error
    assert not list((tmp_path / "out").glob("*.png"))


def test_a_prediction_folder_that_cannot_be_written(raw: Workspace, model: Path, images: Path) -> None:
    assert "/proc/no/such/place" in predict(raw, model, images, Path("/proc/no/such/place")).error


def test_every_case_of_the_data_set_is_in_one_domain() -> None:
    assert sorted(case for cases in DOMAINS.values() for case in cases) == list(CASES)
