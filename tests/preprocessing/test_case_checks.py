from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.case_checks import (
    channel_problems,
    label_channel_problems,
    label_problems,
    nan_problems,
    raise_first,
    shape_problems,
)


def test_the_first_problem_is_raised() -> None:
    raise_first([])
    with pytest.raises(UnfitImageError, match=r"^a$"):
        raise_first(["a", "b"])


@pytest.mark.parametrize(
    ("found", "expected", "files", "problem"),
    [
        (4, 3, ["a.png"], "a.png: 4 channel(s), dataset.json names 3; save RGBA images without alpha"),
        (1, 3, ["a.png"], "a.png: 1 channel(s), dataset.json names 3; save grey images as RGB"),
        (5, 3, ["a.png"], "a.png: 5 channel(s), dataset.json names 3"),
        (1, 3, ["a.nii", "b.nii"], "a.nii and 1 more file(s): 1 channel(s), dataset.json names 3"),
        (2, 3, [Path("a.png")], "a.png: 2 channel(s), dataset.json names 3"),
    ],
)
def test_fewer_and_more_channels_are_refused(found: int, expected: int, files: list[str], problem: str) -> None:
    assert channel_problems(found, files, expected) == [problem]


def test_one_channel_per_name_passes() -> None:
    assert channel_problems(3, ["a.png"], 3) == []


def test_nan_is_named_with_the_file() -> None:
    assert nan_problems(np.array([0, np.nan]), "a.nii") == ["a.nii: contains NaN; replace it with a number"]
    assert nan_problems(np.array([0, np.inf]), "a.nii") == []
    assert nan_problems(np.array([]), "a.nii") == []


def test_a_mask_of_another_shape_is_named_with_its_image() -> None:
    mask, image = np.zeros((1, 1, 2, 3)), np.zeros((3, 1, 2, 2))
    expected = "m.png: shape (1, 2, 3), expected (1, 2, 2) as in a.png; export the mask in the size of its image"
    assert shape_problems(mask, image, "m.png", "a.png") == [expected]
    assert shape_problems(mask[..., :2], image, "m.png", "a.png") == []


def test_a_mask_has_one_channel() -> None:
    expected = "m.nii: 2 channels, expected one; save labels as grey values, not as colours"
    assert label_channel_problems(np.zeros((2, 1, 2, 2)), "m.nii") == [expected]
    assert label_channel_problems(np.zeros((1, 1, 2, 2)), "m.nii") == []


def found(values: list[float], labels: list[int]) -> list[str]:
    """Return what is said about each value that is not a label, without the file."""
    seg = np.array(values)
    return [problem.removeprefix("m.png: found ").split(" (")[0] for problem in label_problems(seg, labels, "m.png")]


def test_known_labels_pass() -> None:
    assert found([0, 2, 1, 2], [0, 1, 2]) == []


def test_voxels_are_counted_and_labels_listed() -> None:
    expected = "m.png: found 7, did you mean 1? (2 voxel(s); dataset.json has 0, 1)"
    assert label_problems(np.array([7, 0, 7]), [0, 1], "m.png") == [expected]


@pytest.mark.parametrize(
    ("values", "labels", "problems"),
    [
        ([0, 255], [0, 1], ["255, did you mean 1?"]),
        ([255], [0, 1], ["255, did you mean 1?"]),
        ([0, 127, 255], [0, 1, 2], ["127, did you mean 1?", "255, did you mean 2?"]),
        ([0, 2, 255], [0, 1, 2], ["255, did you mean 1?"]),
        ([0, 1, 255], [0, 1], ["255"]),
        ([0, 1, 2, 255], [0, 1, 2, 3], ["255, did you mean 3?"]),
        ([-1, 0, 1], [0, 1], ["-1"]),
    ],
)
def test_labels_that_the_file_lacks_are_guessed_in_order(
    values: list[float], labels: list[int], problems: list[str]
) -> None:
    assert found(values, labels) == problems


def test_values_between_labels_are_refused_and_shown_with_the_digits_that_matter() -> None:
    assert found([0, 0.5, 1, 7, np.nan], [0, 1]) == [
        "0.5, expected a whole number",
        "7",
        "nan, expected a whole number",
    ]
    problems = label_problems(np.array([1.0000001, 1234567], np.float32), [0, 1], "m.png")
    assert [problem.split()[2].rstrip(",") for problem in problems] == ["1.0000001", "1234567"]


def test_only_some_of_many_values_are_listed() -> None:
    problems = label_problems(np.arange(50.0), [0, 1], "m.png")
    assert len(problems) == 11
    assert problems[-1] == "m.png: 38 more such values"
