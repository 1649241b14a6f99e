from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.case_checks import (
    check_channels,
    check_label_shape,
    check_label_values,
    check_shapes,
    unknown_values,
)

RGB = {"channel_names": {"0": "R", "1": "G", "2": "B"}}


def test_one_channel_per_name_passes() -> None:
    check_channels(np.zeros((3, 1, 2, 2)), ["a.png"], RGB)
    check_channels(np.zeros((1, 1, 2, 2)), ["a.png"], {"modality": {"0": "CT"}})


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_fewer_and_more_channels_are_refused(channels: int) -> None:
    with pytest.raises(UnfitImageError, match=rf"a.png: {channels} channel\(s\), dataset.json names 3 \(R, G, B\)$"):
        check_channels(np.zeros((channels, 1, 2, 2)), ["a.png"], RGB)


def test_a_fourth_channel_of_an_rgb_dataset_is_probably_alpha() -> None:
    with pytest.raises(UnfitImageError, match=r"alpha\)\? Save the image without it"):
        check_channels(np.zeros((4, 1, 2, 2)), ["a.png"], RGB)


def test_a_mask_of_another_shape_is_named_with_its_image() -> None:
    with pytest.raises(AssertionError, match=r"m.png: shape \(1, 2, 3\), its image has \(1, 2, 2\) \(a.png\)"):
        check_label_shape(np.zeros((1, 1, 2, 3)), np.zeros((3, 1, 2, 2)), "m.png", ["a.png"])


def test_arrays_of_different_shapes_are_refused() -> None:
    check_shapes(np.zeros((1, 1, 2, 2)), np.zeros((3, 1, 2, 2)))
    with pytest.raises(UnfitImageError, match=r"segmentation of shape \(1, 1, 2, 3\), its image has \(3, 1, 2, 2\)"):
        check_shapes(np.zeros((1, 1, 2, 3)), np.zeros((3, 1, 2, 2)))


def test_a_mask_has_one_channel() -> None:
    with pytest.raises(UnfitImageError, match=r"m.nii: 2 channels, a label file has one"):
        check_label_shape(np.zeros((2, 1, 2, 2)), np.zeros((3, 1, 2, 2)), "m.nii", ["a.nii"])


def test_255_is_taken_for_1() -> None:
    with pytest.raises(UnfitImageError, match=r"m.png: found 255, did you mean 1\?; dataset.json has the labels 0, 1"):
        check_label_values(np.array([0.0, 255.0]), [0, 1], "m.png")


def test_values_between_labels_are_refused() -> None:
    with pytest.raises(UnfitImageError, match=r"found 0.5, 7 \(labels have to be whole numbers\)"):
        check_label_values(np.array([0.0, 0.5, 1.0, 7.0]), [0, 1], "m.png")


def test_values_are_shown_with_the_digits_that_matter() -> None:
    labels = np.array([1.0000001, 1234567, np.nan], np.float32)
    with pytest.raises(UnfitImageError, match=r"found 1.0000001, 1234567, nan \(labels have to be whole numbers\)"):
        check_label_values(labels, [0, 1], "m.png")


def test_only_some_of_many_values_are_listed() -> None:
    with pytest.raises(UnfitImageError, match=r"found 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, \.\.\.;"):
        check_label_values(np.arange(50.0), [0, 1], "m.png")


def test_known_labels_pass() -> None:
    check_label_values(np.array([0.0, 2.0]), [0, 1, 2], "m.png")
    assert unknown_values(np.array([0.0, np.nan, 3.0]), [0]).tolist()[0] == 3


def test_files_may_be_given_as_paths() -> None:
    with pytest.raises(UnfitImageError, match=r"a.png, b.png: 1 channel\(s\)"):
        check_channels(np.zeros((1, 1, 2, 2)), [Path("a.png"), Path("b.png")], RGB)  # type: ignore[list-item]
