import numpy as np
import pytest

from nnunetv2.utilities.crossval_split import generate_crossval_split


def test_twelve_cases_are_split_as_documented():
    folds = generate_crossval_split([f"c{number}" for number in range(12)])

    assert [fold["val"] for fold in folds] == [
        ["c0", "c3", "c8"],
        ["c7", "c10", "c11"],
        ["c6", "c9"],
        ["c1", "c4"],
        ["c2", "c5"],
    ]


@pytest.mark.parametrize("count", [5, 7, 12, 33, 101])
@pytest.mark.parametrize("n_splits", [2, 5])
def test_folds_are_those_of_scikit_learn(count, n_splits):
    from sklearn.model_selection import KFold

    cases = np.array([f"case{number:03d}" for number in range(count)])

    folds = generate_crossval_split(cases, seed=7, n_splits=n_splits)

    expected = KFold(n_splits=n_splits, shuffle=True, random_state=7).split(cases)
    assert folds == [{"train": list(cases[train]), "val": list(cases[val])} for train, val in expected]


@pytest.mark.parametrize(("count", "n_splits"), [(4, 5), (5, 1), (0, 5)])
def test_impossible_splits_are_value_errors(count, n_splits):
    with pytest.raises(ValueError, match=f"{n_splits} folds of {count} cases"):
        generate_crossval_split([str(number) for number in range(count)], n_splits=n_splits)
