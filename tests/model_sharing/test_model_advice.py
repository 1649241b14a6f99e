from pathlib import Path

import pytest

from nnunetv2.model_sharing.model_advice import (
    checkpoints_by_fold,
    describe_fold,
    predict_command,
    train_command,
    ways_to_checkpoints,
)

FINAL, BEST, LATEST = "checkpoint_final.pth", "checkpoint_best.pth", "checkpoint_latest.pth"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Fold 0 is finished, the training of fold 1 was interrupted, fold 2 is empty."""
    folder = tmp_path / "Dataset004_T/nnUNetTrainer__nnUNetPlans__2d"
    for fold, names in (("0", [FINAL, BEST]), ("1", [BEST, LATEST]), ("2", [])):
        (folder / f"fold_{fold}").mkdir(parents=True)
        for name in names:
            (folder / f"fold_{fold}" / name).touch()
    return folder


def test_checkpoints_are_listed_by_fold(model: Path) -> None:
    assert checkpoints_by_fold(model) == {"0": [BEST, FINAL], "1": [BEST, LATEST]}
    assert checkpoints_by_fold(model / "absent") == {}


def test_commands_name_trainer_and_plans_only_if_they_are_not_the_usual_ones(model: Path) -> None:
    assert train_command(model, 0, "--c") == "`nnUNetv2_train Dataset004_T 2d 0 --c`"
    other = model.with_name("Mine__Plans__3d")
    assert train_command(other, "all") == "`nnUNetv2_train Dataset004_T 3d all -tr Mine -p Plans`"
    assert predict_command(other, "all") == (
        "`nnUNetv2_predict -d Dataset004_T -c 3d -tr Mine -p Plans -f all -i INPUT -o OUTPUT`"
    )


@pytest.mark.parametrize("name", ["somewhere", "Dataset004_T/somewhere"])
def test_a_model_folder_of_another_name_has_placeholders(tmp_path: Path, name: str) -> None:
    assert train_command(tmp_path / name, 1) == "`nnUNetv2_train DATASET CONFIGURATION 1`"


def test_a_fold_is_continued_if_there_is_something_to_continue_from(model: Path) -> None:
    assert "`nnUNetv2_train Dataset004_T 2d 1 --c --npz`" in describe_fold(model, 1, "--npz")
    assert describe_fold(model, 2) == "fold 2 was not trained: `nnUNetv2_train Dataset004_T 2d 2`"


@pytest.mark.parametrize(
    ("folds", "checkpoint", "ways"),
    [
        ([0, 1], FINAL, ["-f 0", f"-chk {BEST}", "2d 1 --c"]),
        ([2], FINAL, ["-f 0", "train (fold 2 was not trained: "]),
        ([], LATEST, ["-f 1", f"-chk {BEST}"]),
        (["all"], BEST, ["-f 0 1"]),
    ],
)
def test_what_is_missing_can_be_chosen_otherwise_or_made(model: Path, folds, checkpoint, ways) -> None:
    advice = ways_to_checkpoints(model, folds, checkpoint).split("; or ")

    assert len(advice) == len(ways)
    for found, expected in zip(advice, ways, strict=True):
        assert expected in found


def test_a_model_with_fold_all_alone_is_used_with_it(model: Path) -> None:
    for fold in (1, 2):
        for file in (model / f"fold_{fold}").iterdir():
            file.unlink()
    (model / "fold_0").rename(model / "fold_all")

    assert ways_to_checkpoints(model, [0, 1, 2, 3, 4], FINAL).startswith(
        "choose the folds that have it with -f all; or"
    )
