from pathlib import Path

import pytest

from nnunetv2.errors import DatasetError, DatasetLayoutError, SettingsError
from nnunetv2.evaluation.validation_files import refuse_fold_all, validation_files


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for fold, names in (("0", ["a.b.nii.gz", "a.b.npz", "summary.json"]), ("1", ["c.nii.gz"]), ("all", ["c.nii.gz"])):
        folder = tmp_path / f"fold_{fold}" / "validation"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).touch()
    return tmp_path


def test_files_of_one_ending_are_found_by_case(model: Path) -> None:
    found = validation_files(model, (0, 1), ".nii.gz")
    assert found == {"a.b": model / "fold_0/validation/a.b.nii.gz", "c": model / "fold_1/validation/c.nii.gz"}


@pytest.mark.parametrize(
    ("folds", "ending", "reason"),
    [
        ((0, 2), ".nii.gz", "fold 2 was not trained: `nnUNetv2_train DATASET CONFIGURATION 2`"),
        ((0, 1), ".npz", "fold_1/validation has no .npz files.* CONFIGURATION 1 --val --npz`"),
        ((0, 3), ".nii.gz", "training of fold 3 was interrupted .*checkpoint_best.pth.* CONFIGURATION 3 --c`"),
        ((2, 3), ".nii.gz", "(?s)2 folds have no .nii.gz.*\n  fold 2.*\n  the training of fold 3"),
    ],
)
def test_a_fold_without_such_files_is_named_with_the_command_to_make_them(model: Path, folds, ending, reason) -> None:
    (model / "fold_3").mkdir()
    for fold, name in (("1", "final"), ("3", "best")):
        (model / f"fold_{fold}/checkpoint_{name}.pth").touch()
    with pytest.raises(DatasetError, match=reason):
        validation_files(model, folds, ending)


def test_cases_of_two_folds_are_named(model: Path) -> None:
    with pytest.raises(DatasetLayoutError, match=r"(?s)fold_all.*another fold.*\n  c$"):
        validation_files(model, (0, 1, "all"), ".nii.gz")


def test_fold_all_is_nothing_to_choose_by(model: Path) -> None:
    (model / "fold_all/checkpoint_final.pth").touch()

    with pytest.raises(DatasetError, match=r"only fold all was trained.*nnUNetv2_predict .* -f all"):
        validation_files(model, (2, 3), ".nii.gz")
    with pytest.raises(SettingsError, match=r"-f all: .*nnUNetv2_predict .* -f all.*nnUNetv2_train .* 0`"):
        refuse_fold_all(model, (0, "all"))
    refuse_fold_all(model, (0, 1))
