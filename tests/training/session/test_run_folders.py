from pathlib import Path

from nnunetv2.training.session.run_folders import RunName, run_folders

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
