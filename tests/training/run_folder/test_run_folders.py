import json
from pathlib import Path

import pytest

from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.training.run_folder.run_folders import RunName, require_preprocessed, run_folders, write_model_files

NAME = RunName("Dataset001_Test", "nnUNetTrainer", "nnUNetPlans", "3d_fullres", 2)


def test_folders_name_dataset_trainer_plans_configuration_and_fold() -> None:
    folders = run_folders(NAME, "nnUNetPlans_3d_fullres", None, "/pre", "/res")

    assert Path(folders.preprocessed or "") == Path("/pre/Dataset001_Test/nnUNetPlans_3d_fullres")
    assert Path(folders.output) == Path("/res/Dataset001_Test/nnUNetTrainer__nnUNetPlans__3d_fullres/fold_2")
    assert folders.previous_stage_segmentations is None


def test_a_cascade_reads_the_predictions_of_the_previous_stage() -> None:
    folders = run_folders(NAME, "x", "3d_lowres", "/pre", "/res")

    assert Path(folders.previous_stage_segmentations or "") == Path(
        "/res/Dataset001_Test/nnUNetTrainer__nnUNetPlans__3d_lowres/predicted_next_stage/3d_fullres"
    )


def test_without_a_preprocessed_root_its_folders_are_unknown() -> None:
    folders = run_folders(NAME, "x", None, None, "/res")

    assert folders.preprocessed is None
    assert folders.preprocessed_base is None


def test_the_error_for_a_missing_preprocessed_dataset_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="run `nnUNetv2_preprocess -d 4 -c 2d` first"):
        require_preprocessed(str(tmp_path / "nowhere"), "nnUNetv2_preprocess -d 4 -c 2d")
    with pytest.raises(SettingsError, match="nnUNet_preprocessed is not set"):
        require_preprocessed(None)


def test_the_model_folder_gets_plans_and_the_files_the_model_was_made_from(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for name in ("dataset_fingerprint.json", "domains.json", "prism_dd.json"):
        (source / name).write_text(name)

    write_model_files({"b": 1, "a": 2}, {"labels": {}}, str(source), str(target))

    assert list(json.loads((target / "plans.json").read_text())) == ["b", "a"]
    assert json.loads((target / "dataset.json").read_text()) == {"labels": {}}
    assert (target / "domains.json").read_text() == "domains.json"
    assert not (target / "groups.json").exists()
