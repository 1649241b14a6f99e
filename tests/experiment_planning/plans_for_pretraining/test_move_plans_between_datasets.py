"""Plans of one dataset written for another."""

import json
from collections.abc import Callable

import pytest

from nnunetv2.experiment_planning.plans_for_pretraining.move_plans_between_datasets import (
    entry_point_move_plans_between_datasets,
    move_plans_between_datasets,
    renamed_identifier,
)
from tests.conftest import NnunetFolders
from tests.experiment_planning.factories import write_json, write_plannable, write_rgb_dataset

SOURCE, TARGET = "Dataset011_Source", "Dataset012_Target"
PLANS = {
    "dataset_name": SOURCE,
    "plans_name": "srcP",
    "image_reader_writer": "SimpleITKIO",
    "configurations": {
        "2d": {"data_identifier": "nnUNetPlans_2d", "batch_size": 7},
        "3d_fullres": {"data_identifier": "srcP_3d_fullres"},
        "mine": {"inherits_from": "2d"},
    },
}


@pytest.fixture
def folders(nnunet_folders: NnunetFolders) -> NnunetFolders:
    """A source with plans and a target with RGB images and a preprocessed folder."""
    write_plannable(nnunet_folders.raw, nnunet_folders.preprocessed, SOURCE, spacings=[[1, 1, 1]], shapes=[[9, 9, 9]])
    write_json(PLANS, nnunet_folders.preprocessed / SOURCE / "srcP.json")
    write_rgb_dataset(nnunet_folders.raw / TARGET)
    (nnunet_folders.preprocessed / TARGET).mkdir()
    return nnunet_folders


def moved(folders: NnunetFolders, name: str) -> dict:
    return json.loads((folders.preprocessed / TARGET / f"{name}.json").read_text())


def test_renamed_plans_get_their_own_data_folders(folders: NnunetFolders) -> None:
    move_plans_between_datasets(11, TARGET, "srcP", "myP")

    plans = moved(folders, "myP")
    assert (plans["dataset_name"], plans["plans_name"]) == (TARGET, "myP")
    assert plans["image_reader_writer"] == "NaturalImage2DIO"
    assert plans["configurations"] == {
        "2d": {"data_identifier": "myP_nnUNetPlans_2d", "batch_size": 7},
        "3d_fullres": {"data_identifier": "myP_3d_fullres"},
        "mine": {"inherits_from": "2d"},
    }


def test_plans_of_the_same_name_keep_their_data_folders(folders: NnunetFolders) -> None:
    move_plans_between_datasets(SOURCE, 12, "srcP")

    assert moved(folders, "srcP")["configurations"] == PLANS["configurations"]


def test_the_name_of_the_plans_is_replaced_or_prepended() -> None:
    assert renamed_identifier("A_2d", "A", "B") == "B_2d"
    assert renamed_identifier("other_2d", "A", "B") == "B_other_2d"


def test_a_missing_source_and_a_missing_target_are_named(folders: NnunetFolders) -> None:
    with pytest.raises(AssertionError, match=r"none\.json does not exist"):
        move_plans_between_datasets(11, 12, "none")
    (folders.preprocessed / TARGET).rmdir()
    with pytest.raises(FileNotFoundError, match="Run nnUNetv2_extract_fingerprint"):
        move_plans_between_datasets(11, 12, "srcP")


def test_the_command_copies_the_plans(
    folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(entry_point_move_plans_between_datasets, "-s", 11, "-t", 12, "-sp", "srcP", "-tp", "myP")
    assert moved(folders, "myP")["plans_name"] == "myP"

    run_command(entry_point_move_plans_between_datasets, "-s", 11, "-t", 12, "-sp", "none", exit_code=2)
    assert capsys.readouterr().err.count("\n") == 1
    assert not (folders.preprocessed / TARGET / "none.json").exists()


def test_plans_for_another_number_of_channels_are_announced(folders: NnunetFolders, caplog) -> None:
    file = folders.preprocessed / SOURCE / "srcP.json"
    for count, expected in ((1, True), (3, False)):
        caplog.clear()
        plans = json.loads(file.read_text())
        plans["configurations"]["2d"]["normalization_schemes"] = ["ZScoreNormalization"] * count
        write_json(plans, file)
        move_plans_between_datasets(11, 12, "srcP")
        assert (f"{TARGET} has 3 channel(s) (" in caplog.text) is expected
        assert ("these plans normalise 1: its images cannot be preprocessed" in caplog.text) is expected
