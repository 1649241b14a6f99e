from pathlib import Path

import pytest

from nnunetv2.errors import DatasetError, DatasetLayoutError
from nnunetv2.evaluation.validation_files import validation_files


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
    [((0, 2), ".nii.gz", r"fold_2.*\.\.\. --val`"), ((0, 1), ".npz", r"fold_1.*\.\.\. --val --npz`")],
)
def test_a_fold_without_such_files_is_named_with_the_command_to_make_them(model: Path, folds, ending, reason) -> None:
    with pytest.raises(DatasetError, match=reason):
        validation_files(model, folds, ending)


def test_cases_of_two_folds_are_named(model: Path) -> None:
    with pytest.raises(DatasetLayoutError, match=r"(?s)fold_all.*another fold.*\n  c$"):
        validation_files(model, (0, 1, "all"), ".nii.gz")
